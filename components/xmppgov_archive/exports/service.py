"""Opens an export: one moment of the archive, and a checkpoint that enough have cosigned for it.

The moment is taken first, and then the export waits until the witnesses have cosigned everything
that the log had in it. So whatever the export shows has its proof, whatever is erased meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby

from xmppgov.archive import ranges
from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.exports.model import Manifest
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.model import parse_record_both
from xmppgov.archive.ranges import Range
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.merkle import inclusion_proof
from xmppgov.tlog.tiles import TiledTree
from xmppgov_archive.exports.store import AT_ONCE, ExportStore, Extent, windows
from xmppgov_archive.inspection.service import Inspection
from xmppgov_archive.inspection.store import Criteria
from xmppgov_archive.records.opening import is_of
from xmppgov_archive.records.rest import BoxBroken
from xmppgov_archive.records.store import Row

texts = Texts("xmppgov_archive")
PAUSE = 0.2  # seconds between two looks at the cosigned checkpoint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: times in ms (`end` excluded), pseudonyms of rooms and units, fields."""

    start: int
    end: int
    fields: tuple[str, ...]
    purpose: str
    rooms: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether everything of these times is wanted, so that nothing may be left out."""
        return self.rooms is None and self.units is None

    def criteria(self) -> Criteria:
        """Return what to ask the database."""
        return Criteria(self.start, self.end, rooms=self.rooms, units=self.units)


@dataclass(frozen=True, slots=True)
class Item:
    """A record, opened: its fields, their canonical values, and its secret, which stays here."""

    index: int
    record: dict[str, Value]
    values: list[bytes]
    secret: bytes
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A readable entry of the log."""

    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is open; what it yields is of one moment and behind `manifest.checkpoint`."""

    manifest: Manifest
    wanted: Wanted
    tree: TiledTree
    erasures: tuple[Entry, ...]
    """The `erase` entries to be shown behind everything that is covered."""
    _store: ExportStore
    _inspection: Inspection
    _gone: tuple[Range, ...]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Return the inclusion proof of an entry."""
        return tuple(inclusion_proof(index, self.tree.size, self.tree.range_hash))

    async def records(self) -> AsyncIterator[list[Item]]:
        """Yield the records that are wanted, in the log's order, some at a time.

        Of everything, they are found by their indexes, so that no column decides what is shown.
        """
        if self.manifest.covers:
            async for items in self.everything():
                yield [item for item in items if isinstance(item, Item) and not item.outside]
            return
        indexes = await self._store.indexes(self.wanted.criteria())
        for start in range(0, len(indexes), AT_ONCE):
            rows = await self._store.rows(indexes[start : start + AT_ONCE])
            yield [item for item in self._opened(rows) if not item.outside]

    async def everything(self) -> AsyncIterator[list[Item | Entry]]:
        """Yield what the manifest covers, each index once; where it covers nothing, the records."""
        if not self.manifest.covers:
            async for items in self.records():
                yield list(items)
        for part in self.manifest.covers:
            for window in windows(part):
                rows, entries = await self._store.within(window)
                found: list[Item | Entry] = [
                    *self._opened(rows),
                    *(Entry(*entry) for entry in entries),
                ]
                yield sorted(found, key=lambda item: item.index)
        yield list(self.erasures)

    async def leaves(self, items: Sequence[Item]) -> dict[int, bytes]:
        """Return the entries of the log that these records have."""
        return await self._store.leaves([item.index for item in items])

    def _opened(self, rows: Iterable[Row]) -> list[Item]:
        """Open rows; what an entry says was erased is no more there, even if it still is."""
        there = ranges.subtract(ranges.ranges(row.idx for row in rows), self._gone)
        indexes = {index for first, last in there for index in range(first, last + 1)}
        return [self._item(row) for row in rows if row.idx in indexes]

    def _item(self, row: Row) -> Item:
        try:
            content = self._inspection.rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
            record, values = parse_record_both(content.body)
        except CheckFailed as error:
            raise BoxBroken(_unreadable(row)) from error
        if not is_of(row, record):
            raise BoxBroken(_unreadable(row))
        within = self.wanted.start <= int(record["t"]) < self.wanted.end
        return Item(row.idx, record, values, content.secret, outside=not within)


def _unreadable(row: Row) -> Text:
    return texts(
        "The record of entry {index} cannot be opened, or its row was changed; "
        "run: xmppgov archive verify",
        index=row.idx,
    )


class Exporter:
    """Opens exports; `clock` returns ms UTC, `watermark` a new one."""

    def __init__(
        self,
        *,
        inspection: Inspection,
        store: ExportStore,
        clock: Callable[[], int],
        watermark: Callable[[], str],
    ) -> None:
        self._inspection, self._store = inspection, store
        self._clock, self._watermark = clock, watermark

    @asynccontextmanager
    async def opened(
        self, wanted: Wanted, patience: float, waiting: Callable[[int, int], None]
    ) -> AsyncIterator[Export]:
        """Open an export; `waiting(cosigned, wanted)` is called while it waits for witnesses.

        Raises:
            CheckFailed: the witnesses have not cosigned enough within `patience` seconds, or a room
                or a unit cannot be found in a month that is sealed.
        """
        async with self._store.moment() as entries:
            await self._check_months(wanted)
            note, checkpoint = await self._cosigned(entries, patience, waiting)
            yield await self._export(wanted, entries, note, checkpoint)

    async def _check_months(self, wanted: Wanted) -> None:
        """Refuse a room or a unit in a month whose pseudonyms nobody can make any more."""
        days = range(wanted.start // DAY, -(-wanted.end // DAY))
        for month, numbers in groupby(days, lambda number: day_text(number)[:7]):
            if wanted.whole or self._inspection.keys.find_month(month) is not None:
                continue
            first, *rest = numbers
            end = (rest[-1] if rest else first) + 1
            if await self._store.extent(Criteria(first * DAY, end * DAY)):
                raise CheckFailed(
                    texts(
                        "{month}: its key is sealed or gone; what a room or a unit did in it takes "
                        "a request to the officers, or an export of everything.",
                        month=month,
                    )
                )
        if () in (wanted.rooms, wanted.units):
            raise CheckFailed(texts("The key of no month is there; ask for everything."))

    async def _export(
        self, wanted: Wanted, entries: int, note: bytes, checkpoint: Checkpoint
    ) -> Export:
        erasures = [(Entry(*entry), _erased(entry[1])) for entry in await self._store.erasures()]
        gone = tuple(ranges.union(part for _, parts in erasures for part in parts))
        covers = await self._covered(wanted, entries, gone) if wanted.whole and entries else ()
        shown = tuple(entry for entry, parts in erasures if _concerns(entry, parts, covers))
        records, outside, readable = await self._numbers(wanted, covers, gone)
        manifest = Manifest(
            origin=checkpoint.origin,
            checkpoint=note,
            policy=self._inspection.policy.encode().decode(),
            purpose=wanted.purpose,
            watermark=self._watermark(),
            made=self._clock(),
            entries=entries,
            start=wanted.start,
            end=wanted.end,
            records=records,
            outside=outside,
            readable=readable + len(shown),
            fields=wanted.fields,
            rooms=wanted.rooms or (),
            units=wanted.units or (),
            covers=covers,
        )
        tree = TiledTree(checkpoint.size, self._inspection.folder.read)
        return Export(manifest, wanted, tree, shown, self._store, self._inspection, gone)

    async def _covered(
        self, wanted: Wanted, entries: int, gone: Sequence[Range]
    ) -> tuple[Range, ...]:
        """Return everything from the record before those of these times to the one behind them.

        One is from before, one from behind these times, which shows that nothing was cut off; else
        the log ends there.
        """
        extent = await self._store.extent(wanted.criteria())
        if extent is None:
            before = await self._store.earlier(wanted.start)
            extent = Extent(0, 0, -1) if before is None else Extent(0, before + 1, before)
        first = await _neighbour(self._store.before, extent.first, wanted.start, gone)
        last = await _neighbour(self._store.behind, extent.last, wanted.end, gone)
        return ((0 if first is None else first, entries - 1 if last is None else last),)

    async def _numbers(
        self, wanted: Wanted, covers: Sequence[Range], gone: Sequence[Range]
    ) -> tuple[int, int, int]:
        """Return how many records, records outside of the times, and readable entries there are."""
        indexes = await self._store.indexes(wanted.criteria())
        records = ranges.count(ranges.subtract(ranges.ranges(indexes), gone))
        if not covers:
            return records, 0, 0
        every, readable = await self._store.counts(covers[0])
        still = sum([(await self._store.counts(p))[0] for p in ranges.common(gone, covers)])
        return records, every - still - records, readable

    async def _cosigned(
        self, entries: int, patience: float, waiting: Callable[[int, int], None]
    ) -> tuple[bytes, Checkpoint]:
        """Wait for a checkpoint with enough cosignatures that has all `entries`."""
        size = 0
        for _ in range(max(int(patience / PAUSE), 1)):
            note = self._inspection.cosigned_note()
            if note is not None:
                checkpoint = self._inspection.opens(note)
                size = checkpoint.size
                if size >= entries:
                    return note, checkpoint
            waiting(size, entries)
            await asyncio.sleep(PAUSE)
        raise CheckFailed(
            texts(
                "Only {size} of {entries} entries are cosigned by enough witnesses after {patience}"
                " seconds; ask later, or see: xmppgov archive status",
                size=size,
                entries=entries,
                patience=int(patience),
            )
        )


def _erased(data: bytes) -> list[Range]:
    leaf = parse_leaf(data)
    return ranges.read(leaf.indexes) if isinstance(leaf, Erase) else []


async def _neighbour(
    find: Callable[[int, int], Awaitable[int | None]], index: int, t: int, gone: Sequence[Range]
) -> int | None:
    """Return the nearest record beyond a time that no entry has named as erased."""
    found = await find(index, t)
    while found is not None and ranges.common([(found, found)], gone):
        found = await find(found, t)
    return found


def _concerns(entry: Entry, parts: Sequence[Range], covers: Sequence[Range]) -> bool:
    """Tell whether an `erase` entry is to be shown behind what is covered."""
    if not covers:
        return False
    return entry.index > covers[-1][1] and bool(ranges.common(parts, covers))
