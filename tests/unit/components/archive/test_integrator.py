"""Faults at every durable step: failed and not done, failed but done, killed; old backups."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from xmppgov.errors import LocalFault
from xmppgov.storage.files import write_file
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.merkle import consistency_proof, verify_consistency
from xmppgov.tlog.note import SigningKey, VerifierKey
from xmppgov.tlog.tiles import TiledTree
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.integrator import HistoryBroken, Integrator
from xmppgov_archive.log.service import PublicLog
from xmppgov_archive.log.store import LockStore
from xmppgov_archive.records.store import RecordStore

Fault = Callable[[], None]


class Disk:
    """Writes files for real, and fails the write number `at`, before or after it was done."""

    def __init__(self, at: int = -1, *, persisted: bool = False) -> None:
        self.count, self.at, self.persisted = 0, at, persisted

    def __call__(self, path: Path, data: bytes) -> None:
        number, self.count = self.count, self.count + 1
        if number == self.at and not self.persisted:
            raise OSError(28, "No space left on device")
        write_file(path, data)
        if number == self.at:
            raise OSError(5, "Input/output error")


class FaultyLock(LockStore):
    """A lock whose swap fails once, before or after it was done."""

    fault: str | None = None

    async def swap(self, old: bytes | None, new: bytes) -> bool:
        fault, self.fault = self.fault, None
        if fault == "before":
            raise sqlite3.OperationalError("disk I/O error")
        done = await super().swap(old, new)
        if fault == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return done


@asynccontextmanager
async def integrator(place: Place, disk: Disk) -> AsyncIterator[tuple[Integrator, FaultyLock]]:
    section = place.section
    store = await RecordStore.open(section.database)
    lock = await FaultyLock.open(section.lock_database, section.origin)
    assert isinstance(lock, FaultyLock)
    yield PublicLog(section, store, lock, lambda: place.now, disk).integrator, lock
    await store.close()
    await lock.close()


async def add(place: Place, first: int, last: int) -> None:
    """Put records into the database and leave them waiting: the log's folder is put back."""
    tiles, lock = place.section.tiles_dir, place.section.lock_database.parent
    kept = place.folder / "kept"
    for folder in (tiles, lock):
        if folder.exists():
            shutil.copytree(folder, kept / folder.name)
    await place.fill(batch(EPOCH, *(record(n) for n in range(first, last + 1))))
    for folder in (tiles, lock):
        shutil.rmtree(folder)
        if (kept / folder.name).exists():
            shutil.move(kept / folder.name, folder)


def checkpoint(place: Place) -> tuple[int, bytes, bytes]:
    key = VerifierKey.parse(place.section.verifier_file.read_text())
    note = (place.section.tiles_dir / "checkpoint").read_bytes()
    found = open_checkpoint(note, [key], place.section.origin)
    return found.size, found.root, note


async def test_every_write_can_fail_and_the_next_attempt_goes_on(place: Place) -> None:
    await place.fill(batch(EPOCH, *(record(n) for n in range(1, 250))))
    await add(place, 250, 600)
    before, earlier = place.folder / "before", checkpoint(place)[2]
    shutil.copytree(place.section.tiles_dir, before / "tiles")
    shutil.copytree(place.section.lock_database.parent, before / "lock")
    whole = Disk()
    async with integrator(place, whole) as (healthy, _):
        assert (await healthy.integrate()).size == 601
    assert whole.count == 9  # 3 bundles, 3 + 1 tiles, checkpoint and cosigned
    for at in range(whole.count):
        for persisted in (False, True):
            for name, folder in (("tiles", place.section.tiles_dir), ("lock", None)):
                target = folder or place.section.lock_database.parent
                shutil.rmtree(target)
                shutil.copytree(before / name, target)
            async with integrator(place, Disk(at, persisted=persisted)) as (faulty, _):
                with pytest.raises(OSError, match=r"No space|Input/output"):
                    await faulty.integrate()
                assert checkpoint(place)[0] in (250, 601)
                assert (await faulty.integrate()).size == 601
            assert (await place.verify(earlier)).total == 0


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_the_lock_can_fail(place: Place, fault: str) -> None:
    await place.fill(batch(EPOCH, record(1)))
    await add(place, 2, 9)
    async with integrator(place, Disk()) as (faulty, lock):
        lock.fault = fault
        with pytest.raises(sqlite3.OperationalError):
            await faulty.integrate()
        assert checkpoint(place)[0] == 2
        assert (await faulty.integrate()).size == 10
    assert (await place.verify()).total == 0


async def test_a_full_disk_stops_no_commit_and_the_log_follows_later(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    tile = place.section.tiles_dir / "tile"
    async with place.running() as archive:
        real, archive._integrator._folder._write = (  # the log's disk is full from now on
            archive._integrator._folder._write,
            Disk(0),
        )
        await archive.commit(SERVER, batch(EPOCH, record(2)))
        disk = archive._integrator._folder._write
        while disk.count == 0:
            await asyncio.sleep(0.01)
        assert checkpoint(place)[0] == 2
        archive._integrator._folder._write = real
        await archive.commit(SERVER, batch(EPOCH, record(3)))
    assert tile.is_dir()
    assert checkpoint(place)[0] == 4
    assert (await place.verify()).total == 0


async def test_a_checkpoint_follows_within_a_second_and_extends_the_last(place: Place) -> None:
    loop = asyncio.get_running_loop()
    async with place.running() as archive:
        sizes = [checkpoint(place)[0]]
        for n in range(1, 4):
            await archive.commit(SERVER, batch(EPOCH, record(n)))
            begin = loop.time()
            while checkpoint(place)[0] < n + 1:
                await asyncio.sleep(0.01)
                assert loop.time() - begin < 10
            sizes.append(checkpoint(place)[0])
    assert sizes == [0, 2, 3, 4]


async def test_two_checkpoints_are_consistent(place: Place) -> None:
    await place.fill(batch(EPOCH, *(record(n) for n in range(1, 300))))
    size1, root1, _ = checkpoint(place)
    await place.fill(batch(EPOCH, *(record(n) for n in range(300, 700))))
    size2, root2, _ = checkpoint(place)
    tree = TiledTree(size2, LogFolder(place.section.tiles_dir).read)
    proof = consistency_proof(size1, size2, tree.range_hash)
    verify_consistency(size1, size2, proof, root1, root2)


CRASH = """
import asyncio, os, sys
from pathlib import Path
from tests.unit.components.archive.conftest import Place, SERVER, EPOCH
from tests.unit.archive.batches import batch, record
from xmppgov.storage import files

step, place = int(sys.argv[1]), Place(Path(sys.argv[2]))
calls = 0
replace = Path.replace

def dying(self, target):
    global calls
    calls += 1
    if calls == step:
        os.kill(os.getpid(), 9)
    return replace(self, target)

Path.replace = dying
parts = [batch(EPOCH, *(record(n) for n in range(s, s + 90))) for s in range(1, 360, 90)]
asyncio.run(place.fill(*parts))
"""


@pytest.mark.parametrize("step", [1, 2, 3, 5, 6, 8, 10])
async def test_killed_before_a_rename_and_started_again(place: Place, step: int) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", CRASH, str(step), str(place.folder)], capture_output=True, timeout=60
    )
    assert dead.returncode in (-signal.SIGKILL, 0), dead.stderr.decode()[-500:]
    parts = [batch(EPOCH, *(record(n) for n in range(s, s + 90))) for s in range(1, 360, 90)]
    await place.fill(*parts)
    report = await place.verify()
    assert (report.total, report.records, report.size) == (0, 360, 361), report.findings[:3]


async def broken(place: Place) -> None:
    """The archive starts not, and says why."""
    with pytest.raises(HistoryBroken):
        async with place.running():
            pass


async def test_an_old_database_is_never_signed_over(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    shutil.copytree(place.section.database.parent, place.folder / "backup")
    await place.fill(batch(EPOCH, record(2)))
    shutil.rmtree(place.section.database.parent)
    shutil.copytree(place.folder / "backup", place.section.database.parent)
    await broken(place)
    counts = (await place.verify()).counts
    assert counts == {"record-missing": 1, "row-changed": 1, "epoch-changed": 1}


async def test_a_lost_or_old_lock_is_never_replaced(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    shutil.copytree(place.section.lock_database.parent, place.folder / "backup")
    await place.fill(batch(EPOCH, record(2)))
    shutil.rmtree(place.section.lock_database.parent)
    await broken(place)
    shutil.rmtree(place.section.lock_database.parent)
    shutil.copytree(place.folder / "backup", place.section.lock_database.parent)
    await broken(place)


async def test_a_published_checkpoint_of_another_history_is_never_signed_over(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    key = SigningKey.parse(place.section.signing_key_file.read_text())
    other = Checkpoint(place.section.origin, 2, bytes(32)).sign(key)
    (place.section.tiles_dir / "checkpoint").write_bytes(other)
    await broken(place)


async def test_damaged_tiles_are_never_built_on(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    tile = place.section.tiles_dir / "tile" / "0" / "000.p" / "2"
    tile.write_bytes(bytes(64))
    await broken(place)


async def test_a_second_archive_on_the_same_log_stops_and_takes_nothing_more(place: Place) -> None:
    async with place.running() as first:
        other = await LockStore.open(place.section.lock_database, place.section.origin)
        held = await other.held()
        assert await other.swap(held, b"another archive's")
        assert not await other.swap(held, b"a third one's")
        await first.commit(SERVER, batch(EPOCH, record(1)))
        while first._broken is None:
            await asyncio.sleep(0.01)
        with pytest.raises(LocalFault):
            await first.commit(SERVER, batch(EPOCH, record(2)))
        await other.close()
