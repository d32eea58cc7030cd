"""What an import would change: one register compared with another. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Generic, TypeVar

from xmppgov_directory.model import BodyRow, PersonRow, PostRow, Register

Row = TypeVar("Row", PersonRow, BodyRow, PostRow)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Changes(Generic[Row]):
    """Rows that come, change (their new form), or go (their old form)."""

    added: tuple[Row, ...] = ()
    changed: tuple[Row, ...] = ()
    removed: tuple[Row, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Diff:
    """The difference between two registers.

    `ended` are those of `posts.changed` that now end; `touched` are the ids of the people whose
    entry may look different; `vanished` those who hold a post on the day in the old register and
    none in the new one; `protected` and `unprotected` those who become so and who cease to be.
    """

    people: Changes[PersonRow] = field(default_factory=Changes)
    bodies: Changes[BodyRow] = field(default_factory=Changes)
    posts: Changes[PostRow] = field(default_factory=Changes)
    ended: tuple[PostRow, ...] = ()
    touched: frozenset[str] = frozenset()
    vanished: frozenset[str] = frozenset()
    vanished_share: float = 0.0
    protected: frozenset[str] = frozenset()
    unprotected: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.people or self.bodies or self.posts)


def compare(old: Register, new: Register, day: date) -> Diff:
    """Return what turns `old` into `new`; `day` decides who holds a post."""
    people = _changes(old.people, new.people)
    bodies = _changes(old.bodies, new.bodies)
    posts = _changes(old.posts, new.posts)
    ended = tuple(p for p in posts.changed if p.end and p.end != old.posts[p.key].end)
    before = old.holders(day)
    vanished = frozenset(before - new.holders(day))
    share = len(vanished) / len(before) if before else 0.0
    touched = _touched(old, new, people, bodies, posts)
    were, are = _protected(old), _protected(new)
    return Diff(
        people, bodies, posts, ended, touched, vanished, share, are - were, were - are
    )  # fmt: skip


def _protected(register: Register) -> frozenset[str]:
    return frozenset(row.id for row in register.people.values() if row.protected)


def _changes(old: Mapping[Key, Row], new: Mapping[Key, Row]) -> Changes[Row]:
    return Changes(
        tuple(row for key, row in new.items() if key not in old),
        tuple(row for key, row in new.items() if key in old and old[key] != row),
        tuple(row for key, row in old.items() if key not in new),
    )


def _rows(changes: Changes[Row]) -> Iterable[Row]:
    return chain(changes.added, changes.changed, changes.removed)


def _touched(
    old: Register,
    new: Register,
    people: Changes[PersonRow],
    bodies: Changes[BodyRow],
    posts: Changes[PostRow],
) -> frozenset[str]:
    touched = {row.id for row in _rows(people)} | {row.person_id for row in _rows(posts)}
    renamed = {row.id for row in _rows(bodies)}
    if renamed:
        below = {body for register in (old, new) for body in _below(register, renamed)}
        touched |= {p.person_id for r in (old, new) for p in r.posts.values() if p.body_id in below}
    return frozenset(touched)


def _below(register: Register, roots: set[str]) -> set[str]:
    """Return `roots` and every body below one of them: their entries show its name."""
    return {
        body for body in register.bodies if not roots.isdisjoint(lineage(register.bodies, body))
    }


def lineage(bodies: Mapping[str, BodyRow], body: str) -> list[str]:
    """Return `body` and those above it, the nearest first; a loop ends where it closes."""
    above: list[str] = []
    current: str | None = body
    while current is not None and current in bodies and current not in above:
        above.append(current)
        current = bodies[current].parent
    return above
