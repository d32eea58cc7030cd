"""All SQL of a member's proof: a day's parts, their references, the records behind one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from xmppgov.storage.database import Database
from xmppgov_archive.inspection.store import ROWS
from xmppgov_archive.records.store import Row

MOST_RECORDS = 10  # of one message: its sender's client may have sent it again


class MemberStore:
    """The database of records, read only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> MemberStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def parts(self, day: int) -> list[tuple[int, int]]:
        """Return the closed parts of a day (since 1970), each with the index of its entry."""
        rows = await self._database.fetch_all(
            "SELECT part, idx FROM days WHERE day = ? ORDER BY part", (day,)
        )
        return [(row[0], row[1]) for row in rows]

    async def first_day(self) -> int | None:
        """Return the first day (since 1970) that was closed; the log begins on it."""
        row = await self._database.fetch_one("SELECT min(day) FROM days")
        return row[0] if row else None

    async def references(self, day: int, part: int) -> list[bytes]:
        """Return the references of a part of a day, each once, in order."""
        rows = await self._database.fetch_all(
            "SELECT DISTINCT ref FROM refs WHERE day = ? AND part = ? ORDER BY ref", (day, part)
        )
        return [row[0] for row in rows]

    async def entry(self, index: int) -> bytes:
        """Return an entry of the log, which is there."""
        row = await self._database.fetch_one("SELECT data FROM leaves WHERE idx = ?", (index,))
        assert row is not None, "an entry is never deleted"
        return bytes(row[0])

    async def records(self, day: int, references: Iterable[bytes]) -> list[Row]:
        """Return the records of a day with one of these references, as far as there are some."""
        wanted = list(references)
        marks = ",".join("?" * len(wanted))
        sql = f"{ROWS} WHERE idx IN (SELECT idx FROM refs WHERE day = ? AND ref IN ({marks}))"  # noqa: S608
        rows = await self._database.fetch_all(
            f"{sql} ORDER BY idx LIMIT ?", (day, *wanted, MOST_RECORDS)
        )
        return [Row(*row) for row in rows]
