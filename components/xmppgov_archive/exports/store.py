"""All SQL of an export: what it has to show, at one moment, in the log's order."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from xmppgov.archive.ranges import Range
from xmppgov.storage.database import Database
from xmppgov_archive.inspection.store import ROWS, Criteria, conditions
from xmppgov_archive.records.store import Row

AT_ONCE = 1000  # records
_READABLE = "SELECT idx, data FROM leaves WHERE substr(data, 1, 2) = x'0102'"


class Extent(NamedTuple):
    """How many records fit, and the first and last index of them."""

    records: int
    first: int
    last: int


class ExportStore:
    """The database of records, read only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> ExportStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[int]:
        """Within the block everything is as it was at its beginning; yields the log's length."""
        await self._database.execute("BEGIN")
        try:
            row = await self._database.fetch_one("SELECT ifnull(max(idx), -1) + 1 FROM leaves")
            yield int(row[0]) if row else 0
        finally:
            await self._database.execute("ROLLBACK")

    async def extent(self, criteria: Criteria) -> Extent | None:
        """Return how much fits, None where nothing does."""
        where, params = conditions(criteria)
        row = await self._database.fetch_one(
            f"SELECT count(*), min(idx), max(idx) FROM records WHERE {where}",  # noqa: S608 (marks)
            params,
        )
        return Extent(*row) if row and row[0] else None

    async def before(self, index: int, start: int) -> int | None:
        """Return the index of the last record before one that is from before `start` (ms)."""
        row = await self._database.fetch_one(
            "SELECT max(idx) FROM records WHERE idx < ? AND t < ?", (index, start)
        )
        return row[0] if row else None

    async def behind(self, index: int, end: int) -> int | None:
        """Return the index of the first record behind one that is not from before `end` (ms)."""
        row = await self._database.fetch_one(
            "SELECT min(idx) FROM records WHERE idx > ? AND t >= ?", (index, end)
        )
        return row[0] if row else None

    async def earlier(self, t: int) -> int | None:
        """Return the index of the last record that is from before `t` (ms)."""
        row = await self._database.fetch_one("SELECT max(idx) FROM records WHERE t < ?", (t,))
        return row[0] if row else None

    async def counts(self, part: Range) -> tuple[int, int]:
        """Return how many records and how many readable entries have an index in `part`."""
        row = await self._database.fetch_one(
            "SELECT (SELECT count(*) FROM records WHERE idx BETWEEN ?1 AND ?2), (SELECT count(*)"
            " FROM leaves WHERE idx BETWEEN ?1 AND ?2 AND substr(data, 1, 2) = x'0102')",
            part,
        )
        return (row[0], row[1]) if row else (0, 0)

    async def erasures(self) -> list[tuple[int, bytes]]:
        """Return the `erase` entries with their indexes."""
        rows = await self._database.fetch_all(
            f'{_READABLE} AND instr(data, CAST(\'"kind":"erase"\' AS BLOB)) ORDER BY idx'
        )
        return [(row[0], row[1]) for row in rows]

    async def within(self, part: Range) -> tuple[list[Row], list[tuple[int, bytes]]]:
        """Return the records and the readable entries with an index in `part`."""
        rows = await self._database.fetch_all(
            f"{ROWS} WHERE idx BETWEEN ? AND ? ORDER BY idx", part
        )
        entries = await self._database.fetch_all(
            f"{_READABLE} AND idx BETWEEN ? AND ? ORDER BY idx", part
        )
        return [Row(*row) for row in rows], [(row[0], row[1]) for row in entries]

    async def indexes(self, criteria: Criteria) -> array[int]:
        """Return the indexes of what fits, in order: eight bytes each."""
        where, params = conditions(criteria)
        rows = await self._database.fetch_all(
            f"SELECT idx FROM records WHERE {where} ORDER BY idx",  # noqa: S608 (marks only)
            params,
        )
        return array("q", (row[0] for row in rows))

    async def rows(self, indexes: Sequence[int]) -> list[Row]:
        """Return the records with these indexes, in order."""
        marks = ",".join("?" * len(indexes))
        sql = f"{ROWS} WHERE idx IN ({marks}) ORDER BY idx"
        rows = await self._database.fetch_all(sql, indexes)
        return [Row(*row) for row in rows]

    async def leaves(self, indexes: Sequence[int]) -> dict[int, bytes]:
        """Return entries of the log by index."""
        marks = ",".join("?" * len(indexes))
        rows = await self._database.fetch_all(
            f"SELECT idx, data FROM leaves WHERE idx IN ({marks})",  # noqa: S608 (marks only)
            indexes,
        )
        return {row[0]: row[1] for row in rows}


def windows(part: Range) -> Iterator[Range]:
    """Yield parts of at most `AT_ONCE` indexes."""
    first, last = part
    for start in range(first, last + 1, AT_ONCE):
        yield start, min(start + AT_ONCE - 1, last)
