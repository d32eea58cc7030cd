"""Shamir's shares: any two give the secret, one says nothing, and the field is AES's."""

from __future__ import annotations

import os
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive.shares import Share, _inverse, _multiply, combine, restore, split


def plain_multiply(a: int, b: int) -> int:
    """Multiply as one does by hand: carry-less, then the remainder by the field's polynomial."""
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


def test_the_field_is_that_of_aes() -> None:
    for a, b in product(range(256), repeat=2):
        assert _multiply(a, b) == plain_multiply(a, b)
    assert _multiply(0x57, 0x83) == 0xC1  # FIPS 197 §4.2
    assert all(_multiply(a, _inverse(a)) == 1 for a in range(1, 256))


@given(
    st.binary(min_size=1, max_size=40),
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))),
)
def test_any_shares_that_are_enough_give_the_secret(secret: bytes, counts: tuple[int, int]) -> None:
    count, needed = counts
    shares = split(secret, count, needed, os.urandom)
    assert [share.x for share in shares] == list(range(1, count + 1))
    for chosen in combinations(shares, needed):
        assert combine(chosen) == secret
        assert combine(chosen[::-1]) == secret
    assert combine(shares) == secret


@given(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=4))
def test_one_share_of_two_says_nothing(secret: bytes, other: bytes) -> None:
    """For each share and each other secret of its length there is a second share that gives it."""
    other = other.ljust(len(secret), b"\0")[: len(secret)]
    share = split(secret, 3, 2, os.urandom)[0]
    # f(0) = other, f(1) = share: so f(2) = other + 2 (other + share).
    second = bytes(o ^ _multiply(2, o ^ s) for o, s in zip(other, share.data, strict=True))
    assert combine([share, Share(2, second)]) == other


@given(st.binary(min_size=1, max_size=40))
def test_shares_that_are_enough_give_a_lost_one_again(secret: bytes) -> None:
    shares = split(secret, 3, 2, os.urandom)
    for chosen in combinations(shares, 2):
        assert [restore(chosen, share.x) for share in shares] == shares


def test_a_wrong_share_gives_another_secret() -> None:
    first, second, third = split(bytes(32), 3, 2, os.urandom)
    assert combine([first, Share(2, third.data)]) != bytes(32)
    assert combine([first, second._replace(data=second.data[:-1] + b"\xff")]) != bytes(32)


@pytest.mark.parametrize(
    "shares",
    [[], [Share(1, b"a"), Share(1, b"b")], [Share(1, b"a"), Share(2, b"ab")], [Share(0, b"a")]],
)
def test_what_is_no_set_of_shares_is_refused(shares: list[Share]) -> None:
    with pytest.raises(ValueError, match="shares"):
        combine(shares)


@pytest.mark.parametrize(("count", "needed"), [(2, 3), (256, 2), (3, 0)])
def test_numbers_that_do_not_go_together_are_refused(count: int, needed: int) -> None:
    with pytest.raises(ValueError, match="shares"):
        split(b"x", count, needed, os.urandom)
