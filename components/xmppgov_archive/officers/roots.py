"""Names as the days' ends in the log have them, for months whose keys are there no more.

The entry that ended a day holds the root over the names that the day has added. It is read from the
log's public files, not from the database, and covers the box as well as the month that it says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence

from xmppgov.archive.day import name_digest, names_root
from xmppgov.archive.leaf import DayEnd, parse_leaf
from xmppgov.archive.verify import ForgottenName, StoredName
from xmppgov.tlog.tiles import WIDTH
from xmppgov_archive.officers.store import NameStore

Bundle = Callable[[int, int], list[bytes]]
"""Return the first entries of a bundle, given its index and how many. Raises `TileInvalid`."""


class DayRoots:
    """The roots of one log; `size` tells how many entries its newest checkpoint covers."""

    def __init__(self, store: NameStore, bundle: Bundle, size: Callable[[], int]) -> None:
        self._store, self._bundle, self._size = store, bundle, size

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
