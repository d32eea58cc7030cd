"""Why a CAP message is refused: which element, which rule, what to do; never what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pydantic import ValidationError

from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts

texts = Texts(__package__)
MOST_PROBLEMS = 20
"""How many problems are named; who sends a thousand wrong numbers has understood after twenty."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `element` is a path below `alert` that counts from one (`info[1]/area[2]/polygon[1]`), empty for
    the message as a whole; `rule` is a word for machines; `text` says what is wrong and what to do.
    """

    element: str
    rule: str
    text: Text

    def sentence(self) -> Text:
        """Return the problem with its element in front."""
        if not self.element:
            return self.text
        return texts("{element}: {problem}", element=self.element, problem=self.text)


class Flaw(ValueError):
    """Raised by the model's checks; becomes a `Problem` where the element is known."""

    def __init__(self, rule: str, text: Text) -> None:
        super().__init__(text.in_language("en"))
        self.problems: tuple[Problem, ...] = (Problem("", rule, text),)


class Broken(Flaw):
    """Rules about several elements at once, each problem under its own element."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems[0].rule, problems[0].text)
        self.problems = problems


class CapError(BadRequest):
    """A CAP message is refused; `problems` holds one reason at least, `text` says the first."""

    def __init__(self, *problems: Problem) -> None:
        first, *others = problems
        text = first.sentence()
        if others:
            text = texts("{first} (And {count} more problems.)", first=text, count=len(others))
        super().__init__(text)
        self.problems = problems


class TooLarge(CapError):
    """More bytes, elements or depth than an alert has."""


class NotXml(CapError):
    """Not well-formed XML, or in an encoding that is not read."""


class DeclarationForbidden(CapError):
    """A document type declaration: what would define entities or fetch from elsewhere."""


class NotCap(CapError):
    """XML, but no CAP 1.2 or 1.1 alert."""


class InvalidAlert(CapError):
    """An alert that breaks the schema of CAP 1.2 or a rule beyond it."""


def problems(error: ValidationError) -> tuple[Problem, ...]:
    """Say a pydantic error in CAP's elements, at most `MOST_PROBLEMS` of them."""
    details = error.errors(include_url=False, include_input=False)
    found = (problem for detail in details for problem in _problems(detail))
    return tuple(islice(found, MOST_PROBLEMS))


def _problems(detail: Any) -> Iterable[Problem]:
    place = path(detail["loc"])
    flaw = detail.get("ctx", {}).get("error")
    if isinstance(flaw, Flaw):
        return (replace(p, element=_below(place, p.element)) for p in flaw.problems)
    if detail["type"] == "missing":
        return (Problem(place, "required", texts("it is missing; an alert has to have it.")),)
    return (Problem(place, "kind", texts("it is not of the kind that belongs here.")),)


def path(location: Iterable[int | str]) -> str:
    """Write a place in the model as elements, counted from one.

    >>> path(("info", 0, "polygon", 2))
    'info[1]/polygon[3]'
    """
    parts = "".join(f"[{p + 1}]" if isinstance(p, int) else f"/{p}" for p in location)
    return parts.removeprefix("/")


def _below(place: str, element: str) -> str:
    return f"{place}/{element}" if place and element else place or element
