"""The register that the directory is made from: people, bodies and posts with their terms.

Pure values. A term begins and ends with a day, both included; without a start or an end it is open
on that side (docs/directory-csv.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

PostKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A row of people.csv."""

    id: str
    title: str
    given_name: str
    family_name: str
    jid: str | None = None
    lang: str = ""
    protected: bool = False
    """Whether the archive is told of each look-up that shows this person."""

    @property
    def name(self) -> str:
        """The display name."""
        return f"{self.given_name} {self.family_name}".strip()


@dataclass(frozen=True, slots=True)
class BodyRow:
    """A row of bodies.csv."""

    id: str
    kind: str
    name: str
    short_name: str = ""
    parent: str | None = None
    room: bool = False
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class PostRow:
    """A row of posts.csv."""

    person_id: str
    body_id: str
    title: str
    role: str = "member"
    start: date | None = None
    end: date | None = None
    position: int = 0
    """The place among the person's rows: the first is the principal post."""

    @property
    def key(self) -> PostKey:
        """What makes two rows the same post: whose, where, which, since when."""
        return (
            self.person_id,
            self.body_id,
            self.title,
            self.start.isoformat() if self.start else "",
        )

    def at(self, position: int) -> PostRow:
        """Return the row at a place among the person's rows."""
        return replace(self, position=position)


def holds(term: BodyRow | PostRow, day: date) -> bool:
    """Tell whether a term holds on `day`; its first and its last day belong to it."""
    return (term.start is None or term.start <= day) and (term.end is None or day <= term.end)


@dataclass(frozen=True, slots=True)
class Register:
    """The whole content of the three files; `posts` is in the order of its file."""

    people: Mapping[str, PersonRow] = field(default_factory=dict)
    bodies: Mapping[str, BodyRow] = field(default_factory=dict)
    posts: Mapping[PostKey, PostRow] = field(default_factory=dict)

    def holders(self, day: date) -> set[str]:
        """Return the ids of the people who hold a post on `day`."""
        open_bodies = {b.id for b in self.bodies.values() if holds(b, day)}
        return {
            post.person_id
            for post in self.posts.values()
            if post.body_id in open_bodies and holds(post, day)
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """A person as a search shows them, with up to three posts of the day."""

    id: str
    jid: str
    first: str
    last: str
    name: str
    post: str
    body: str
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What the directory holds: counts, the number of imports, the day that the index shows."""

    data: int
    day: date | None
    people: int
    accounts: int
    bodies: int
    rooms: int
    posts: int
    listed: int
