"""Sets of numbers as text: one form for each, and their arithmetic against Python's sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive import ranges

numbers = st.sets(st.integers(0, 60), max_size=40)


def of(found: set[int]) -> list[ranges.Range]:
    return ranges.ranges(sorted(found))


def members(parts: list[ranges.Range]) -> set[int]:
    return {n for first, last in parts for n in range(first, last + 1)}


@given(numbers.filter(bool))
def test_what_is_written_is_read(found: set[int]) -> None:
    text = ranges.write(of(found))
    assert members(ranges.read(text)) == found
    assert ranges.write(ranges.read(text)) == text
    assert ranges.count(ranges.read(text)) == len(found)


@given(st.text("0123456789- ", max_size=12))
def test_what_is_read_has_one_form(text: str) -> None:
    try:
        parts = ranges.read(text)
    except ValueError:
        return
    assert ranges.write(parts) == text
    assert ranges.subtract(parts, []) == parts


@pytest.mark.parametrize(
    "text", ["", "2 1", "1 1", "1-1", "2-1", "1 2", "1-3 4", "01", "1 ", "a", "1--2", "9" * 17]
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a set"):
        ranges.read(text)


@given(numbers, numbers)
def test_subtraction(whole: set[int], taken: set[int]) -> None:
    assert members(ranges.subtract(of(whole), of(taken))) == whole - taken
    assert ranges.subtract(of(whole), of(taken)) == of(whole - taken)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=12))
def test_union(pairs: list[tuple[int, int]]) -> None:
    parts = [(first, first + more) for first, more in pairs]
    assert ranges.union(parts) == of(members(parts))


@given(numbers, st.integers(1, 30))
def test_pieces_are_all_of_it_and_short(found: set[int], longest: int) -> None:
    pieces = list(ranges.pieces(of(found), longest))
    assert [part for piece in pieces for part in piece] == of(found)
    assert all(len(ranges.write(p)) <= longest or len(p) == 1 for p in pieces)
