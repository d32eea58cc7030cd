"""A command's arguments, read off its function and out of a message."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from xmppgov.bot.questions.signature import Signature
from xmppgov.errors import BadRequest


class Colour(Enum):
    RED = "rouge"
    GREEN = "vert"


async def rain(
    context: object,
    city: str,
    days: Annotated[int, Field(ge=1, le=10)] = 1,
    at: date | None = None,
    colour: Colour = Colour.RED,
    sure: bool = False,
    level: Literal["bas", "haut"] = "bas",
    amount: float = 0.0,
    remark: str = "",
) -> None:
    """Take one argument of each sort."""


RAIN = Signature.of(rain)


def test_usage_is_read_off_the_function() -> None:
    assert RAIN.usage == "CITY [DAYS] [AT] [COLOUR] [SURE] [LEVEL] [AMOUNT] [REMARK…]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Brest", {"city": "Brest"}),
        ('"Le Mans" 3', {"city": "Le Mans", "days": 3}),
        ("« Le Mans » 3", {"city": "Le Mans", "days": 3}),
        (
            "x 3 2027-01-31 VERT oui Haut 1,5 et le reste",
            {
                "city": "x",
                "days": 3,
                "at": date(2027, 1, 31),
                "colour": Colour.GREEN,
                "sure": True,
                "level": "haut",
                "amount": 1.5,
                "remark": "et le reste",
            },
        ),
    ],
)
def test_arguments_are_of_their_types(text: str, expected: dict[str, Any]) -> None:
    assert RAIN.read(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "CITY manque"),
        ("x douze", "« douze » n'est pas days : il faut un nombre entier"),
        ("x 11", "au plus 10"),
        ("x 1 demain", "2027-01-31"),
        ("x 1 2027-01-31 bleu", "rouge, vert"),
        ("x 1 2027-01-31 vert peut-être", "oui ou non"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        RAIN.read(text)
    assert said in caught.value.text.in_language("fr")


def test_what_is_too_much_is_said() -> None:
    async def add(context: object, a: int, b: int) -> None:
        """Take two numbers."""

    with pytest.raises(BadRequest, match="“3 4” is too much"):
        Signature.of(add).read("1 2 3 4")


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    with suppress(BadRequest):
        assert "city" in RAIN.read(text)


@given(st.integers(), st.booleans(), st.text("abc é", min_size=1).filter(lambda t: t == t.strip()))
def test_what_is_written_is_read(number: int, sure: bool, rest: str) -> None:
    async def command(context: object, number: int, sure: bool, rest: str) -> None:
        """Take three."""

    written = f"{number} {'oui' if sure else 'non'} {rest}"
    assert Signature.of(command).read(written) == {"number": number, "sure": sure, "rest": rest}


def test_an_argument_without_a_type_is_refused() -> None:
    async def bad(context: object, number) -> None:  # type: ignore[no-untyped-def]
        """Have no type."""

    with pytest.raises(TypeError, match="number"):
        Signature.of(bad)
