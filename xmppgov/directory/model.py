"""What the directory says: rooms, members, people with their posts, and the pages they come in.

Pure values; the wire is `xmppgov.directory.stanza` (docs/protocol/directory.md).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

Item = TypeVar("Item")

CHAIR, MEMBER = "chair", "member"
ROLE = r"[a-z][a-z0-9-]{0,30}"
"""The word for what somebody is in a body: `chair`, `member`, or another, such as `duty`."""
LARGEST_PAGE = 500
MOST_RESULTS = 50
FEWEST_LETTERS = 2
UNIT_SIZE = 20
"""A person's unit is the nearest body at or above their first one with at least so many people."""


@dataclass(frozen=True, slots=True)
class Version:
    """Changes whenever any other answer may: `data` counts imports, `day` is when terms hold."""

    data: int
    day: date


@dataclass(frozen=True, slots=True)
class Room:
    """A body that has a room; `body` is the room's local part as well."""

    body: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a body, as its chair or as a member.

    `jid` is None where the person has no account, `lang` (RFC 5646) where it is unknown.
    """

    person: str
    name: str
    role: str = MEMBER
    jid: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """A post that a person holds on the day of the answer; `role` is a word as in `ROLE`."""

    body: str
    name: str
    title: str
    role: str = MEMBER
    within: tuple[str, ...] = ()  # the bodies above `body`, the nearest first


@dataclass(frozen=True, slots=True)
class Entry:
    """A person with the posts of the day, the first one first.

    `unit` is a body's id; `lang` (RFC 5646) is None where it is unknown.
    """

    id: str
    name: str
    jid: str | None = None
    posts: tuple[Post, ...] = ()
    unit: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """The OMEMO device of an official account, as the account itself published it.

    `fingerprint` is the identity key in its Curve25519 form, 64 hex digits.
    """

    jid: str
    id: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of a list is wanted (XEP-0059): at most `max` items, behind or before a key.

    `before=""` means the last page.
    """

    max: int | None = None
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list: its items, the keys of its ends, where it starts, how long the list is."""

    items: tuple[Item, ...]
    count: int
    index: int = 0
    first: str | None = None
    last: str | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing comes behind this page."""
        return self.index + len(self.items) >= self.count


def page(items: Sequence[Item], key: Callable[[Item], str], cut: Cut, largest: int) -> Page[Item]:
    """Return the part of `items` that `cut` asks for, at most `largest` of them.

    Raises:
        KeyError: `cut` names an item that is not in the list.
    """
    size = min(largest if cut.max is None else cut.max, largest)
    keys = [key(item) for item in items]
    if cut.before is not None:
        end = _position(keys, cut.before) if cut.before else len(keys)
        start = max(0, end - size)
    else:
        start = _position(keys, cut.after) + 1 if cut.after else 0
        end = start + size
    part = tuple(items[start:end])
    if not part:
        return Page((), len(items), start)
    return Page(part, len(items), start, keys[start], keys[start + len(part) - 1])


def sorted_page(keys: Sequence[str], cut: Cut, largest: int) -> Page[str]:
    """Return the part of sorted `keys` that `cut` asks for, at most `largest` of them.

    A key of `cut` that is not in the list stands where it would.
    """
    size = min(largest if cut.max is None else cut.max, largest)
    if cut.before is not None:
        end = bisect_left(keys, cut.before) if cut.before else len(keys)
        start = max(0, end - size)
    else:
        start = bisect_right(keys, cut.after) if cut.after else 0
        end = start + size
    part = tuple(keys[start:end])
    first, last = (part[0], part[-1]) if part else (None, None)
    return Page(part, len(keys), start, first, last)


def _position(keys: Sequence[str], wanted: str) -> int:
    try:
        return keys.index(wanted)
    except ValueError:
        raise KeyError(wanted) from None
