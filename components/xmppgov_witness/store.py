"""All SQL of the witness: the latest checkpoint of each log, and the forks that it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

_TABLES = """
CREATE TABLE latest (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
    t INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE forks (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL,
    t INTEGER NOT NULL, against BLOB NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT, WITHOUT ROWID;
"""
SCHEMA = Schema("witness", (_TABLES,))
MOST_FORKS = 100  # that are kept of one log


class Seen(NamedTuple):
    """A checkpoint of a log: `note` is signed by the log and, where cosigned, by the witness."""

    size: int
    root: bytes
    note: bytes
    t: int
    """When, in seconds since the epoch."""


class WitnessStore:
    """What the witness must never forget."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> WitnessStore:
        """Open for writing, creating the database at first. Raises `StorageError`."""
        return cls(await Database.open(path, SCHEMA))

    @classmethod
    async def open_read_only(cls, path: Path) -> WitnessStore:
        """Open beside the running witness. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def latest(self, origin: str) -> Seen | None:
        """Return the latest cosigned checkpoint of a log, None before the first."""
        row = await self._database.fetch_one(
            "SELECT size, root, note, t FROM latest WHERE origin = ?", (origin,)
        )
        return Seen(*row) if row else None

    async def swap(self, origin: str, old: Seen | None, new: Seen) -> bool:
        """Replace `old` by `new`, durably; False where another one is the latest by now."""
        async with self._database.transaction() as database:
            if old is None:
                sql = (
                    "INSERT OR IGNORE INTO latest (size, root, note, t, origin)"
                    " VALUES (?, ?, ?, ?, ?)"
                )
                return await database.execute(sql, (*new, origin)) == 1
            sql = (
                "UPDATE latest SET size = ?, root = ?, note = ?, t = ?"
                " WHERE origin = ? AND size = ? AND root = ?"
            )
            return await database.execute(sql, (*new, origin, old.size, old.root)) == 1

    async def keep_fork(self, origin: str, fork: Seen, latest: Seen) -> None:
        """Keep two checkpoints of one size and different roots: the log's signatures prove it."""
        async with self._database.transaction() as database:
            await database.execute(
                "INSERT OR IGNORE INTO forks SELECT ?, ?, ?, ?, ?, ?"
                " WHERE (SELECT count(*) FROM forks WHERE origin = ?) < ?",
                (origin, *fork, latest.note, origin, MOST_FORKS),
            )

    async def forks(self, origin: str) -> list[tuple[Seen, bytes]]:
        """Return the forks that were shown of a log, by size, each with the note it contradicts."""
        rows = await self._database.fetch_all(
            "SELECT size, root, note, t, against FROM forks WHERE origin = ? ORDER BY size",
            (origin,),
        )
        return [(Seen(*row[:4]), row[4]) for row in rows]
