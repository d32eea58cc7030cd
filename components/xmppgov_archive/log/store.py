"""The newest checkpoint that was ever signed, in a database of its own."""

from __future__ import annotations

from pathlib import Path

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

_LOCK_TABLES = (
    "CREATE TABLE checkpoint (origin TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID"
)
LOCK_SCHEMA = Schema("lock", (_LOCK_TABLES,))


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
