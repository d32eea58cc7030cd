"""What stands in one element: read and written are the two directions of one thing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cap import alerts
from xmppgov.cap.errors import Flaw
from xmppgov.cap.references import Reference, format_references, parse_references
from xmppgov.cap.shapes import Circle, Polygon
from xmppgov.cap.values import (
    exact_moment,
    format_moment,
    format_number,
    format_words,
    parse_moment,
    parse_number,
    parse_size,
    parse_words,
    writable_word,
)

CALM = settings(deadline=None)  # the machine may be busy
odd = st.text(" \"',+-:.0123456789Ta\n\xa0²", max_size=40)


@CALM
@given(st.lists(alerts.references, max_size=4).map(tuple))
def test_references_come_back(references: tuple[Reference, ...]) -> None:
    text = format_references(references)
    assert parse_references(text) == references
    assert parse_references("\n " + text.replace(" ", " \t") + " ") == references


@CALM
@given(st.lists(alerts.words, max_size=4).map(tuple))
def test_words_come_back(words: tuple[str, ...]) -> None:
    assert parse_words(format_words(words)) == words


@CALM
@given(alerts.moments)
def test_moments_come_back_with_their_offset(moment: datetime) -> None:
    again = parse_moment(format_moment(moment))
    assert (again, again.utcoffset()) == (moment, moment.utcoffset())


@CALM
@given(alerts.numbers(-999_999_999, 999_999_999))
def test_numbers_come_back_with_their_digits(number: Decimal) -> None:
    assert str(parse_number(format_number(number))) == format_number(number)


@CALM
@given(alerts.polygons, alerts.circles)
def test_shapes_come_back(polygon: Polygon, circle: Circle) -> None:
    assert Polygon.parse(str(polygon)) == polygon
    assert Circle.parse(str(circle)) == circle


PAIRS: list[tuple[Callable[[str], Any], Callable[[Any], str]]] = [
    (parse_references, format_references),
    (lambda text: tuple(map(writable_word, parse_words(text))), format_words),
    (lambda text: exact_moment(parse_moment(text)), format_moment),
    (parse_number, format_number),
    (parse_size, str),
    (Polygon.parse, str),
    (Circle.parse, str),
]


@pytest.mark.parametrize(("parse", "written"), PAIRS)
@CALM
@given(odd)
def test_whatever_is_read_can_be_written_and_the_rest_is_refused(
    parse: Callable[[str], Any], written: Callable[[Any], str], text: str
) -> None:
    try:
        value = parse(text)
    except Flaw:
        return
    assert parse(written(value)) == value


@pytest.mark.parametrize(
    "text",
    ["a,b", "a,b,c", "a,b,2026-11-24T18:00:00Z", "a,,2026-11-24T18:00:00+01:00", ",,", "a b c",
     "a,b,2026-11-24T18:00:00+01:00,d", "a<,b,2026-11-24T18:00:00+01:00"],
)  # fmt: skip
def test_other_references_are_refused(text: str) -> None:
    with pytest.raises(Flaw):
        parse_references(text)


def test_utc_is_written_as_cap_wants_it() -> None:
    for text in ("2026-11-24T18:00:00+00:00", "2026-11-24T18:00:00-00:00"):
        assert format_moment(parse_moment(text)) == "2026-11-24T18:00:00-00:00"


def test_a_reference_is_the_same_in_every_time_zone() -> None:
    one, other = "a,b,2026-11-24T18:00:00+01:00", "a,b,2026-11-24T17:00:00-00:00"
    assert parse_references(one) == parse_references(other)
