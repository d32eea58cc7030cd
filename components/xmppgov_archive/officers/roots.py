"""Names as the days' ends in the log have them, for months whose keys are there no more.

The entry that ended a day holds the root over the names that the day has added. It is read from the
log's public files, not from the database, and covers the box as well as the month that it says.

Whoever looks for an address has to know as well that no name is missing. So the entries are read in
their order, once and then as they come: which days there were is not asked of the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from xmppgov.archive.day import month_start, name_digest, names_root
from xmppgov.archive.leaf import DayEnd, KeyChange, parse_leaf
from xmppgov.archive.verify import ForgottenName, StoredName
from xmppgov.tlog.tiles import WIDTH
from xmppgov_archive.officers.store import NameStore

Bundle = Callable[[int, int], list[bytes]]
"""Return the first entries of a bundle, given its index and how many. Raises `TileInvalid`."""
AT_ONCE = 200  # bundles
_KINDS = (b'"kind":"day"', b'"kind":"key"')


class DayRoots:
    """The roots of one log; `size` tells how many entries its newest checkpoint covers."""

    def __init__(self, store: NameStore, bundle: Bundle, size: Callable[[], int]) -> None:
        self._store, self._bundle, self._size = store, bundle, size
        self._turn = asyncio.Lock()
        self._read = 0
        self._ends: dict[int, DayEnd] = {}
        self._gone: dict[str, int] = {}
        """The entries by which keys went first, by the keys' names."""

    async def committed(self, names: Collection[StoredName]) -> dict[str, bool]:
        """Tell of names, by pseudonym, whether they are as the log has them.

        Those whose day has not ended, or whose end is not signed yet, are left out.

        Raises:
            TileInvalid: a file of the log cannot be read.
        """
        entries = await self._store.entries([name.pseudonym for name in names])
        told: dict[str, bool] = {}
        for entry in sorted({*entries.values()}):
            if entry < self._size():
                mine = [name for name in names if entries.get(name.pseudonym) == entry]
                whole = await self._store.ended_by(entry)
                told |= await asyncio.to_thread(self._told, entry, mine, *whole)
        return told

    async def changed(self, month: str) -> list[str]:
        """Return the days (`2026-11-24`) that have added names, perhaps of a month, as others.

        That is: those that ended between the month's beginning and the end of its key, and whose
        names in the database are not all of those whose root the log has. Raises as `committed`.
        """
        await self._follow()
        found: list[str] = []
        for entry, end in self._between(month):
            rows, gone = await self._store.ended_by(entry)
            explained = all(self._gone.get(f"names-{name.month}", -1) > entry for name in gone)
            if not explained or not await asyncio.to_thread(_is_of, end, rows, gone):
                found.append(end.day)
        return sorted(set(found))

    def _between(self, month: str) -> list[tuple[int, DayEnd]]:
        """Return the ends of days that may have added names of a month."""
        start, over = month_start(month), self._gone.get(f"month-{month}")
        last = min((e for e in self._ends if over is not None and e > over), default=None)
        return [
            (entry, end)
            for entry, end in self._ends.items()
            if end.t >= start and (last is None or entry <= last)
        ]

    async def _follow(self) -> None:
        """Read what has come since."""
        async with self._turn:
            while self._read < self._size():
                end = min(self._size(), (self._read // WIDTH + AT_ONCE) * WIDTH)
                await asyncio.to_thread(self._take, self._read, end)
                self._read = end

    def _take(self, start: int, end: int) -> None:
        for first in range(start - start % WIDTH, end, WIDTH):
            for index, data in enumerate(
                self._bundle(first // WIDTH, min(WIDTH, end - first)), first
            ):
                if index >= start and any(kind in data for kind in _KINDS):
                    self._entry(index, parse_leaf(data))

    def _entry(self, index: int, leaf: object) -> None:
        if isinstance(leaf, DayEnd):
            self._ends[index] = leaf
        elif isinstance(leaf, KeyChange) and leaf.fate != "created":
            if leaf.name.startswith("month-"):
                self._gone.setdefault(leaf.name, index)
            else:
                self._gone[leaf.name] = index

    def _told(
        self,
        entry: int,
        names: Sequence[StoredName],
        rows: Sequence[StoredName],
        gone: Sequence[ForgottenName],
    ) -> dict[str, bool]:
        bundle, place = divmod(entry, WIDTH)
        entries = self._bundle(bundle, min(WIDTH, self._size() - bundle * WIDTH))
        end = parse_leaf(entries[place])
        day = frozenset(map(name_digest, rows)) if _is_of(end, rows, gone) else frozenset()
        return {name.pseudonym: name_digest(name) in day for name in names}


def _is_of(end: object, rows: Sequence[StoredName], gone: Sequence[ForgottenName]) -> bool:
    """Tell whether a day's end is that of some names, and of others that were destroyed."""
    if not isinstance(end, DayEnd):
        return False
    try:
        root = names_root(rows, {name.place: name.digest for name in gone})
    except ValueError:
        return False
    return root.hex() == end.names
