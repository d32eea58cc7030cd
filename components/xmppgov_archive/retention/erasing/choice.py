"""Chooses what an erasure takes: by what records are, not by what the database says of them.

Of every record of the parts the box is opened. Whether it is due, and whether a hold keeps it, is
decided by what lies in it. One row that is not what was committed stops the erasure: whoever is to
sign has to know that somebody was at the database.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import structlog

from xmppgov.archive import ranges
from xmppgov.archive.ranges import Range
from xmppgov.errors import Unexpected
from xmppgov_archive.records.opening import COLUMNS, RecordChanged, StoredRow, opened
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.retention import policy
from xmppgov_archive.retention.model import Hold, Part, Stock, Traits
from xmppgov_archive.retention.store import RetentionStore

log = structlog.get_logger()
SPAN = 3_600_000  # ms whose rows are read at once
AT_ONCE, PAUSE = 200, 0.01  # records that are opened at once; seconds for others in between
Numbers = dict[tuple[int, int], list[int]]


class Chosen(NamedTuple):
    """What an erasure takes, as it was when there were `size` entries and these holds lasted.

    `indexes` are those of its records, by part; `numbers` those of their emitters, by epoch.
    """

    size: int
    holds: list[Hold]
    stock: list[Stock]
    indexes: dict[Part, list[Range]]
    numbers: dict[tuple[int, int], list[Range]]


class Tally:
    """What was found of one part."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.indexes: list[int] = []
        self._units: Counter[str] = Counter()
        self._held = 0
        self._first, self._last = 2**53, 0

    def add(self, index: int, traits: Traits, held: bool) -> None:
        """Count a record."""
        if held:
            self._held += 1
            return
        self.indexes.append(index)
        self._units[traits.org] += 1
        self._first, self._last = min(self._first, traits.t), max(self._last, traits.t)

    def stock(self) -> Stock:
        """Return what there is; something of it may be erased."""
        first, last = (policy.day_of(t).isoformat() for t in (self._first, self._last))
        units = tuple(sorted(self._units.items()))
        return Stock(self.part, len(self.indexes), units, first, last, self._held)


class Choice:
    """Chooses; `reading` reads beside the store's writer."""

    def __init__(self, reading: RetentionStore, rest: AtRest) -> None:
        self._reading, self._rest = reading, rest

    async def of(self, parts: Sequence[Part], holds: list[Hold], size: int) -> Chosen:
        """Return what there is of `parts`, among the first `size` entries, that no hold keeps.

        Raises:
            Unexpected: a row of them is not the record that was committed.
        """
        numbers: Numbers = {}
        tallies = [await self._tally(part, holds, size, numbers) for part in sorted(set(parts))]
        found = [tally for tally in tallies if tally.indexes]
        indexes, by_epoch = await asyncio.to_thread(_ranged, found, numbers)
        return Chosen(size, holds, [tally.stock() for tally in found], indexes, by_epoch)

    async def _tally(self, part: Part, holds: list[Hold], size: int, numbers: Numbers) -> Tally:
        tally, held = Tally(part), policy.holder(holds)
        async for rows in self._rows(part, size):
            await asyncio.to_thread(self._count, rows, tally, held, numbers)
            await asyncio.sleep(PAUSE)
        return tally

    async def _rows(self, part: Part, size: int) -> AsyncIterator[list[StoredRow]]:
        """Yield what lies as records of a part, in portions."""
        start, end = policy.month_span(part.month)
        rows: list[StoredRow] = []
        for since in range(start, end, SPAN):
            rows += await self._reading.rows(part, since, min(since + SPAN, end), size)
            while len(rows) >= AT_ONCE:
                yield rows[:AT_ONCE]
                del rows[:AT_ONCE]
        if rows:
            yield rows

    def _count(
        self, rows: list[StoredRow], tally: Tally, held: Callable[[Traits], bool], numbers: Numbers
    ) -> None:
        for row in rows:
            traits = self._traits(row)
            keeps = held(traits)
            tally.add(row.idx, traits, keeps)
            if not keeps:
                numbers.setdefault((row.emitter, row.epoch), []).append(row.seq)

    def _traits(self, row: StoredRow) -> Traits:
        try:
            record = opened(self._rest, row)
        except RecordChanged as error:
            log.error("ALARM: a record that is due is not what was committed", index=row.idx)
            raise Unexpected(error.text) from error
        return Traits(*map(record.get, COLUMNS))  # type: ignore[arg-type]


def _ranged(
    found: Sequence[Tally], numbers: Numbers
) -> tuple[dict[Part, list[Range]], dict[tuple[int, int], list[Range]]]:
    """Return the indexes of each part, and the numbers of each emitter's epoch."""
    return (
        {tally.part: ranges.ranges(sorted(tally.indexes)) for tally in found},
        {epoch: ranges.ranges(sorted(seqs)) for epoch, seqs in numbers.items()},
    )
