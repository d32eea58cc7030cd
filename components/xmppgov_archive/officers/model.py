"""A request's life as it is persisted, and what it gives in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from xmppgov.i18n import Text

VERSION = 1
Fate = Literal["sealed", "destroyed"]


class State(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    """Nobody has approved it."""
    HALF = "half"
    """One officer has."""
    GRANTED = "granted"
    """Two officers have; what it asked for is done, and its answer can be read for a while."""
    ENDED = "ended"
    """Its answer is gone again."""
    REFUSED = "refused"
    EXPIRED = "expired"
    VOID = "void"
    """The archive was restarted, and with it the key for which the codes would be."""


class Event(StrEnum):
    """What can happen to a request."""

    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"
    RESTART = "restart"
    CLOSE = "close"


class Step(NamedTuple):
    """Something that happened to a request at `t` (ms), by an officer's role or by nobody."""

    t: int
    event: str
    role: str


class Standing(NamedTuple):
    """What is kept of a request: never whom it is about, which lies in memory only.

    `n` is how many rows or records it was granted for; `steps` are in order.
    """

    hash: str
    kind: str
    purpose: str
    case: str
    requester: str
    role: str
    state: State
    made: int
    until: int
    n: int | None
    steps: tuple[Step, ...]

    @property
    def approved(self) -> tuple[str, ...]:
        """The roles that have approved, in alphabetical order."""
        return tuple(sorted(step.role for step in self.steps if step.event == Event.APPROVE))


class Rules(NamedTuple):
    """Who has which role, by bare address, and how long things last (ms)."""

    roles: Mapping[str, str]
    approval_time: int
    answer_time: int


class MonthRules(NamedTuple):
    """What becomes of months' keys, and how long (ms) after a month's end."""

    fate: Fate
    grace: int


class Column(NamedTuple):
    """A column of an answer: its name for scripts, and its title."""

    name: str
    title: Text


class Answer(NamedTuple):
    """What a granted request gives: a sentence, and rows of text."""

    sentence: Text
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[str]] = ()


PAGE = 50  # rows of an answer in one stanza
NODES = "urn:xmppgov:archive:0#"
"""What the nodes of the officers' commands begin with."""
POOL = "officers"
"""Of these commands so many run at once, whatever members ask the archive meanwhile."""
