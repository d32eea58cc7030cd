"""What is kept how long, what is held back from erasure, and what is due."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from xmppgov.archive import jcs
from xmppgov.archive.jcs import NotCanonical
from xmppgov.archive.leaf import Day
from xmppgov.archive.model import Closed

PRESETS = {"cnil-6m": 6, "cnil-1y": 12, "controle-interne-3y": 36}
"""Months of the periods that have a name (docs/archivist.md says where each comes from)."""
LONGEST = 1200  # months
MOST_NAMES = 500  # people, rooms or units of one hold
PSEUDONYM = re.compile("[A-Za-z0-9_-]{22}")
"""What stands for a person, a room or a unit in a record."""
_MONTHS = re.compile("([1-9][0-9]{0,3})m", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """How long records are kept, in whole months: a preset, or a number of them (`18m`)."""

    name: str
    months: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period. Raises `ValueError`, which names the presets."""
        match = _MONTHS.fullmatch(text)
        months = PRESETS.get(text, int(match[1]) if match else 0)
        if not 1 <= months <= LONGEST:
            names = ", ".join(PRESETS)
            raise ValueError(
                f"{text[:40]!r} is no period; write one of {names}, or whole months as in '18m'"
            )
        return cls(text, months)

    def __str__(self) -> str:
        return self.name


class Part(NamedTuple):
    """The records of one class in one month (`2026-11`): what is erased together."""

    class_: str
    month: str


def _listing(item: str, most: int) -> object:
    return StringConstraints(pattern=rf"^{item}( {item}){{0,{most - 1}}}$")


Pseudonyms = Annotated[str, _listing("[A-Za-z0-9_-]{22}", MOST_NAMES)]
Classes = Annotated[str, _listing("[a-z0-9][a-z0-9._-]{0,31}", 50)]


class Traits(NamedTuple):
    """What of a record says whether a hold covers it; people, rooms and units are pseudonyms."""

    t: int
    class_: str
    sender: str
    recipient: str | None
    room: str | None
    org: str


class Extent(Closed):
    """What a hold covers: records from a first to a last day (UTC), of some classes, of somebody.

    Whatever is not said does not limit it; of the people, rooms and units one has to fit. `salt`
    keeps others from guessing it by its hash, which the log shows.
    """

    v: Literal[1]
    salt: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    first: Day | None = None
    last: Day | None = None
    classes: Classes | None = None
    people: Pseudonyms | None = None
    rooms: Pseudonyms | None = None
    units: Pseudonyms | None = None

    @model_validator(mode="after")
    def _in_form(self) -> Self:
        for listed in (self.classes, self.people, self.rooms, self.units):
            names = listed.split(" ") if listed else []
            if names != sorted(set(names)):
                raise ValueError("names stand once each, in order")
        if self.first and self.last and self.first > self.last:
            raise ValueError("it ends before it begins")
        for day in (self.first, self.last):
            if day is not None:
                date.fromisoformat(day)
        return self

    @cached_property
    def names(self) -> dict[str, frozenset[str]]:
        """The pseudonyms of people, rooms and units."""
        listed = {"people": self.people, "rooms": self.rooms, "units": self.units}
        return {sort: frozenset(text.split(" ") if text else ()) for sort, text in listed.items()}

    @property
    def names_somebody(self) -> bool:
        """Whether it names people, rooms or units: then nobody is told how much it covers."""
        return any(self.names.values())

    def encode(self) -> bytes:
        """Return the canonical document."""
        return jcs.encode(self.model_dump(exclude_none=True))

    @classmethod
    def parse(cls, data: bytes) -> Extent:
        """Read what `encode` writes. Raises `ValueError`."""
        try:
            return cls.model_validate(jcs.decode(data))
        except (NotCanonical, ValidationError) as error:
            raise ValueError("it is no extent of a hold") from error

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in hex."""
        return sha256(self.encode()).hexdigest()


class Hold(NamedTuple):
    """A legal hold; `until` is its last day, `leaf` the entry that made it.

    `ended` is the index of the entry that ended it, None while it lasts; `t` when it was made (ms),
    `n` how many records it covered then: 0 where it names somebody, for then nobody counts them.
    """

    id: str
    extent: Extent
    reason: str
    until: str
    t: int
    roles: str
    n: int
    leaf: int
    ended: int | None = None


class Stock(NamedTuple):
    """What there is of a part: how many records may be erased, and how many a hold keeps.

    `units` are pseudonyms of senders' units, each with how many of its records may be erased;
    `first` and `last` the days of the first and the last of them.
    """

    part: Part
    records: int
    units: tuple[tuple[str, int], ...]
    first: str
    last: str
    held: int


def hold_key(id: str, part: Part) -> str:
    """Return the name of the key of a part's records that a hold keeps."""
    return f"hold-{id}.{part.month}-{part.class_}"
