"""All SQL of holds, and of what there is that may be erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from xmppgov.archive.counters import Epoch
from xmppgov.archive.fates import erased_by
from xmppgov.archive.jcs import LARGEST_INTEGER
from xmppgov.archive.leaf import DataLeaf, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.errors import StorageError
from xmppgov.i18n import Texts
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_archive.records.opening import StoredRow
from xmppgov_archive.retention.model import Extent, Hold, Part, Stock
from xmppgov_archive.retention.policy import day_of, month_of, month_span, span
from xmppgov_archive.retention.verify import RetentionTables, StoredErasure

_TABLES = """
CREATE TABLE holds (
    id TEXT PRIMARY KEY, extent BLOB NOT NULL, reason TEXT NOT NULL, until TEXT NOT NULL,
    t INTEGER NOT NULL, roles TEXT NOT NULL, n INTEGER NOT NULL,
    leaf INTEGER NOT NULL, ended INTEGER  -- indexes of the entries that made and ended it
) STRICT, WITHOUT ROWID;
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,  -- its erase entries
    slip BLOB NOT NULL, done INTEGER  -- when, in ms
) STRICT;
CREATE TABLE erasure_parts (
    erasure INTEGER NOT NULL REFERENCES erasures, class TEXT NOT NULL, month TEXT NOT NULL,
    generation INTEGER NOT NULL,  -- of the key for what arrives later
    PRIMARY KEY (erasure, class, month)
) STRICT, WITHOUT ROWID;
CREATE TABLE doomed_keys (  -- to be destroyed, and not yet said to be
    erasure INTEGER NOT NULL REFERENCES erasures, name TEXT NOT NULL,
    PRIMARY KEY (erasure, name)
) STRICT, WITHOUT ROWID;
"""
texts = Texts("xmppgov_archive")
SCHEMA = Schema("retention", (_TABLES,))
AT_ONCE = 10_000  # entries
_ROWS = (
    "SELECT idx, emitter, epoch, seq, t, class, sender, recipient, room, org, sealed, key, data"
    " FROM records LEFT JOIN leaves USING (idx)"
)


class RetentionStore:
    """The retention side of the archive's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_there(self) -> bool:
        """Whether this database has the tables; an archive that has not run since has not."""
        return await self._database.is_current(SCHEMA)

    async def months(self, last: str) -> list[str]:
        """Return the months up to `last` of which there are records, in order."""
        found: list[str] = []
        start, end = 0, month_span(last)[1]
        while True:
            row = await self._database.fetch_one(
                "SELECT min(t) FROM records WHERE t >= ? AND t < ?", (start, end)
            )
            if row is None or row[0] is None:
                return found
            found.append(month_of(row[0]))
            start = month_span(found[-1])[1]

    async def stock(self, month: str, holds: Sequence[Hold]) -> list[Stock]:
        """Return what there is of each class in a month; `holds` are those that last."""
        start, end = month_span(month)
        where, params = _any(holds)
        rows = await self._database.fetch_all(
            f"SELECT class, {where} IS TRUE AS held, org, count(*), min(t), max(t) FROM records"  # noqa: S608
            " WHERE t >= ? AND t < ? GROUP BY class, held, org",
            [*params, start, end],
        )
        ordered = sorted(map(tuple, rows))
        return [
            _stock(Part(class_, month), [row[1:] for row in of_class])
            for class_, of_class in groupby(ordered, key=lambda row: row[0])
        ]

    async def rows(self, part: Part, start: int, end: int, before: int) -> list[StoredRow]:
        """Return what lies as records of a part, of times in [start, end), below index `before`."""
        rows = await self._database.fetch_all(
            f"{_ROWS} WHERE t >= ? AND t < ? AND class = ? AND idx < ?",
            (start, end, part.class_, before),
        )
        return [StoredRow(*row) for row in rows]

    async def covered(self, extent: Extent) -> int:
        """Return how many records an extent covers; what is being erased cannot be kept."""
        return await self._count(extent, 0, LARGEST_INTEGER) - sum(
            [await self._count(extent, *part) for part in await self._being_erased()]
        )

    async def _count(self, extent: Extent, first: int, last: int) -> int:
        where, params = _covered(extent)
        row = await self._database.fetch_one(
            f"SELECT count(*) FROM records WHERE {where} AND idx BETWEEN ? AND ?",  # noqa: S608
            (*params, first, last),
        )
        return int(row[0]) if row else 0

    async def _being_erased(self) -> list[Range]:
        rows = await self._database.fetch_all("SELECT first, last FROM erasures WHERE done IS NULL")
        return [part for row in rows for part in erased_by(await self._leaves(row[0], row[1]))]

    async def holds(self) -> list[Hold]:
        """Return all holds, in the order in which they were made.

        Raises:
            StorageError: one cannot be read; then nobody can tell what it keeps.
        """
        found, broken = await self._holds()
        if broken:
            raise StorageError(
                texts("A hold in the database was changed; run: xmppgov archive verify")
            )
        return found

    async def _holds(self) -> tuple[list[Hold], list[int]]:
        """Return the holds, and of those that cannot be read the entries that made them."""
        rows = await self._database.fetch_all(
            "SELECT id, extent, reason, until, t, roles, n, leaf, ended FROM holds ORDER BY leaf"
        )
        found, broken = list[Hold](), list[int]()
        for id, extent, *rest in rows:
            try:
                found.append(Hold(id, Extent.parse(extent), *rest))
            except ValueError:
                broken.append(rest[5])
        return found, broken

    async def add_hold(self, hold: Hold) -> None:
        """Write a hold; within a transaction."""
        await self._database.execute(
            "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (hold.id, hold.extent.encode(), *hold[2:]),
        )

    async def end_hold(self, id: str, leaf: int) -> None:
        """Note that entry `leaf` has ended a hold; within a transaction."""
        await self._database.execute("UPDATE holds SET ended = ? WHERE id = ?", (leaf, id))

    async def tables(self) -> RetentionTables:
        """Return everything that the log also says, of one moment."""
        await self._database.execute("BEGIN")
        try:
            erasures = await self._erasures()
            entries = await self._erased_numbers(erasures)
            row = await self._database.fetch_one("SELECT ifnull(max(idx), -1) + 1 FROM leaves")
            size = int(row[0]) if row else 0
            numbers = await self._numbers()
            holds, broken = await self._holds()
            return RetentionTables(size, holds, broken, erasures, numbers, entries)
        finally:
            await self._database.execute("ROLLBACK")

    async def _erasures(self) -> list[StoredErasure]:
        parts, doomed = defaultdict[int, dict[Part, int]](dict), defaultdict[int, list[str]](list)
        for number, class_, month, generation in await self._database.fetch_all(
            "SELECT erasure, class, month, generation FROM erasure_parts"
        ):
            parts[number][Part(class_, month)] = generation
        for number, name in await self._database.fetch_all("SELECT erasure, name FROM doomed_keys"):
            doomed[number].append(name)
        rows = await self._database.fetch_all(
            "SELECT id, first, last, slip, done FROM erasures ORDER BY first"
        )
        strays = (parts.keys() | doomed.keys()) - {row[0] for row in rows}
        return [
            StoredErasure(first, last, slip, done, parts[number], doomed[number])
            for number, first, last, slip, done in (
                *map(tuple, rows),
                *((number, -1, -1, b"", None) for number in strays),
            )
        ]

    async def _numbers(self) -> dict[Epoch, list[Range]]:
        found = defaultdict[Epoch, list[Range]](list)
        for emitter, epoch, first, last in await self._database.fetch_all("SELECT * FROM erased"):
            found[emitter, epoch].append((first, last))
        return found

    async def _erased_numbers(self, erasures: Sequence[StoredErasure]) -> dict[Epoch, list[Range]]:
        """Return the numbers of the records that were erased, from their entries."""
        found = defaultdict[Epoch, list[Range]](list)
        for one in erasures:
            rows = await self._leaves(one.first, one.last)
            for first, last in erased_by(rows):
                for start in range(first, last + 1, AT_ONCE):
                    end = min(start + AT_ONCE - 1, last)
                    _extend(found, await self._leaves(start, end))
        return found

    async def _leaves(self, first: int, last: int) -> list[bytes]:
        rows = await self._database.fetch_all(
            "SELECT data FROM leaves WHERE idx BETWEEN ? AND ? ORDER BY idx", (first, last)
        )
        return [row[0] for row in rows]

    async def erase_entries(self) -> list[tuple[int, bytes]]:
        """Return every `erase` entry that this database's erasures have, with its index."""
        rows = await self._database.fetch_all(
            "SELECT idx, data FROM erasures JOIN leaves ON idx BETWEEN first AND last ORDER BY idx"
        )
        return [(row[0], row[1]) for row in rows]

    async def promised(self, size: int, also: Iterable[int]) -> dict[int, list[bytes]]:
        """Return the erase entries of erasures that are not done, by erasure.

        With them those whose entries lie at `size` or behind it, and the erasures `also`.
        """
        wanted = list(also)
        marks = ",".join("?" * len(wanted))
        rows = await self._database.fetch_all(
            "SELECT id, data FROM erasures JOIN leaves ON idx BETWEEN first AND last"  # noqa: S608
            f" WHERE done IS NULL OR first >= ? OR id IN ({marks}) ORDER BY idx",
            [size, *wanted],
        )
        found: dict[int, list[bytes]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(row[1])
        return found


def _extend(found: dict[Epoch, list[Range]], leaves: Iterable[bytes]) -> None:
    """Add the numbers of data entries to those of their epochs."""
    for data in leaves:
        leaf = parse_leaf(data)
        if isinstance(leaf, DataLeaf):
            parts, seq = found[leaf.emitter, leaf.epoch], leaf.seq
            if parts and parts[-1][1] == seq - 1:
                parts[-1] = (parts[-1][0], seq)
            else:
                parts.append((seq, seq))


def _stock(part: Part, rows: Sequence[Sequence[Any]]) -> Stock:
    """Return what there is of a part; a row says held, unit, number, first and last time."""
    free = [row for row in rows if not row[0]]
    first, last = (
        day_of(t).isoformat() for t in (min(r[3] for r in rows), max(r[4] for r in rows))
    )
    if free:
        ends = min(row[3] for row in free), max(row[4] for row in free)
        first, last = (day_of(t).isoformat() for t in ends)
    units = tuple((row[1], row[2]) for row in free)
    return Stock(
        part, sum(n for _, n in units), units, first, last, sum(row[2] for row in rows if row[0])
    )


def _any(holds: Sequence[Hold]) -> tuple[str, list[int | str]]:
    """Return the condition that one of some holds covers a record, and its parameters."""
    where: list[str] = ["0"]
    params: list[int | str] = []
    for hold in holds:
        condition, wanted = _covered(hold.extent)
        where.append(f"({condition})")
        params += wanted
    return f"({' OR '.join(where)})", params


def _covered(extent: Extent) -> tuple[str, list[int | str]]:
    """Return the condition that an extent covers a record, as `policy.covers`, with parameters."""
    where, params = ["t >= ? AND t < ?"], list[int | str](span(extent))
    if extent.classes:
        classes = extent.classes.split(" ")
        where.append(_among("class", classes))
        params += classes
    some: list[str] = []
    for column, sort in _COLUMNS:
        names = sorted(extent.names[sort])
        if names:
            some.append(_among(column, names))
            params += names
    if some:
        where.append(f"({' OR '.join(some)})")
    return " AND ".join(where), params


_COLUMNS = (("sender", "people"), ("recipient", "people"), ("room", "rooms"), ("org", "units"))


def _among(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({','.join('?' * len(values))})"
