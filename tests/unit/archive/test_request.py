"""Requests: one document, one hash, signed by the archive, readable by people."""

from __future__ import annotations

import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console

from xmppgov.archive import jcs
from xmppgov.archive.request import (
    ARMOUR,
    AccessScope,
    Request,
    RequestInvalid,
    is_readable,
    open_request,
    parse_document,
    printable,
)
from xmppgov.tlog.note import SigningKey
from xmppgov_archive.officers.commands import show_request

KEY = SigningKey("archive.gov.example/2026", bytes(32))
SCOPE = {
    "people": "alice@gov.example bob@gov.example",
    "rooms": "grp-1@rooms.gov.example",
    "first": "2026-10-01",
    "last": "2026-10-31",
    "rows": 200,
}
FIELDS = {
    "v": 1,
    "kind": "access",
    "archive": "archive.gov.example/2026",
    "requester": "juge@gov.example",
    "role": "requester",
    "purpose": "judicial",
    "case": "2026/17 bis",
    "made": 1_763_864_000_000,
    "until": 1_763_950_400_000,
    "key": "ab" * 32,
    "resolving": "cd" * 32,
}


def request(**changes: object) -> Request:
    scope = AccessScope.model_validate({**SCOPE, **changes.pop("scope", {})})  # type: ignore[dict-item]
    return Request.model_validate({**FIELDS, "scope": scope, **changes})


def test_the_document_is_canonical_and_comes_back() -> None:
    asked = request()
    fields = jcs.decode(asked.document())
    assert fields["scope.people"] == SCOPE["people"]
    assert fields["case"] == "2026/17 bis"
    assert "scope.units" not in fields
    assert parse_document(asked.document()) == asked
    assert asked.hash.startswith(asked.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "2026/18"},
        {"key": "ac" * 32},
        {"until": 1_763_950_400_001},
        {"scope": {"rows": 201}},
        {"scope": {"people": "alice@gov.example"}},
        {"scope": {"last": "2026-11-01"}},
    ],
)
def test_every_field_changes_the_hash(changes: dict[str, object]) -> None:
    assert request(**changes).hash != request().hash


@given(st.randoms())
def test_it_travels_whatever_white_space_is_put_in(chance: random.Random) -> None:
    text = request().sign(KEY)
    assert text.startswith(ARMOUR)
    spread = "".join(c + chance.choice(["", "", "\n", " ", "\r\n"]) for c in text)
    assert open_request(f"  {spread}\n", [KEY.verifier]) == request()


def test_what_another_key_signed_is_refused() -> None:
    forged = request(requester="eve@gov.example").sign(SigningKey(KEY.verifier.name, b"x" * 32))
    with pytest.raises(RequestInvalid):
        open_request(forged, [KEY.verifier])
    text = request().sign(KEY)
    for position in range(len(ARMOUR), len(text), 7):
        with pytest.raises(RequestInvalid):
            open_request(text[:position] + text[position + 1 :], [KEY.verifier])


@given(st.text(max_size=200))
def test_garbage_is_said(text: str) -> None:
    with pytest.raises(RequestInvalid):
        open_request(text, [KEY.verifier])
    with pytest.raises(RequestInvalid):
        parse_document(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "erase"},
        {"kind": "other"},
        {"until": 0},
        {"extra": "x"},
        {"case": " x"},
        {"case": "a\nb"},
        {"requester": "a b@c"},
        {"scope.rows": 0},
        {"scope.people": "b@x a@x"},
        {"scope.people": "a@x a@x"},
        {"scope.people": " ".join(f"p{n:03}@x" for n in range(51))},
        {"scope.first": "2026-11-01"},
        {"scope.body": "x"},
        {"resolving": "cd"},
    ],
)
def test_a_document_with_a_wrong_field_is_refused(change: dict[str, object]) -> None:
    fields = {**jcs.decode(request().document()), **change}
    with pytest.raises(RequestInvalid):
        parse_document(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


HIDDEN = ["\x1b[2K", "\x9b1B", "\u202e", "\u200b", "\u2028", "\u2066", "\ufeff"]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_is_read_before_approving_is_all_that_is_there(hidden: str) -> None:
    for name in ("case", "requester", "archive"):
        with pytest.raises(ValidationError):
            request(**{name: f"a{hidden}b"})
    for name in ("people", "rooms", "units"):
        with pytest.raises(ValidationError):
            request(scope={name: f"a{hidden}b"})


@given(st.text())
def test_a_terminal_gets_only_what_is_readable(text: str) -> None:
    shown = printable(text)
    assert is_readable(shown)
    assert (shown == text) == is_readable(text)


def test_what_is_shown_before_approving_reaches_the_terminal_as_it_is_read() -> None:
    forged = request().model_copy(update={"case": "2026/17\x1b[2K\u202eX"})
    out = io.StringIO()
    show_request(Console(file=out, force_terminal=True, width=120), forged)
    assert "\\u001b[2K\\u202eX" in out.getvalue()
    assert "\u202e" not in out.getvalue()


def test_a_scope_names_somebody() -> None:
    with pytest.raises(ValidationError):
        AccessScope(first="2026-10-01", last="2026-10-02", rows=1)


def test_people_read_it_in_their_language() -> None:
    french = {label.in_language("fr"): value for label, value in request().words()}
    assert french["Numéro d'affaire"] == "2026/17 bis"
    assert french["Personnes"] == "alice@gov.example, bob@gov.example"
    english = [label.in_language("en") for label, _ in request().words()]
    assert english[:3] == ["Request", "What", "Archive"]
    assert len(english) == 14
