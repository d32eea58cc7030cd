"""The board fits 80 columns, says why, and is driven by nothing that it shows."""

from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from xmppgov_alerts.board import board, settled
from xmppgov_alerts.problem import preferred_language
from xmppgov_alerts.reports.model import STATES

WHEN = "2026-11-23T03:40:00Z"


def report(*recipients: dict[str, Any], state: str = "open", **more: Any) -> dict[str, Any]:
    states = [r["state"] for r in recipients]
    return {
        "id": "a" * 16, "state": state, "severity": "Severe", "created": WHEN, "expires": WHEN,
        "counts": {s: states.count(s) for s in STATES}, "recipients": list(recipients),
        "number": "7F3K", "version": 1, "msg_type": "Alert", "status": "Actual", "banner": None,
        "references": [], "next": None, **more,
    }  # fmt: skip


def recipient(state: str, name: str = "Alice", **more: Any) -> dict[str, Any]:
    base = {"jid": "alice@gov.example", "name": name, "state": state, "reason": None, "since": WHEN}
    base |= {"how": None, "as": "text", "nudge": None, "retraction": None}
    return {**base, **more}


def drawn(document: dict[str, Any]) -> str:
    console = Console(file=StringIO(), width=80, force_terminal=False)
    console.print(board(document))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@given(st.text(max_size=60), st.sampled_from(STATES), st.text(max_size=40))
def test_whatever_is_shown_fits_and_drives_no_terminal(name: str, state: str, reason: str) -> None:
    shown = drawn(report(recipient(state, name, reason=reason, jid=name + "@gov.example")))
    assert "\x1b" not in shown
    assert all(cell_len(line) <= 80 for line in shown.split("\n"))


def test_a_reason_is_a_sentence_and_an_unknown_one_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    shown = drawn(report(recipient("unreachable", "Bob", reason="no-device")))
    assert "unreachable  Bob (no device that can decrypt)" in shown
    assert "policy-violation" in drawn(report(recipient("failed", "B", reason="policy-violation")))


@pytest.mark.parametrize(
    ("states", "state", "over"),
    [
        (("acknowledged", "no-account"), "open", True),
        (("acknowledged", "delivered"), "open", False),
        (("unreachable",), "open", False),
        (("unreachable",), "expired", True),
        (("failed", "expired"), "open", True),
    ],
)
def test_when_nothing_can_change_any_more(states: tuple[str, ...], state: str, over: bool) -> None:
    assert settled(report(*map(recipient, states), state=state)) is over


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"), ("", "fr"), ("en", "en"), ("fr-CA, en;q=0.9", "fr"),
        ("en;q=0.1, fr;q=0", "en"),
        ("de", "en"), ("*", "fr"), ("de, *;q=0.5", "fr"), ("en;q=x, fr;q=0.2", "fr"),
    ],
)  # fmt: skip
def test_the_readers_language(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


@given(st.text())
def test_no_header_whatever_raises(header: str) -> None:
    assert preferred_language(header) in ("fr", "en")


def test_what_changed_and_what_goes_on_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    one = recipient("accepted", **{"as": "correction"})
    drawing = drawn(report(one, version=2, msg_type="Update", references=["b" * 16], next="p1"))
    assert "Mise à jour, version 2 ; sur cette page, corrections : 1." in drawing
    assert "xmppgov alert report aaaa" in drawing
    cancelled = recipient("accepted", retraction="accepted")
    drawing = drawn(report(cancelled, version=3, msg_type="Cancel", references=["b" * 16]))
    assert "Annulation ; sur cette page, retraits : 1." in drawing
