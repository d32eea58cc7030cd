"""The newest checkpoint that was ever signed, in a database of its own; witnesses beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

_LOCK_TABLES = (
    "CREATE TABLE checkpoint (origin TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID"
)
LOCK_SCHEMA = Schema("lock", (_LOCK_TABLES,))
_WITNESS_TABLES = """
CREATE TABLE witnesses (
    name TEXT PRIMARY KEY, url TEXT NOT NULL, size INTEGER NOT NULL, t INTEGER NOT NULL,
    state TEXT NOT NULL, since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
COSIGNING, ROLLBACK, FORK = "cosigning", "rollback", "fork"
ALARMS = {
    ROLLBACK: "ALARM: a witness has cosigned more than this log ever signed",
    FORK: "ALARM: a witness has cosigned another history of this log",
}
WITNESS_SCHEMA = Schema("witnesses", (_WITNESS_TABLES,))


class LockStore:
    """The newest checkpoint that was ever signed, in a file of its own: compare and swap.

    It is the one truth on what the log has promised. It is never in the same backup rotation as the
    records, so that an old backup of these cannot make the archive sign a second history.
    """

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    @classmethod
    async def open(cls, path: Path, origin: str) -> LockStore:
        """Open for writing, creating the database at first. Raises `StorageError`."""
        return cls(await Database.open(path, LOCK_SCHEMA), origin)

    @classmethod
    async def open_read_only(cls, path: Path, origin: str) -> LockStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path), origin)

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def held(self) -> bytes | None:
        """Return the newest signed checkpoint, None before the first."""
        row = await self._database.fetch_one(
            "SELECT note FROM checkpoint WHERE origin = ?", (self._origin,)
        )
        return bytes(row[0]) if row else None

    async def swap(self, old: bytes | None, new: bytes) -> bool:
        """Replace `old` by `new`, durably; False where another checkpoint is held by now."""
        async with self._database.transaction() as database:
            if old is None:
                sql = "INSERT OR IGNORE INTO checkpoint (note, origin) VALUES (?, ?)"
                return await database.execute(sql, (new, self._origin)) == 1
            sql = "UPDATE checkpoint SET note = ? WHERE origin = ? AND note = ?"
            return await database.execute(sql, (new, self._origin, old)) == 1


class WitnessState(NamedTuple):
    """How a witness stands: `size` and `t` (ms) of its last cosignature, as far as it is known."""

    name: str
    url: str
    size: int
    t: int
    state: str
    since: int
    """Since when, in ms, it has this state."""


class WitnessStore:
    """How each witness stands, beside the lock; for people, and lost without harm."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> WitnessStore:
        """Open for writing, creating the tables at first. Raises `StorageError`."""
        return cls(await Database.open(path, WITNESS_SCHEMA))

    @classmethod
    async def open_read_only(cls, path: Path) -> WitnessStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def keep(self, state: WitnessState) -> None:
        """Note how a witness stands; `since` stays where its state stays."""
        async with self._database.transaction() as database:
            await database.execute(
                "INSERT INTO witnesses VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " url = excluded.url, size = excluded.size, t = max(t, excluded.t),"
                " since = iif(state = excluded.state, since, excluded.since),"
                " state = excluded.state",
                state,
            )

    async def keep_only(self, names: Sequence[str]) -> None:
        """Forget witnesses that are none any more."""
        marks = ",".join("?" * len(names))
        async with self._database.transaction() as database:
            await database.execute(
                f"DELETE FROM witnesses WHERE name NOT IN ({marks})",  # noqa: S608
                names,
            )

    async def all(self) -> list[WitnessState]:
        """Return how each witness stands, by name."""
        if not await self._database.is_current(WITNESS_SCHEMA):
            return []
        rows = await self._database.fetch_all("SELECT * FROM witnesses ORDER BY name")
        return [WitnessState(*row) for row in rows]
