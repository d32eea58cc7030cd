"""A sealed text opens for its own id under its own key, and not otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot.letters.cipher import Cipher

SECRET = "s" * 32


@given(st.text(max_size=300), st.text(max_size=20))
def test_what_is_sealed_opens(text: str, id: str) -> None:
    cipher = Cipher(SECRET, "test")
    assert cipher.open(cipher.seal(text, id), id) == text


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_one_changed_byte_is_noticed(position: int, change: int) -> None:
    cipher = Cipher(SECRET, "test")
    sealed = bytearray(cipher.seal("texte", "a1"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(ValueError, match="sealed"):
        cipher.open(bytes(sealed), "a1")


@pytest.mark.parametrize("cut", [0, 1, 12, 13, 20])
def test_a_cut_text_is_noticed(cut: int) -> None:
    cipher = Cipher(SECRET, "test")
    with pytest.raises(ValueError, match="sealed"):
        cipher.open(cipher.seal("texte", "a1")[:cut], "a1")


def test_it_opens_for_no_other_id_and_under_no_other_key() -> None:
    sealed = Cipher(SECRET, "test").seal("texte", "a1")
    others = (Cipher("t" * 32, "test"), Cipher(SECRET, "other"))
    for cipher, id in ((Cipher(SECRET, "test"), "a2"), *((other, "a1") for other in others)):
        with pytest.raises(ValueError, match="another key"):
            cipher.open(sealed, id)


def test_the_same_text_is_never_sealed_alike() -> None:
    cipher = Cipher(SECRET, "test")
    assert len({cipher.seal("texte", "a1")[1:13] for _ in range(500)}) == 500


def test_a_mark_knows_a_body_and_needs_the_key() -> None:
    assert Cipher(SECRET, "test").mark(b"body") == Cipher(SECRET, "test").mark(b"body")
    assert Cipher(SECRET, "test").mark(b"body") != Cipher("t" * 32, "test").mark(b"body")
    assert Cipher(SECRET, "test").mark(b"body") != Cipher(SECRET, "test").mark(b"other")


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Cipher("short", "test")
