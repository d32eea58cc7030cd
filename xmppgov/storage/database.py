"""A SQLite database: one connection, one writer at a time, transactions as context managers.

Write-ahead log, `synchronous=FULL` (a commit is on disk when it returns), foreign keys on. A store
(`*/store.py`) holds all SQL of its feature and is given an open `Database`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from xmppgov.errors import StorageError
from xmppgov.i18n import Texts
from xmppgov.storage.files import make_folder
from xmppgov.storage.migrations import Schema, migrate, version_of

texts = Texts("xmppgov")
Params = Sequence[Any] | dict[str, Any]
BUSY_TIMEOUT = "PRAGMA busy_timeout=5000"  # ms


class Database:
    """An open database; make one with `Database.open`."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._writer = asyncio.Lock()
        self.transactions = 0
        """How many transactions were begun: two writes of one number are one commit."""
        self.statements = 0
        """How many statements were begun; whoever waits until all is quiet looks at it."""

    @classmethod
    async def open(cls, path: Path, *schemas: Schema) -> Database:
        """Open `path` for reading and writing, creating and migrating it.

        Raises:
            StorageError: it cannot be opened, is no database, or is newer than this program.
        """
        try:
            make_folder(path.parent)  # SQLite syncs its files and their names, not the folder's
            connection = await aiosqlite.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unopenable(path, error) from error
        try:
            await connection.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                f"{BUSY_TIMEOUT}; PRAGMA secure_delete=ON;"
            )
            path.chmod(0o600)
            await migrate(connection, path, schemas)
        except (OSError, sqlite3.Error) as error:
            await connection.close()
            raise _unopenable(path, error) from error
        except BaseException:
            await connection.close()
            raise
        connection.row_factory = sqlite3.Row
        return cls(path, connection)

    @classmethod
    async def open_read_only(cls, path: Path) -> Database:
        """Open an existing database beside its running writer; nothing is created or changed.

        Raises:
            StorageError: it does not exist or is no database.
        """
        try:
            connection = await aiosqlite.connect(
                f"file:{path}?mode=ro", uri=True, isolation_level=None
            )
        except sqlite3.Error as error:
            raise _unopenable(path, error) from error
        try:
            await connection.executescript(f"PRAGMA query_only=ON; {BUSY_TIMEOUT};")
            await connection.execute_fetchall("SELECT 1 FROM sqlite_schema LIMIT 1")
        except sqlite3.Error as error:
            await connection.close()
            raise _unopenable(path, error) from error
        connection.row_factory = sqlite3.Row
        return cls(path, connection)

    async def is_current(self, schema: Schema) -> bool:
        """Whether the tables of `schema` are there, in the version that this program knows."""
        return await version_of(self._connection, schema.owner) == len(schema.scripts)

    async def close(self) -> None:
        """Close the connection; the database cannot be used afterwards."""
        await self._connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Database]:
        """Run the block as one transaction: committed at its end, rolled back if it raises.

        Other writers wait. Do not nest.
        """
        async with self._writer:
            try:
                await self._to_its_end("BEGIN IMMEDIATE")
                self.transactions += 1
                yield self
                await self._to_its_end("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    await self._to_its_end("ROLLBACK")
                raise

    async def empty_log(self) -> bool:
        """Write the log into the database and empty it, so that what was deleted is nowhere.

        Return False where that is not possible now, as while somebody reads; nothing is waited for.
        """
        async with self._writer:
            try:
                await self._to_its_end("PRAGMA busy_timeout=0")
                row = await self.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error:
                return False
            finally:
                await self._to_its_end(BUSY_TIMEOUT)
        return row is not None and row[0] == 0

    async def _to_its_end(self, sql: str) -> None:
        """Run a statement; whoever is cancelled meanwhile goes on only when it has ended.

        The connection's thread runs it in any case, and a transaction must be known to be open or
        closed before anything else.
        """
        self.statements += 1
        running = asyncio.ensure_future(self._connection.execute(sql))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run one statement; return the number of rows that it changed."""
        self.statements += 1
        cursor = await self._connection.execute(sql, params)
        changed = cursor.rowcount
        await cursor.close()
        return changed

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for each of `rows`."""
        self.statements += 1
        cursor = await self._connection.executemany(sql, rows)
        await cursor.close()

    async def fetch_all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """Return every row of a query."""
        self.statements += 1
        return list(await self._connection.execute_fetchall(sql, params))

    async def fetch_one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None


def _unopenable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        texts("{path}: the database cannot be opened: {reason}.", path=path, reason=error)
    )
