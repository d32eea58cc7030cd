"""What the officers' commands print of an answer: times in one piece, as wide as the terminal."""

from __future__ import annotations

import pytest

from xmppgov.adhoc.stanza import Reply
from xmppgov_archive.officers.asking import _table

TIME, ADDRESS = "2025-11-23T02:13:20.001Z", "charles-amine.mauroy@gov.localhost"
ROW = {"time": TIME, "kind": "msg.direct", "from": ADDRESS, "to": ADDRESS, "room": ""}
REPLY = Reply("", "completed", "", False, {}, list(ROW), [ROW], {})


@pytest.mark.parametrize(("columns", "whole"), [(80, False), (140, True)])
def test_a_time_is_whole_and_an_address_where_there_is_room(
    columns: int, whole: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _table(REPLY, tuple(ROW))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert TIME in shown
    assert (ADDRESS in shown) is whole
