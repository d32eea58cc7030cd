"""The synthetic country's three tables and how they are written (docs/directory-csv.md)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

PEOPLE_HEAD = ("id", "title", "given_name", "family_name", "jid", "lang", "protected")
BODIES_HEAD = ("id", "kind", "name", "short_name", "parent", "room", "start", "end")
POSTS_HEAD = ("person_id", "body_id", "title", "role", "start", "end")


@dataclass(slots=True)
class Person:
    """A row of people.csv; `jid` is set where the person has an account.

    Look-ups of people who are `protected` ("yes") are recorded.
    """

    id: str
    title: str
    given_name: str
    family_name: str
    jid: str = ""
    lang: str = "fr"
    protected: str = ""

    def word(self, man: str, woman: str) -> str:
        """Return the word that fits the person."""
        return woman if self.title == "Mme" else man


@dataclass(frozen=True, slots=True)
class Body:
    """A row of bodies.csv."""

    id: str
    kind: str
    name: str
    short_name: str = ""
    parent: str = ""
    room: str = "no"
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A row of posts.csv."""

    person_id: str
    body_id: str
    title: str
    role: str = "member"
    start: str = ""
    end: str = ""


@dataclass
class Country:
    """The three tables; who has an account comes first in `people`."""

    people: list[Person] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write people.csv, bodies.csv and posts.csv, in this order, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "people.csv", PEOPLE_HEAD, self.people)
        _write(folder / "bodies.csv", BODIES_HEAD, self.bodies)
        _write(folder / "posts.csv", POSTS_HEAD, self.posts)


def _write(path: Path, head: Sequence[str], rows: Iterable[Person | Body | Post]) -> None:
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(astuple(row) for row in rows)
    unfinished.replace(path)
