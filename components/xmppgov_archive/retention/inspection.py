"""What is read of retention beside the running archive: how it stands, what is being erased."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from xmppgov.archive.fates import erased_by
from xmppgov.archive.jcs import LARGEST_INTEGER
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.retention.model import Hold, Part, Period
from xmppgov_archive.retention.policy import due_day
from xmppgov_archive.retention.store import RetentionStore
from xmppgov_archive.retention.verify import Decision, RetentionCheck

UnderWay = dict[int, list[Range]]
"""Indexes of records that are being erased, by the erasure's number."""


class ClassState(NamedTuple):
    """A retention class: its oldest month with records, and the first day on which that is due."""

    name: str
    period: Period
    oldest: str | None
    due: date | None


class RetentionState(NamedTuple):
    """How retention stands: the classes, and the holds that have not ended."""

    classes: list[ClassState]
    holds: list[Hold]


@dataclass(frozen=True, slots=True)
class RetentionInspection:
    """The retention side of the database, read only, and the keys that are there."""

    store: RetentionStore
    keys: KeyRing
    periods: Mapping[str, Period]

    async def state(self) -> RetentionState:
        """Return how retention stands.

        The keys tell of which months there are records: they go with the last of them.
        """
        oldest: dict[str, str] = {}
        for class_, month in self.keys.parts():
            oldest.setdefault(class_, month)
        classes = [
            ClassState(name, period, month, due_day(month, period) if month else None)
            for name, period in self.periods.items()
            for month in (oldest.get(name),)
        ]
        there = await self.store.holds() if await self.store.is_there() else []
        return RetentionState(classes, [hold for hold in there if hold.ended is None])

    async def naming(self, slip: str) -> list[int]:
        """Return the indexes of the `erase` entries that name a slip by its SHA-256."""
        if not await self.store.is_there():
            return []
        found: list[int] = []
        for index, data in await self.store.erase_entries():
            leaf = parse_leaf(data)
            if isinstance(leaf, Erase) and leaf.slip == slip:
                found.append(index)
        return found

    async def compare(self, report: Report, decisions: Mapping[int, Decision], end: int) -> None:
        """Compare holds and erasures with the log's decisions, which lie before `end`."""
        if await self.store.is_there():
            tables = await self.store.tables()
            RetentionCheck(report, decisions, end).compare(tables, self._bodies())

    def _bodies(self) -> list[tuple[Part, int]]:
        """Return the keys of records that are there, each by its part and its generation."""
        return [
            (Part(class_, month), generation)
            for class_, month in self.keys.parts()
            for generation in self.keys.bodies(month, class_)
        ]

    async def under_way(self, size: int = LARGEST_INTEGER, also: Iterable[int] = ()) -> UnderWay:
        """Return the indexes of records that are being erased.

        With them those of erasures that were promised at `size` or behind it, and of those `also`.
        """
        if not await self.store.is_there():
            return {}
        promised = await self.store.promised(size, also)
        return {number: erased_by(entries) for number, entries in promised.items()}
