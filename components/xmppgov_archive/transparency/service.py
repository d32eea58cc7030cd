"""Entries of the log -> figures for the public: how often, how much, why; never who.

All of it can be derived by anyone who has the log's public files. Rooms' sums, which are there by
pseudonym, are added up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from xmppgov.archive import leaf
from xmppgov.archive.counters import Counters
from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.leaf import Control, DataLeaf
from xmppgov.archive.model import emitter_numbers
from xmppgov.archive.report import Report
from xmppgov.archive.request import CONFLICT


@dataclass(slots=True)
class Requests:
    """What was asked for one purpose in one month; `rows` is the most that could be shown.

    `expired` are those that nobody decided about: they ran out, or a restart made them void. A
    request to erase or to end a hold that is granted leaves an entry of its own, not one of these.
    """

    granted: int = 0
    refused: int = 0
    expired: int = 0
    rows: int = 0


class Erasure(NamedTuple):
    """The entry `entry` says that `records` were destroyed, and `held` others kept."""

    entry: int
    day: str
    class_: str
    month: str
    records: int
    held: int
    visa: str
    roles: str


@dataclass(slots=True)
class Hold:
    """What was kept from erasure until a day; `released` is the day on which that ended."""

    hold: str
    day: str
    reason: str
    until: str
    records: int
    released: str | None = None


@dataclass(slots=True)
class Emitter:
    """What one emitter has numbered; `missing` are declared holes, `restarts` further epochs."""

    records: int = 0
    counted: int = 0
    gaps: int = 0
    missing: int = 0
    restarts: int = 0


class Days(NamedTuple):
    """How many days were closed, the first and the last of them, and their references."""

    closed: int
    first: str | None
    last: str | None
    references: int


NO_DAYS = Days(0, None, None, 0)


@dataclass(slots=True)
class Figures:
    """What has happened since `since`; `emitters` by name, `requests` by month and purpose."""

    origin: str
    size: int
    since: str | None
    requests: dict[tuple[str, str], Requests] = field(default_factory=dict)
    erasures: list[Erasure] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    emitters: dict[str, Emitter] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By sort and fate."""
    days: Days = NO_DAYS
    findings: int = 0
    """Numbers that are wrong in the whole log, of whatever time."""


class Summary:
    """Follows the entries of a log from the first; counts those from `since` (ms UTC) on.

    A record's entry has no time: it counts as of the time of the readable entry before it.
    """

    def __init__(self, figures: Figures, since: int = 0) -> None:
        self.figures = figures
        self._since, self._now = since, 0
        self._report = Report(figures.origin)
        self._counters = Counters(self._report)
        self._closed: set[str] = set()

    def follow(self, index: int, entry: bytes) -> None:
        """Take entry `index`. Raises `RecordInvalid` where it is none."""
        parsed = leaf.parse_leaf(entry)
        self._counters.follow(index, parsed)
        if isinstance(parsed, DataLeaf):
            if self._now >= self._since:
                self._emitter(parsed.emitter).records += 1
            return
        self._now = parsed.t
        if isinstance(parsed, leaf.Hold | leaf.Release):
            self._hold(parsed)
        elif parsed.t >= self._since:
            self._control(index, parsed)

    def finish(self) -> Figures:
        """Return the figures; of the holds those that had not ended before."""
        self.figures.findings = self._report.total
        first = _day(self._since)
        holds = self.figures.holds.items()
        self.figures.holds = {k: h for k, h in holds if (h.released or h.until) >= first}
        return self.figures

    def _control(self, index: int, entry: Control) -> None:
        match entry:
            case leaf.EmitterStart():
                self._emitter_of(entry.em).restarts += entry.previous is not None
            case leaf.Gap():
                self._gap(entry)
            case leaf.Counted():
                self._emitter_of(entry.em).counted += entry.n
            case leaf.DayEnd():
                self._end_of_day(entry)
            case leaf.Access() | leaf.Refusal():
                self._request(entry)
            case leaf.Erase():
                self.figures.erasures.append(_erasure(index, entry))
            case leaf.KeyChange():
                self.figures.keys[_sort(entry.name), entry.fate] += 1

    def _emitter_of(self, em: str) -> Emitter:
        return self._emitter(emitter_numbers(em)[0])

    def _emitter(self, number: int) -> Emitter:
        name = self._counters.servers.get(number, str(number))
        return self.figures.emitters.setdefault(name, Emitter())

    def _gap(self, entry: leaf.Gap) -> None:
        numbers, emitter = entry.last - entry.first + 1, self._emitter_of(entry.em)
        emitter.gaps += 1
        emitter.missing += numbers
        self.figures.reasons[entry.reason] += numbers

    def _request(self, entry: leaf.Access | leaf.Refusal) -> None:
        requests = self.figures.requests.setdefault((_day(entry.t)[:7], entry.purpose), Requests())
        if isinstance(entry, leaf.Access):
            requests.granted += 1
            requests.rows += entry.n
        elif entry.role == "nobody" and entry.purpose != CONFLICT:
            requests.expired += 1
        else:
            requests.refused += 1

    def _hold(self, entry: leaf.Hold | leaf.Release) -> None:
        day, holds = _day(entry.t), self.figures.holds
        if isinstance(entry, leaf.Hold):
            holds[entry.hold] = Hold(entry.hold, day, entry.reason, entry.until, entry.n)
        elif entry.hold in holds:
            holds[entry.hold].released = day

    def _end_of_day(self, entry: leaf.DayEnd) -> None:
        self._closed.add(entry.day)
        self.figures.days = Days(
            len(self._closed),
            min(self._closed),
            max(self._closed),
            self.figures.days.references + entry.n,
        )


def _erasure(index: int, entry: leaf.Erase) -> Erasure:
    kept = entry.class_, entry.month, entry.n, entry.held, entry.visa, entry.roles
    return Erasure(index, _day(entry.t), *kept)


def _sort(name: str) -> str:
    """Return what a key is for: the first word of its name, without its generation."""
    return name.partition("-")[0].rstrip("0123456789")


def _day(t: int) -> str:
    return day_text(t // DAY)
