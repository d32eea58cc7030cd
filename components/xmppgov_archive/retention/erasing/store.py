"""All SQL of an erasure that was promised: rows, boxes under other keys, names, what is owed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from xmppgov.archive.day import name_digest
from xmppgov.archive.ranges import Range
from xmppgov.archive.verify import StoredName
from xmppgov.storage.database import Database
from xmppgov_archive.retention.model import Part, Traits
from xmppgov_archive.retention.policy import month_span

_KEPT = "SELECT idx, sealed, key, t, class, sender, recipient, room, org FROM records"


class Erasure(NamedTuple):
    """An erasure that the entries from `first` to `last` promise; `slip` is its CSV."""

    id: int
    first: int
    last: int
    slip: bytes
    parts: tuple[Part, ...]


class Promise(NamedTuple):
    """What a new erasure writes beside its entries.

    `generations` are those of the keys for what arrives later, by part; `keys` the names of those
    to be destroyed; `numbers` those of the records, by emitter and epoch.
    """

    slip: bytes
    generations: Mapping[Part, int]
    keys: Sequence[str]
    numbers: Mapping[tuple[int, int], Sequence[Range]]


class Kept(NamedTuple):
    """A record that is held: its index, its box and its key, what says who holds it."""

    idx: int
    sealed: bytes
    key: str | None
    traits: Traits


class Box(NamedTuple):
    """A record's box and its key, as its row has them; `t` and `class_` say the key of None."""

    idx: int
    t: int
    class_: str
    sealed: bytes
    key: str | None


class ErasingStore:
    """The database of records, as an erasure sees it; `reader` reads it beside its writer."""

    def __init__(self, database: Database, reader: Database) -> None:
        self._database = database
        self._reader = reader

    async def promise(self, first: int, last: int, new: Promise) -> int:
        """Write an erasure; within the transaction of its entries. Returns its number."""
        await self._database.execute(
            "INSERT INTO erasures (first, last, slip) VALUES (?, ?, ?)", (first, last, new.slip)
        )
        row = await self._database.fetch_one("SELECT max(id) FROM erasures")
        number = int(row[0]) if row else 0
        parts = [(number, *part, generation) for part, generation in new.generations.items()]
        await self._database.execute_many("INSERT INTO erasure_parts VALUES (?, ?, ?, ?)", parts)
        await self.doom(number, new.keys)
        await self._database.execute_many(
            "INSERT INTO erased VALUES (?, ?, ?, ?)",
            [(*epoch, *numbers) for epoch, found in new.numbers.items() for numbers in found],
        )
        return number

    async def generations(self) -> dict[Part, int]:
        """Return the generation of the key for what arrives, of parts that were erased before."""
        rows = await self._database.fetch_all(
            "SELECT class, month, max(generation) FROM erasure_parts GROUP BY class, month"
        )
        return {Part(row[0], row[1]): row[2] for row in rows}

    async def undone(self) -> list[Erasure]:
        """Return the erasures that were promised and are not done, in order."""
        rows = await self._database.fetch_all(
            "SELECT id, first, last, slip FROM erasures WHERE done IS NULL ORDER BY id"
        )
        return [Erasure(r[0], r[1], r[2], r[3], await self._parts(r[0])) for r in rows]

    async def _parts(self, erasure: int) -> tuple[Part, ...]:
        rows = await self._database.fetch_all(
            "SELECT class, month FROM erasure_parts WHERE erasure = ? ORDER BY class, month",
            (erasure,),
        )
        return tuple(Part(*row) for row in rows)

    async def size(self) -> int:
        """Return how many entries there are."""
        row = await self._database.fetch_one("SELECT ifnull(max(idx), -1) + 1 FROM leaves")
        return int(row[0]) if row else 0

    async def late(self, part: Part, index: int) -> bool:
        """Tell whether records of a part have come since there were `index` entries."""
        start, end = month_span(part.month)
        row = await self._database.fetch_one(
            "SELECT 1 FROM records WHERE idx >= ? AND +t >= ? AND +t < ? AND class = ? LIMIT 1",
            (index, start, end, part.class_),
        )
        return row is not None

    async def entries(self, erasure: Erasure) -> list[bytes]:
        """Return the `erase` entries of an erasure."""
        rows = await self._database.fetch_all(
            "SELECT data FROM leaves WHERE idx BETWEEN ? AND ? ORDER BY idx",
            (erasure.first, erasure.last),
        )
        return [row[0] for row in rows]

    async def has_any(self, parts: Iterable[Range]) -> bool:
        """Tell whether there are records with some of these indexes."""
        for part in parts:
            row = await self._reader.fetch_one(
                "SELECT 1 FROM records WHERE idx BETWEEN ? AND ? LIMIT 1", part
            )
            if row is not None:
                return True
        return False

    async def delete(self, parts: Iterable[Range]) -> None:
        """Delete the records with these indexes; within a transaction."""
        await self._database.execute_many("DELETE FROM records WHERE idx BETWEEN ? AND ?", parts)

    async def kept(self, part: Part, keys: Sequence[str], first: str, limit: int) -> list[Kept]:
        """Return some records of a part that lie under one of `keys`; `first` is NULL's name."""
        start, end = month_span(part.month)
        rows = await self._reader.fetch_all(
            f"{_KEPT} WHERE t >= ? AND t < ? AND class = ?"
            f" AND ifnull(key, ?) IN ({','.join('?' * len(keys))}) LIMIT ?",
            [start, end, part.class_, first, *keys, limit],
        )
        return [Kept(row[0], row[1], row[2], Traits(*row[3:])) for row in rows]

    async def boxes(self, start: int, end: int) -> list[Box]:
        """Return the boxes of the rows with indexes in [start, end)."""
        rows = await self._reader.fetch_all(
            "SELECT idx, t, class, sealed, key FROM records WHERE idx >= ? AND idx < ?",
            (start, end),
        )
        return [Box(*row) for row in rows]

    async def move(self, rows: Iterable[tuple[bytes, str, int]]) -> None:
        """Give records other boxes: box, key and index of each; within a transaction."""
        await self._database.execute_many(
            "UPDATE records SET sealed = ?, key = ? WHERE idx = ?", rows
        )

    async def named_months(self) -> set[str]:
        """Return the months of which there are names."""
        rows = await self._reader.fetch_all("SELECT DISTINCT month FROM names")
        return {row[0] for row in rows}

    async def is_unused(self, month: str) -> bool:
        """Tell whether nothing is left whose names are of a month.

        That is: no record of it, and none of a month for which some came so late that they have
        names of this one.
        """
        late = await self._database.fetch_all("SELECT month FROM late WHERE named = ?", (month,))
        for needed in (month, *(row[0] for row in late)):
            row = await self._database.fetch_one(
                "SELECT 1 FROM records WHERE t >= ? AND t < ? LIMIT 1", month_span(needed)
            )
            if row is not None:
                return False
        return True

    async def covering(self, month: str) -> list[int | None]:
        """Return the entries that cover names of a month; None stands for no entry yet."""
        rows = await self._reader.fetch_all(
            "SELECT DISTINCT closed FROM names WHERE month = ?", (month,)
        )
        return [row[0] for row in rows]

    async def names(self, month: str, closed: int | None, limit: int) -> list[StoredName]:
        """Return some names of a month of those that an entry covers; within a transaction."""
        rows = await self._database.fetch_all(
            "SELECT pseudonym, month, sort, sealed FROM names WHERE closed IS ? AND month = ?"
            " LIMIT ?",
            (closed, month, limit),
        )
        return [StoredName(*row) for row in rows]

    async def places(self, closed: int) -> dict[str, int]:
        """Return the place of each name that is left of those that an entry covers."""
        rows = await self._reader.fetch_all(
            "SELECT pseudonym FROM names WHERE closed = ? ORDER BY pseudonym", (closed,)
        )
        gone = await self._reader.fetch_all(
            "SELECT place FROM forgotten WHERE closed = ?", (closed,)
        )
        taken = {row[0] for row in gone}
        free = (place for place in range(len(rows) + len(taken)) if place not in taken)
        return {row[0]: place for row, place in zip(rows, free, strict=True)}

    async def forget(
        self, closed: int | None, names: Sequence[StoredName], places: Mapping[str, int]
    ) -> None:
        """Delete names, keeping the digests of those that an entry covers; within a transaction."""
        if closed is not None:
            await self._database.execute_many(
                "INSERT INTO forgotten VALUES (?, ?, ?, ?)",
                [(closed, places[n.pseudonym], n.month, name_digest(n)) for n in names],
            )
        await self._database.execute_many(
            "DELETE FROM names WHERE pseudonym = ?", [(name.pseudonym,) for name in names]
        )

    async def doom(self, erasure: int, names: Iterable[str]) -> None:
        """Note keys that have to be destroyed; within a transaction."""
        await self._database.execute_many(
            "INSERT OR IGNORE INTO doomed_keys VALUES (?, ?)", [(erasure, name) for name in names]
        )

    async def doomed(self, erasure: int) -> list[str]:
        """Return the keys that an erasure still has to destroy, and to say so."""
        rows = await self._database.fetch_all(
            "SELECT name FROM doomed_keys WHERE erasure = ? ORDER BY name", (erasure,)
        )
        return [row[0] for row in rows]

    async def settle(self, erasure: int, name: str) -> None:
        """Note that a key is destroyed and the log says so; within a transaction."""
        await self._database.execute(
            "DELETE FROM doomed_keys WHERE erasure = ? AND name = ?", (erasure, name)
        )

    async def finish(self, erasure: int, t: int) -> None:
        """Note that all of an erasure is done, at `t` (ms); within a transaction."""
        await self._database.execute("UPDATE erasures SET done = ? WHERE id = ?", (t, erasure))

    async def truncate(self) -> bool:
        """Empty the write-ahead log; False while somebody reads an older state of it."""
        # A connection of its own, so that nobody who commits a batch waits for a reader to end.
        database = await Database.open(self._database.path)
        try:
            await database.execute("PRAGMA busy_timeout=50")
            await database.fetch_one("PRAGMA wal_checkpoint(PASSIVE)")
            row = await database.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            await database.close()
        return row is not None and row[0] == 0
