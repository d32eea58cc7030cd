"""Sealed boxes open with their key and under their `info` only; lengths are hidden."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive.sealing import BLOCK, PrivateKey, PublicKey, SealBroken, pad, unpad

ONE, TWO = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens(plaintext: bytes, info: bytes) -> None:
    box = ONE.public.seal(plaintext, info)
    assert ONE.open(box, info) == plaintext
    for key, other in ((TWO, info), (ONE, info + b"x")):
        with pytest.raises(SealBroken):
            key.open(box, other)


def test_every_flipped_bit_is_noticed() -> None:
    box = ONE.public.seal(b"alice@gov.localhost", b"info")
    for position in range(len(box) * 8):
        flipped = bytearray(box)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken):
            ONE.open(bytes(flipped), b"info")
    for wrong in (b"", box[:20], box[:-1], box + b"x"):
        with pytest.raises(SealBroken):
            ONE.open(wrong, b"info")


@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8"), max_size=200))
def test_padding_hides_the_length(text: str) -> None:
    data = pad(text)
    assert unpad(data) == text
    assert data
    assert len(data) % BLOCK == 0


@pytest.mark.parametrize("kind", [PublicKey, PrivateKey])
def test_a_key_has_32_bytes(kind: type) -> None:
    with pytest.raises(SealBroken):
        kind(b"x" * 31)
