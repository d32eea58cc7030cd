"""Shamir's sharing of a secret (How to share a secret, CACM 1979), byte by byte over GF(256).

Any `needed` shares give the secret back; fewer say nothing about it. The field is that of AES
(x^8 + x^4 + x^3 + x + 1). A multiplication looks nothing up and branches on nothing secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

MOST_SHARES = 255


class Share(NamedTuple):
    """One share: where the polynomials were evaluated (1 to 255), and a byte for each of theirs."""

    x: int
    data: bytes


def split(secret: bytes, shares: int, needed: int, random: Callable[[int], bytes]) -> list[Share]:
    """Return `shares` shares of `secret`, of which any `needed` give it back.

    `random(n)` returns n bytes that nobody can guess.

    Raises:
        ValueError: the numbers do not go together.
    """
    if not 1 <= needed <= shares <= MOST_SHARES:
        raise ValueError("not as many shares as are needed, or too many")
    rows = [secret, *(random(len(secret)) for _ in range(needed - 1))]
    return [Share(x, _evaluate(rows, x)) for x in range(1, shares + 1)]


def combine(shares: Sequence[Share]) -> bytes:
    """Return the secret that `shares` are of; with too few or wrong ones, other bytes.

    Raises:
        ValueError: there is none, one comes twice, or they are not equally long.
    """
    return _interpolate(shares, 0)


def restore(shares: Sequence[Share], x: int) -> Share:
    """Return the share at `x` (1 to 255) of the secret that `shares` are of: a lost one, again.

    Raises:
        ValueError: as `combine`.
    """
    return Share(x, _interpolate(shares, x))


def _interpolate(shares: Sequence[Share], at: int) -> bytes:
    """Return the value at `at` of the polynomials that go through the shares."""
    places = {share.x for share in shares}
    sizes = {len(share.data) for share in shares}
    if len(places) != len(shares) or len(sizes) != 1 or not all(0 < x < 256 for x in places):
        raise ValueError("shares are of one secret, and each is given once")
    secret = bytearray(sizes.pop())
    for share in shares:
        weight = _weight(share.x, places - {share.x}, at)
        for position, byte in enumerate(share.data):
            secret[position] ^= _multiply(weight, byte)
    return bytes(secret)


def _evaluate(rows: Sequence[bytes], x: int) -> bytes:
    """Return the value at `x` of each column's polynomial, whose lowest coefficient is first."""
    value = bytearray(len(rows[0]))
    for row in reversed(rows):
        for position, byte in enumerate(row):
            value[position] = _multiply(value[position], x) ^ byte
    return bytes(value)


def _weight(x: int, others: set[int], at: int) -> int:
    """Return Lagrange's factor at `at` of the share at `x`."""
    weight = 1
    for other in others:
        weight = _multiply(weight, _multiply(other ^ at, _inverse(other ^ x)))
    return weight


def _multiply(a: int, b: int) -> int:
    product = 0
    for bit in range(8):
        product ^= -(b >> bit & 1) & a
        a = (a << 1) ^ (-(a >> 7) & 0x11B)
    return product & 0xFF


def _inverse(a: int) -> int:
    """Return a^254, which is 1/a."""
    result = 1
    for _ in range(7):
        a = _multiply(a, a)
        result = _multiply(result, a)
    return result
