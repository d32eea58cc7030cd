"""What the archive writes by the clock: once a minute what was counted, once a day the day's end.

Each is one transaction: the entries, and the tables from which they were made. A crash before it
leaves everything to be written by the next attempt, which the next start makes at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from xmppgov.archive import ranges
from xmppgov.archive.day import DAY, day_text, key_digest, names_root, references_root
from xmppgov.archive.leaf import (
    Control,
    Counted,
    Counts,
    DataLeaf,
    DayEnd,
    control_leaf,
    parse_leaf,
    write_sums,
)
from xmppgov.archive.model import emitter_text
from xmppgov.archive.ranges import Range
from xmppgov_archive.records.store import RecordStore

MINUTE = 60_000  # ms
GRACE = 600_000  # ms that a day's last messages have to arrive
SUMS_A_PART = 1500  # rooms in one entry


class Closing:
    """Closes minutes and days; whoever calls it holds the archive's turn.

    `key` returns the key of a day, in days since 1970, None where it is gone or was never made.
    """

    def __init__(
        self, store: RecordStore, clock: Callable[[], int], key: Callable[[int], bytes | None]
    ) -> None:
        self._store, self._clock, self._key = store, clock, key
        self._minute = 0
        self._today: int | None = None

    async def due(self) -> bool:
        """Write what is due now; return whether anything was written."""
        now = self._clock()
        closed = await self._close_days(now)
        if closed or now // MINUTE != self._minute:
            self._minute = now // MINUTE
            return await self._close_minute(now) or closed
        return closed

    async def days_due(self) -> bool:
        """Write the end of the days that are over, once after each midnight, quickly else."""
        now = self._clock()
        if self._today == (now - GRACE) // DAY:
            return False
        return await self._close_days(now)

    async def _close_minute(self, now: int) -> bool:
        counted = await self._store.open_counts()
        if not counted:
            return False
        async with self._store.transaction():
            await self._write(list(_counted(counted, now)))
            await self._store.take_counts()
        return True

    async def _close_days(self, now: int) -> bool:
        """Close each day that has ended, in turn, and what arrived late for those before."""
        today = (now - GRACE) // DAY
        last = await self._last_day()
        if last is None:
            return False
        turn = {(day, 1) for day in range(last + 1, today)}
        due = sorted(turn.union(await self._store.open_days(today)))
        for day, part in due:
            await self._close_day(day, part, now, in_turn=(day, part) in turn)
        self._today = today
        return bool(due)

    async def _last_day(self) -> int | None:
        """Return the day before the one whose turn it is: at first, that of the log's beginning."""
        last = await self._store.last_day()
        first = await self._store.leaves(0, 1) if last is None else []
        if not first:
            return last
        begun = parse_leaf(first[0])
        assert not isinstance(begun, DataLeaf), "a log begins with a control entry"
        return begun.t // DAY - 1

    async def _close_day(self, day: int, part: int, now: int, *, in_turn: bool) -> None:
        store = self._store
        counted, sums = await store.open_counts(), await store.sums()
        end = await self._day_end(day, part, now)
        parts: list[Control] = [*_counted(counted, now), *_counts(sums, day, now), end]
        async with store.transaction():
            index = await self._write(parts)
            await store.take_counts()
            await store.take_sums()
            await store.close_day(day, part, index, in_turn)

    async def _day_end(self, day: int, part: int, now: int) -> DayEnd:
        names = await self._store.new_names()
        references = await self._store.references(day, part)
        root, n = await asyncio.to_thread(references_root, references)
        key = self._key(day) if n else None
        return DayEnd(
            v=1,
            kind="day",
            t=now,
            day=day_text(day),
            part=part,
            n=n,
            root=root.hex(),
            key="" if key is None else key_digest(key),
            named=len(names),
            names=names_root(names).hex(),
        )

    async def _write(self, controls: list[Control]) -> int:
        """Write control entries; return the index of the last one."""
        first = await self._store.next_index()
        leaves = [(first + n, control_leaf(control)) for n, control in enumerate(controls)]
        await self._store.add_leaves(leaves)
        return leaves[-1][0]


def _counted(counted: Mapping[tuple[int, int], list[Range]], now: int) -> Iterator[Counted]:
    for epoch, parts in counted.items():
        for piece in ranges.pieces(parts):
            yield Counted(
                v=1,
                kind="counted",
                t=now,
                em=emitter_text(*epoch),
                ranges=ranges.write(piece),
                n=ranges.count(piece),
            )


def _counts(sums: Mapping[str, int], day: int, now: int) -> Iterator[Counts]:
    rooms = sorted(sums)
    for start in range(0, len(rooms), SUMS_A_PART):
        part = {room: sums[room] for room in rooms[start : start + SUMS_A_PART]}
        yield Counts(
            v=1,
            kind="counts",
            t=now,
            day=day_text(day),
            sums=write_sums(part),
            n=sum(part.values()),
        )
