"""Whom an audience names: `body:an`, `role:releaser@body:an`, several with blanks between them.

Pure; docs/protocol/directory.md has the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from xmppgov.directory.model import ROLE
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
MOST_SELECTORS = 50
_SELECTOR = re.compile(
    r"(?P<kind>person|group|room|body|list):(?P<id>\S+)"
    rf"|role:(?P<role>{ROLE})(@(?P<place>group|body):(?P<of>\S+))?"
)


@dataclass(frozen=True, slots=True)
class Selector:
    """Who is meant: a person, or the people of a body, or of them those who have a `role` there.

    `kind` is person, group, room, body or list, and `id` an id of that kind, or a person's address.
    Both are empty where a role is meant anywhere; a role stands in a group or a body only.
    """

    kind: str = ""
    id: str = ""
    role: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one selector. Raises `BadRequest`, which names it."""
        match = _SELECTOR.fullmatch(text)
        if match is None:
            raise BadRequest(
                texts(
                    "“{selector}” names nobody; write person:ID, group:ID, room:ID, body:ID, "
                    "list:ID, role:WORD, role:WORD@group:ID or role:WORD@body:ID.",
                    selector=text[:80],
                )
            )
        if match["role"]:
            return cls(match["place"] or "", match["of"] or "", match["role"])
        return cls(match["kind"], match["id"])

    def __str__(self) -> str:
        place = f"{self.kind}:{self.id}" if self.kind else ""
        if not self.role:
            return place
        return f"role:{self.role}@{place}" if place else f"role:{self.role}"


def parse_audience(text: str) -> tuple[Selector, ...]:
    """Read one or more selectors, each once, in their order.

    Raises:
        BadRequest: there is none, there are more than `MOST_SELECTORS`, or one names nobody.
    """
    words = tuple(dict.fromkeys(text.split())) or (text,)
    if len(words) > MOST_SELECTORS:
        raise BadRequest(texts("An audience has at most {n} selectors.", n=MOST_SELECTORS))
    return tuple(Selector.parse(word) for word in words)


def write_audience(selectors: tuple[Selector, ...]) -> str:
    """Write selectors as `parse_audience` reads them."""
    return " ".join(map(str, selectors))
