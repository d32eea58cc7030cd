"""What the officers' commands print of an answer: times and addresses in one piece."""

from __future__ import annotations

import pytest

from xmppgov.adhoc.stanza import Reply
from xmppgov_archive.officers.asking import _table

TIME, ADDRESS = "2025-11-23T02:13:20.001Z", "charles-amine.mauroy@gov.localhost"
ROW = {"time": TIME, "kind": "msg.direct", "from": ADDRESS, "to": ADDRESS, "room": ""}
REPLY = Reply("", "completed", "", False, {}, list(ROW), [ROW], {})


@pytest.mark.parametrize("columns", [80, 140])
def test_times_and_addresses_are_whole_on_every_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _table(REPLY, tuple(ROW))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert TIME in shown
    assert shown.count(ADDRESS) == 2
    assert len(shown.strip().splitlines()) == (4 if columns == 80 else 2)
