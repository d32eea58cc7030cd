"""Sets of numbers as text, `0-411 413 500-502`: ascending and apart, one way to write each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]
"""The numbers from the first to the last, both included."""

LONGEST = 60_000  # characters of one text, so that an entry of the log holds it
LARGEST = 2**53 - 1
_ITEM = re.compile(r"(0|[1-9][0-9]{0,15})(?:-([1-9][0-9]{0,15}))?", re.ASCII)


def ranges(numbers: Iterable[int]) -> list[Range]:
    """Return the ranges that ascending `numbers` fall into."""
    found: list[Range] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def write(parts: Iterable[Range]) -> str:
    """Write ranges that ascend and do not touch."""
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def read(text: str) -> list[Range]:
    """Read what `write` writes.

    Raises:
        ValueError: it is written in another way, descends, or has ranges that touch.
    """
    parts: list[Range] = []
    for item in text.split(" "):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError("not a set of numbers")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        apart = not parts or first > parts[-1][1] + 1
        if not apart or last > LARGEST or (match[2] and last <= first):
            raise ValueError("not a set of numbers in its one form")
        parts.append((first, last))
    return parts


def pieces(parts: Iterable[Range], longest: int = LONGEST) -> Iterator[list[Range]]:
    """Yield `parts` in pieces whose texts have at most `longest` characters."""
    piece: list[Range] = []
    length = 0
    for part in parts:
        size = len(write([part])) + 1
        if piece and length + size > longest:
            yield piece
            piece, length = [], 0
        piece.append(part)
        length += size
    if piece:
        yield piece


def count(parts: Iterable[Range]) -> int:
    """Return how many numbers there are."""
    return sum(last - first + 1 for first, last in parts)


def union(parts: Iterable[Range]) -> list[Range]:
    """Return the numbers of `parts`, which may be in any order and overlap, in their one form."""
    found: list[Range] = []
    for first, last in sorted(parts):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def subtract(whole: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """Return the numbers of `whole` that are not in `taken`; both ascend."""
    left: list[Range] = []
    holes = list(taken)
    position = 0
    for first, last in whole:
        while position < len(holes) and holes[position][1] < first:
            position += 1
        here = position
        while here < len(holes) and holes[here][0] <= last:
            low, high = holes[here]
            if first < low:
                left.append((first, low - 1))
            first = max(first, high + 1)
            here += 1
        if first <= last:
            left.append((first, last))
    return left


def common(one: Sequence[Range], other: Iterable[Range]) -> list[Range]:
    """Return the numbers that are in both; both ascend."""
    return subtract(one, subtract(one, other))


def add(parts: list[Range], number: int) -> None:
    """Add a number that is behind all others."""
    if parts and parts[-1][1] == number - 1:
        parts[-1] = (parts[-1][0], number)
    else:
        parts.append((number, number))
