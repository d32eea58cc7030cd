"""The link by which a client verifies a device: read as written, and nothing else is one."""

from __future__ import annotations

import pytest
import xeddsa
from hypothesis import given
from hypothesis import strategies as st
from omemo.session_manager import SessionManager

from xmppgov.errors import BadRequest
from xmppgov.omemo.verification import (
    fingerprint,
    grouped,
    parse_uri,
    read_fingerprint,
    write_uri,
)

PRINT = st.from_regex("[0-9a-f]{64}", fullmatch=True)
DEVICES = st.dictionaries(st.integers(1, 2**31 - 1), PRINT, min_size=1, max_size=5)
JID = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
ONE = "0123abcd" * 8


@given(JID, DEVICES)
def test_a_link_is_read_as_written(jid: str, devices: dict[int, str]) -> None:
    assert parse_uri(write_uri(jid, devices)) == (jid, devices)


@given(st.text())
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        jid, devices = parse_uri(text)
    except ValueError:
        return
    assert jid
    assert devices


def test_the_form_that_clients_know() -> None:
    link = write_uri("alertes@gov.example", {7: ONE, 12: "f" * 64})
    assert link == f"xmpp:alertes@gov.example?omemo-sid-7={ONE};omemo-sid-12={'f' * 64}"
    assert grouped(ONE) == " ".join(["0123abcd"] * 8)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "xmpp:a@b", "xmpp:a@b?", f"xmpp:?omemo-sid-1={ONE}", f"a@b?omemo-sid-1={ONE}",
        f"xmpp:a@b?omemo-sid-0={ONE}", f"xmpp:a@b?omemo-sid-1={ONE[1:]}",
        f"xmpp:a@b?omemo-sid-1={ONE.upper()}", f"xmpp:a@b?omemo-sid-1={ONE};",
        f"xmpp:a@b?omemo-sid-1={ONE};omemo-sid-1={ONE}", f"xmpp:%ff@b?omemo-sid-1={ONE}",
    ],
)  # fmt: skip
def test_what_is_no_link_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (UnicodeDecodeError is one as well)
        parse_uri(wrong)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 64))
def test_a_fingerprint_is_read_in_any_grouping(seed: bytes, size: int) -> None:
    key = xeddsa.seed_to_ed25519_pub(seed)
    digits = fingerprint(key)
    assert grouped(digits).split() == SessionManager.format_identity_key(key)
    parts = [digits[start : start + size] for start in range(0, 64, size)]
    assert read_fingerprint(f" {' '.join(parts).upper()}\n") == digits


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "g" * 64, "٣" * 64])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_fingerprint(text)
