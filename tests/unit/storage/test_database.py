"""Transactions: whole or not at all, also where whoever waits for them is cancelled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import python, sqlite
from tests.faults.disk import Disk
from xmppgov.errors import StorageError
from xmppgov.i18n import Text
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

ONE = Schema("one", ("CREATE TABLE a (n INTEGER)",))
TWO = Schema("two", ("CREATE TABLE b (n INTEGER)",))


async def _count(database: Database) -> int:
    row = await database.fetch_one("SELECT count(*) AS n FROM a")
    assert row is not None
    return int(row["n"])


async def _insert_and_fail(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO a VALUES (1)")
        raise StorageError(Text("xmppgov", "{path}: the secret file is empty.", {"path": "a"}))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "a.db", ONE)
    yield opened
    await opened.close()


async def test_what_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(StorageError):
        await _insert_and_fail(database)
    assert await _count(database) == 0


@pytest.mark.skipif(sqlite.LIBRARY is None, reason="Python's SQLite is not the system's")
async def test_what_is_committed_survives_a_power_cut(tmp_path: Path) -> None:
    disk, path = Disk(tmp_path), tmp_path / "new" / "folder" / "a.db"
    with python.on_disk(disk), sqlite.on_disk(disk):
        database = await Database.open(path, ONE)
        async with database.transaction():
            await database.execute("INSERT INTO a VALUES (1)")
        disk.die("cut")
        with suppress(OSError, sqlite3.Error):
            await database.close()
    disk.after_death()
    database = await Database.open(path, ONE)
    found = await _count(database)
    await database.close()
    assert found == 1


async def test_a_cancelled_transaction_is_whole_or_nothing(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as tx:
            await tx.execute_many("INSERT INTO a VALUES (?)", [(n,) for n in range(10)])

    for turns in range(40):
        before = await _count(database)
        task = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None
        assert await _count(database) - before in (0, 10)
        await write()


async def test_each_owner_has_its_own_version(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await Database.open(path, ONE)).close()
    await (await Database.open(path, ONE, TWO)).close()
    grown = Schema("one", (*ONE.scripts, "ALTER TABLE a ADD COLUMN m INTEGER"))
    database = await Database.open(path, grown, TWO)
    assert await database.is_current(grown)
    assert await database.is_current(TWO)
    assert not await database.is_current(ONE)
    await database.close()
    with pytest.raises(StorageError, match="newer"):
        await Database.open(path, ONE, TWO)


async def test_a_failed_migration_leaves_the_old_version(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    await (await Database.open(path, ONE)).close()
    broken = Schema("one", (*ONE.scripts, "CREATE TABLE c (n INTEGER); CREATE TABLE a (n INTEGER)"))
    with pytest.raises(StorageError):
        await Database.open(path, broken)
    database = await Database.open(path, ONE)
    assert await database.fetch_one("SELECT 1 FROM sqlite_schema WHERE name = 'c'") is None
    await database.close()
