"""A sealed text opens for its own alert under its own key, and not otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov_alerts.cipher import Cipher

SECRET = "s" * 32


@given(st.text(max_size=300), st.text(max_size=20))
def test_what_is_sealed_opens(text: str, alert_id: str) -> None:
    cipher = Cipher(SECRET)
    assert cipher.open(cipher.seal(text, alert_id), alert_id) == text


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_one_changed_byte_is_noticed(position: int, change: int) -> None:
    cipher = Cipher(SECRET)
    sealed = bytearray(cipher.seal("texte", "a1"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(ValueError, match="sealed"):
        cipher.open(bytes(sealed), "a1")


@pytest.mark.parametrize("cut", [0, 1, 12, 13, 20])
def test_a_cut_text_is_noticed(cut: int) -> None:
    cipher = Cipher(SECRET)
    with pytest.raises(ValueError, match="sealed"):
        cipher.open(cipher.seal("texte", "a1")[:cut], "a1")


def test_it_opens_for_no_other_alert_and_under_no_other_key() -> None:
    sealed = Cipher(SECRET).seal("texte", "a1")
    for cipher, alert_id in ((Cipher(SECRET), "a2"), (Cipher("t" * 32), "a1")):
        with pytest.raises(ValueError, match="another key"):
            cipher.open(sealed, alert_id)


def test_the_same_text_is_never_sealed_alike() -> None:
    cipher = Cipher(SECRET)
    assert len({cipher.seal("texte", "a1")[1:13] for _ in range(500)}) == 500


def test_a_mark_knows_a_body_and_needs_the_key() -> None:
    assert Cipher(SECRET).mark(b"body") == Cipher(SECRET).mark(b"body")
    assert Cipher(SECRET).mark(b"body") != Cipher("t" * 32).mark(b"body")
    assert Cipher(SECRET).mark(b"body") != Cipher(SECRET).mark(b"other")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Cipher("short")
