"""Rooms and seats: what the directory wants, what keys allow, what the server was told.

Pure values; the wire is `xmppgov.rooms.stanza` (docs/protocol/rooms.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

CHAIR, MEMBER = "chair", "member"


class Keys(StrEnum):
    """What is known of a person's OMEMO keys."""

    UNKNOWN = "unknown"
    """Not asked yet, or no answer; whoever was admitted stays, nobody else is."""
    USABLE = "usable"
    """A device list and at least one bundle that an encrypting client accepts."""
    MISSING = "missing"
    """Nobody can encrypt to this person now."""
    NO_ACCOUNT = "no-account"


class Reason(StrEnum):
    """Why somebody's keys are not usable."""

    NONE = ""
    NOT_ASKED = "not-asked"
    NO_ANSWER = "no-answer"
    NO_DEVICE_LIST = "no-device-list"
    EMPTY_DEVICE_LIST = "empty-device-list"
    NO_BUNDLE = "no-bundle"
    BROKEN_BUNDLE = "broken-bundle"
    TOO_MANY_DEVICES = "too-many-devices"
    NOT_READABLE = "not-readable"
    NO_ACCOUNT = "no-account"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The result of one look at a person's keys."""

    keys: Keys
    reason: Reason = Reason.NONE


UNASKED = Readiness(Keys.UNKNOWN, Reason.NOT_ASKED)
READY = Readiness(Keys.USABLE)
NO_ACCOUNT = Readiness(Keys.NO_ACCOUNT, Reason.NO_ACCOUNT)


class Standing(StrEnum):
    """Where a person stands with a room, as it is shown."""

    ADMITTED = "admitted"
    WAITING = "waiting for keys"
    NO_ACCOUNT = "no account"


@dataclass(frozen=True, slots=True)
class Person:
    """A person whom the directory puts into a room; `jid` is None without an account's address."""

    id: str
    name: str
    role: str = MEMBER
    jid: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a room as the server is told; `nick` is unique in its room."""

    jid: str
    nick: str
    role: str = MEMBER


@dataclass(frozen=True, slots=True)
class Room:
    """A room as a whole; the order of its members means nothing.

    `kind` is the directory's word for the body, or empty: the server keeps it as the room's class.
    """

    id: str
    name: str
    members: tuple[Member, ...] = ()
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What setting a room changed."""

    added: int
    removed: int
    changed: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of what the server has for a room."""

    jid: str
    nick: str
    affiliation: str
    role: str
    present: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What setting a room would change."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


def difference(before: Iterable[Member], after: Iterable[Member]) -> Difference:
    """Return the addresses that `after` adds to, removes from and changes in `before`."""
    old = {m.jid: m for m in before}
    new = {m.jid: m for m in after}
    return Difference(
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(jid for jid in new.keys() & old.keys() if new[jid] != old[jid])),
    )


def nicknames(people: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return a nickname for each (address, name), unique whatever the letters' case.

    Namesakes are told apart by the local part of their addresses, all of them, so that nobody's
    nickname depends on who came first; a person without a name is called by it.
    """
    clean = {jid: _one_line(name) or jid.split("@")[0] for jid, name in people}
    shared = Counter(name.casefold() for name in clean.values())
    told = {
        jid: name if shared[name.casefold()] == 1 else f"{name} ({jid.split('@')[0]})"
        for jid, name in clean.items()
    }
    again = Counter(name.casefold() for name in told.values())
    return {
        jid: name if again[name.casefold()] == 1 else f"{clean[jid]} ({jid})"
        for jid, name in told.items()
    }


def _one_line(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip()
