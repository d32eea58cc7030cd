"""The spool: an event and its effect are one commit, and no number is given out twice."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.unit.archive.batches import START
from tests.unit.archive.emitter.world import EFFECTS, Service, Undone, service
from xmppgov.archive.emitter import store as spools
from xmppgov.archive.emitter.mark import MarkFile
from xmppgov.archive.emitter.model import Epoch, Event, Mark
from xmppgov.archive.emitter.policy import Beginning
from xmppgov.archive.emitter.store import SCHEMA, Spool, mark_path
from xmppgov.storage.database import Database

NOW = START // 1000
LATER = START + 3_600_000


def mark(folder: Path) -> Mark | None:
    return MarkFile(mark_path(folder / "service.db")).mark


async def test_an_event_is_committed_with_its_effect_or_not_at_all(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(1, 2)
        with pytest.raises(Undone):
            await running.act(3, fails=True)
        await running.act(4)
        assert await running.effects() == {1, 2, 4}
        assert await running.waiting() == [(NOW, 1), (NOW, 2), (NOW, 3)]
        waiting = await running.spool.next(10)
    assert waiting is not None
    assert [record.oid for record in waiting.records] == ["o1", "o2", "o4"]
    assert (waiting.whole, waiting.total) == (True, 3)
    assert len({record.id for record in waiting.records}) == 3


async def test_what_is_not_committed_yet_is_not_sent(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        async with running.database.transaction() as tx:
            await running.spool.append(tx, [Event("lookup", "a@b", to="c@d")])
            assert running.spool.appended.is_set()
            asked = asyncio.create_task(running.spool.next(10))
            await asyncio.wait({asked}, timeout=0.05)
            assert not asked.done()
        waiting = await asked
        assert waiting is not None
        assert waiting.total == 1


async def test_a_part_says_whether_more_comes(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(*range(1, 11))
        few, all_ = await running.spool.next(9), await running.spool.next(10)
    assert few is not None
    assert all_ is not None
    assert (few.whole, len(few.records), all_.whole, len(all_.records)) == (False, 9, True, 10)


async def test_numbers_go_on_after_a_crash(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        async with service(tmp_path, LATER + n) as running:
            await running.act(n)
    async with service(tmp_path) as running:
        assert [seq for _, seq in await running.waiting()] == [1, 2, 3]
        assert len(await running.epochs()) == 1


async def test_a_crash_between_the_mark_and_the_commit_is_no_restored_database(
    tmp_path: Path,
) -> None:
    async with service(tmp_path) as running:
        await running.act(1)
        with pytest.raises(Undone):
            await running.act(2, 3, fails=True)
    assert mark(tmp_path) == Mark(NOW, 1, 3)
    async with service(tmp_path, LATER) as running:
        await running.act(4)
        assert await running.waiting() == [(NOW, 1), (NOW, 2)]


async def test_a_commit_is_noted_as_soon_as_it_is_one(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        keeping = asyncio.create_task(running.spool.keep_mark())
        for n in (1, 2):
            await running.act(n)
            async with asyncio.timeout(10):
                while mark(tmp_path) != Mark(NOW, n, n):
                    await asyncio.sleep(0.005)
        async with running.database.transaction() as tx:
            await running.spool.append(tx, [Event("lookup", "a@b", to="c@d")])
            await asyncio.sleep(0.05)
            assert mark(tmp_path) == Mark(NOW, 2, 3)
        keeping.cancel()


async def test_a_database_from_before_the_last_commit_is_noticed(tmp_path: Path) -> None:
    folder, backup = tmp_path / "service", tmp_path / "backup"
    async with service(folder) as running:
        await running.act(1)
        shutil.copytree(folder, backup)
        await running.act(2)
        await running.spool.note()
    shutil.copy(mark_path(folder / "service.db"), mark_path(backup / "service.db"))
    async with service(backup, LATER) as running:
        assert await running.epochs() == [(NOW, 0, 2), (LATER // 1000, 0, 0)]


async def test_two_appends_of_one_transaction_are_one_to_the_mark(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(1)
        async with running.database.transaction() as tx:
            for n in (2, 3):
                await running.spool.append(tx, [Event("lookup", f"a{n}@b", to="c@d")])
        assert mark(tmp_path) == Mark(NOW, 1, 3)


async def backed_up(tmp_path: Path, *, with_mark: bool) -> Path:
    """A service whose database was put back to where it had three effects of five."""
    folder, backup = tmp_path / "service", tmp_path / "backup"
    async with service(folder) as running:
        await running.act(1, 2, 3)
    shutil.copytree(folder, backup)
    async with service(folder) as running:
        await running.act(4)
        await running.act(5)
    kept = mark_path(folder / "service.db")
    if not with_mark:
        shutil.copy(kept, mark_path(backup / "service.db"))
    return backup


async def test_a_restored_database_is_noticed_by_its_mark(tmp_path: Path) -> None:
    folder = await backed_up(tmp_path, with_mark=False)
    async with service(folder, LATER) as running:
        await running.act(6)
        assert await running.epochs() == [(NOW, 0, 5), (LATER // 1000, 0, 1)]
        assert await running.waiting() == [*((NOW, n) for n in (1, 2, 3)), (LATER // 1000, 1)]
    async with service(folder, LATER + 9000) as running:  # once is enough
        assert len(await running.epochs()) == 2


async def test_a_database_whose_mark_is_gone_begins_anew(tmp_path: Path) -> None:
    folder = await backed_up(tmp_path, with_mark=True)
    mark_path(folder / "service.db").unlink()
    async with service(folder, LATER) as running:
        assert await running.epochs() == [(NOW, 0, 3), (LATER // 1000, 0, 0)]


async def test_a_database_that_is_made_again_leaves_holes_for_what_is_gone(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(1, 2)
    for file in tmp_path.glob("service.db*"):
        if not file.name.endswith(".mark"):
            file.unlink()
    async with service(tmp_path, LATER) as running:
        assert await running.epochs() == [(NOW, 0, 2), (LATER // 1000, 0, 0)]


async def test_a_clock_that_goes_back_gives_no_epoch_twice(tmp_path: Path) -> None:
    for wrong in range(3):
        async with service(tmp_path, START - wrong * 86_400_000) as running:
            await running.act(wrong)
        mark_path(tmp_path / "service.db").unlink()
    async with service(tmp_path, START) as running:
        assert [epoch for epoch, _, _ in await running.epochs()] == [NOW + n for n in range(4)]


async def test_what_the_archive_has_is_forgotten(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(1, 2, 3)
        await running.spool.commit(NOW, 2)
        assert await running.waiting() == [(NOW, 3)]
        assert await running.spool.epochs() == [Epoch(NOW, 2, 3)]
        await running.spool.begin(Beginning.PASSED)
        await running.spool.commit(NOW, 3)
        assert await running.spool.epochs() == [Epoch(NOW + 1, 0, 0)]


async def test_a_fork_gives_new_numbers_in_the_newest_epoch(tmp_path: Path) -> None:
    async with service(tmp_path) as running:
        await running.act(*range(1, 6))
        ids = [record.id for record in (await running.spool.next(9)).records]  # type: ignore[union-attr]
        await running.spool.fork(NOW, 3)
        assert await running.epochs() == [(NOW, 0, 2), (NOW + 1, 0, 3)]
        await running.spool.fork(NOW, 2)
        assert await running.epochs() == [(NOW, 0, 1), (NOW + 1, 0, 4)]
        rows = await running.database.fetch_all("SELECT id FROM spool ORDER BY epoch, seq")
        assert [row[0] for row in rows] == [ids[n] for n in (0, 2, 3, 4, 1)]
    assert mark(tmp_path) == Mark(NOW + 1, 3, 4, ((NOW, 2),))
    async with service(tmp_path) as running:
        assert len(await running.epochs()) == 2


WRITES = [
    ("INSERT ON spool", lambda s: s.act(9)),
    ("UPDATE ON spool_epochs", lambda s: s.act(9)),
    ("INSERT ON effects", lambda s: s.act(9)),
    ("DELETE ON spool", lambda s: s.spool.commit(NOW, 2)),
    ("UPDATE ON spool_epochs", lambda s: s.spool.commit(NOW, 2)),
    ("UPDATE ON spool_epochs", lambda s: s.spool.go_back(NOW, 0)),
    ("DELETE ON spool", lambda s: s.spool.lose(NOW, 2)),
    ("INSERT ON spool_epochs", lambda s: s.spool.begin(Beginning.PASSED)),
    ("INSERT ON spool_epochs", lambda s: s.spool.fork(NOW, 2)),
    ("UPDATE ON spool_epochs", lambda s: s.spool.fork(NOW, 2)),
    ("DELETE ON spool", lambda s: s.spool.fork(NOW, 2)),
    ("INSERT ON spool", lambda s: s.spool.fork(NOW, 2)),
]


async def state(running: Service) -> tuple[object, ...]:
    """Everything but epochs without a number, which harm nobody."""
    epochs = [epoch for epoch in await running.epochs() if epoch[2]]
    return await running.effects(), await running.waiting(), epochs


@pytest.mark.parametrize(("write", "action"), WRITES)
async def test_a_write_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, write: str, action: object
) -> None:
    async with service(tmp_path) as running:
        await running.act(1, 2, 3)
        await running.spool.commit(NOW, 1)
        before = await state(running)
        with sqlite3.connect(tmp_path / "service.db") as other:
            other.execute(
                f"CREATE TRIGGER broken BEFORE {write} BEGIN SELECT RAISE(ABORT, 'disk'); END"
            )
        with pytest.raises(sqlite3.IntegrityError):
            await action(running)  # type: ignore[operator]
        with sqlite3.connect(tmp_path / "service.db") as other:
            other.execute("DROP TRIGGER broken")
        assert await state(running) == before
        epochs = await running.epochs()
    async with service(tmp_path, LATER) as running:
        assert await running.epochs() == epochs
        await running.act(10)
        rows = await running.database.fetch_all("SELECT oid FROM spool ORDER BY epoch, seq")
        assert [row[0] for row in rows] == ["o2", "o3", "o10"]


async def test_a_mark_that_cannot_be_written_stops_no_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with service(tmp_path) as running:
        monkeypatch.setattr("xmppgov.archive.emitter.mark._write", full)
        await running.act(1, 2)
        monkeypatch.undo()
    async with service(tmp_path, LATER) as running:
        await running.act(3)
        assert await running.waiting() == [(NOW, 1), (NOW, 2), (NOW, 3)]


async def test_a_spool_that_cannot_be_begun_stops_the_start(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "service.db", EFFECTS, SCHEMA)
    await database.execute(
        "CREATE TRIGGER broken BEFORE INSERT ON spool_epochs BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        await Spool.open(database)
    await database.execute("DROP TRIGGER broken")
    await database.close()
    running = await Service.open(tmp_path)
    assert len(await running.epochs()) == 1
    await running.close()


async def test_each_million_that_waits_is_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spools, "MANY", 3)
    async with service(tmp_path) as running:
        alarms = []
        for n in range(1, 8):
            await running.act(n)
            alarms.append(capsys.readouterr().out.count("ALARM"))
        await running.spool.commit(NOW, 7)
        await running.act(8, 9)
    assert alarms == [0, 0, 1, 0, 0, 1, 0]
    assert "ALARM" not in capsys.readouterr().out
