"""The drain: what an emitter does with each answer of the archive, and how long it waits."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.archive.batches import START, batch, hole, record
from tests.unit.archive.emitter.world import (
    EMITTER,
    QUICK,
    Door,
    Service,
    archived_records,
    drained,
    service,
)
from tests.unit.components.archive.conftest import Place
from xmppgov.archive.batch import Batch, Hole, Progress
from xmppgov.archive.emitter.model import Answer, Committed, Event, Refused
from xmppgov.archive.emitter.service import MOST_LOST, Emitter, Pace
from xmppgov.archive.emitter.store import mark_path
from xmppgov.archive.stanza import write_item
from xmppgov_archive.records.service import Archive

NOW = START // 1000
LATER = START + 3_600_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "archive").mkdir()
    return Place(tmp_path / "archive")


@pytest.fixture
async def archive(place: Place) -> AsyncIterator[Archive]:
    async with place.running() as running:
        yield running


@pytest.fixture
def door(archive: Archive) -> Door:
    return Door(archive)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Service]:
    async with service(tmp_path / "service") as made:
        yield made


async def oids(service: Service) -> list[str]:
    rows = await service.database.fetch_all("SELECT oid FROM spool ORDER BY epoch, seq")
    return [row[0] for row in rows]


async def test_what_waits_is_committed_and_then_forgotten(running: Service, door: Door) -> None:
    await running.act(*range(1, 1202))
    await drained(running, door)
    assert await running.waiting() == []
    assert await door.archive.last(EMITTER, Progress(NOW)) == 1201
    assert [len(sent.items) for sent in door.batches] == [500, 500, 201]
    assert [sent.waiting for sent in door.batches] == [701, 201, 0]
    assert [(told.epoch, told.waiting) for told in door.told] == [(NOW, 1201)]


async def test_nothing_is_forgotten_before_it_is_committed(running: Service, door: Door) -> None:
    await running.act(1, 2)
    door.lose = ["question", "answer", "forbidden", "internal-server-error", None]
    emitter = Emitter(spool=running.spool, archive=door, pace=QUICK)
    while door.lose:
        assert len(await running.waiting()) == 2
        await emitter.step()
    assert await running.waiting() == []
    assert len(door.batches) == 5


class Slow(Door):
    """An archive that takes so long that something happens meanwhile."""

    def __init__(self, archive: Archive, service: Service) -> None:
        super().__init__(archive)
        self.service = service

    async def commit(self, batch: Batch) -> Answer:
        answer = await super().commit(batch)
        await self.service.act(100 + batch.last)
        return answer


async def test_only_what_was_sent_is_forgotten(running: Service, archive: Archive) -> None:
    await running.act(1)
    emitter = Emitter(spool=running.spool, archive=Slow(archive, running), pace=QUICK)
    await emitter.step()
    await emitter.step()
    assert await oids(running) == ["o101"]


async def test_other_content_gets_new_numbers(
    running: Service, door: Door, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    await running.act(1, 2, 3, 4)
    mine = await running.spool.next(9)
    assert mine is not None
    foreign = record(2, kind="lookup", path="local")
    await door.archive.commit(EMITTER, batch(NOW, mine.records[0], foreign))
    await drained(running, door)
    assert await running.epochs() == [(NOW + 1, 3, 3)]
    assert "ALARM" in capsys.readouterr().out
    found = await archived_records(place)
    assert [(em, seq) for em, seq, _ in found] == [
        (f"1/{NOW}", 1), (f"1/{NOW}", 2), *((f"1/{NOW + 1}", n) for n in (1, 2, 3)),
    ]  # fmt: skip
    assert [id for _, _, id in found] == [mine.records[0].id, foreign.id] + [
        record.id for record in mine.records[1:]
    ]


async def test_numbers_that_the_archive_has_lost_become_holes(
    running: Service, door: Door, place: Place
) -> None:
    await running.act(1, 2, 3)
    emitter = await drained(running, door)
    (tmp := place.folder.parent / "another").mkdir()
    async with Place(tmp).running() as forgetful:
        door.archive = forgetful
        await running.act(4)
        while await emitter.step() is not None:
            pass
        assert await forgetful.last(EMITTER, Progress(NOW)) == 4
    last = door.batches[-1].items
    assert last[0] == Hole(1, 3, "lost")
    assert [r for _, _, r in await archived_records(Place(tmp))] == [last[1].id]  # type: ignore[union-attr]


async def test_a_word_now_and_then_notices_it_too(running: Service, door: Door) -> None:
    await running.act(1, 2)
    await drained(running, door)
    (tmp := running.folder.parent / "another").mkdir()
    async with Place(tmp).running() as forgetful:
        door.archive = forgetful
        emitter = Emitter(spool=running.spool, archive=door, pace=Pace(rest=0.02))
        emitter.connected()
        working = asyncio.create_task(emitter.run())
        async with asyncio.timeout(10):
            while await forgetful.last(EMITTER, Progress(NOW)) < 2:
                await asyncio.sleep(0.01)
        working.cancel()
    assert door.batches[-1].items == (Hole(1, 2, "lost"),)
    assert len(door.told) >= 2


async def restored(running: Service, door: Door, *, with_mark: bool) -> Path:
    """Archive two of five effects; return a backup of the time when there were three."""
    backup = running.folder.parent / "backup"
    await running.act(1, 2)
    await drained(running, door)
    await running.act(3)
    shutil.copytree(running.folder, backup)
    await running.act(4)
    await running.act(5)
    if not with_mark:
        mark = mark_path(running.folder / "service.db")
        shutil.copy(mark, mark_path(backup / "service.db"))
    return backup


async def test_what_a_restored_database_lost_is_a_hole(
    running: Service, door: Door, place: Place
) -> None:
    backup = await restored(running, door, with_mark=False)
    async with service(backup, LATER) as again:
        await again.act(6)
        await drained(again, door)
        assert await again.waiting() == []
    items = [item for sent in door.batches[1:] for item in sent.items]
    assert [write_item(item).split()[1] for item in items] == ['seq="3"', 'first="4"', 'seq="1"']
    assert items[1] == Hole(4, 5, "lost")
    await asyncio.sleep(0)
    found = await archived_records(place)
    assert [(em, seq) for em, seq, _ in found] == [
        *((f"1/{NOW}", n) for n in (1, 2, 3)), (f"1/{LATER // 1000}", 1),
    ]  # fmt: skip


async def test_what_the_archive_got_before_stands(
    running: Service, door: Door, place: Place
) -> None:
    backup = await restored(running, door, with_mark=False)
    await drained(running, door)
    before = await archived_records(place)
    async with service(backup, LATER) as again:
        await again.act(6)
        await drained(again, door)
        assert await again.waiting() == []
    after = await archived_records(place)
    assert after[:5] == before
    assert [(em, seq) for em, seq, _ in after[5:]] == [(f"1/{LATER // 1000}", 1)]


@pytest.mark.parametrize("more", [(), (6,), (6, 7), (6, 7, 8, 9)])
async def test_a_mark_that_was_restored_as_well_is_no_harm(
    running: Service, door: Door, place: Place, more: tuple[int, ...]
) -> None:
    """The archive has numbers 4 and 5; the spool gives them out again before it hears of it."""
    backup = await restored(running, door, with_mark=True)
    await drained(running, door)
    before = await archived_records(place)
    async with service(backup, LATER) as again:
        if more:
            await again.act(*more)
        ids = [r.id for r in (await again.spool.next(99)).records if r.seq > 3]  # type: ignore[union-attr]
        await drained(again, door)
        await again.act(10)
        await drained(again, door)
        assert await again.waiting() == []
        newest = (await again.epochs())[-1][0]
    after = await archived_records(place)
    assert after[:5] == before
    assert newest > NOW
    assert [(em, seq) for em, seq, _ in after[5:]] == [
        (f"1/{newest}", n + 1) for n in range(len(more) + 1)
    ]
    assert [id for _, _, id in after[5:-1]] == ids


class Picky(Door):
    """An archive that refuses some records as malformed, whatever they are in."""

    def __init__(self, archive: Archive, refuses: set[str]) -> None:
        super().__init__(archive)
        self.refuses = refuses

    async def commit(self, batch: Batch) -> Answer:
        if {getattr(item, "oid", None) for item in batch.items} & self.refuses:
            self.batches.append(batch)
            return Refused("bad-request")
        return await super().commit(batch)


async def test_one_record_that_is_refused_is_a_hole_and_holds_nothing_up(
    running: Service, archive: Archive, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    await running.act(*range(1, 101))
    picky = Picky(archive, {"o7", "o100"})
    await drained(running, picky)
    assert await running.waiting() == []
    found = [seq for _, seq, _ in await archived_records(place)]
    assert found == [n for n in range(1, 100) if n != 7]
    holes = [item for sent in picky.batches for item in sent.items if isinstance(item, Hole)]
    assert set(holes) == {Hole(7, 7, "lost"), Hole(100, 100, "lost")}
    assert capsys.readouterr().out.count("ALARM: the archive refuses an event") == 2


async def test_an_archive_that_refuses_everything_has_itself_a_fault(
    running: Service, archive: Archive
) -> None:
    await running.act(*range(1, 41))
    picky = Picky(archive, {f"o{n}" for n in range(1, 41)})
    emitter = Emitter(spool=running.spool, archive=picky, pace=QUICK)
    for _ in range(200):
        await emitter.step()
    assert len(await running.waiting()) == 40 - MOST_LOST


async def test_an_answer_that_makes_no_sense_is_trouble(running: Service, door: Door) -> None:
    await running.act(1, 2)
    emitter = Emitter(spool=running.spool, archive=door, pace=QUICK)

    async def odd(_batch: Batch) -> Answer:
        return Committed(1)

    await emitter.step()
    door.commit = odd  # type: ignore[method-assign]
    assert await emitter.step()
    assert len(await running.waiting()) == 2


async def test_trouble_makes_pauses_longer_and_is_said_once(
    running: Service, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    await running.act(1)
    emitter = Emitter(spool=running.spool, archive=door)
    door.lose = ["forbidden"] * 10
    pauses = []
    while door.lose:
        if pause := await emitter.step():
            pauses.append(pause)
    wanted = [min(2.0**n, 60.0) for n in range(10)]
    assert all(w * 0.5 <= pause <= w * 1.5 for w, pause in zip(wanted, pauses, strict=True))
    assert capsys.readouterr().out.count("ALARM") == 1
    await emitter.step()
    assert await emitter.step() == pytest.approx(0.1)
    assert "takes events again" in capsys.readouterr().out


class Deaf(Door):
    """An archive that does not answer until it is asked on a new connection."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.asked = asyncio.Event()
        self.deaf = True

    async def commit(self, batch: Batch) -> Answer:
        self.asked.set()
        if self.deaf:
            await asyncio.Event().wait()
        return await super().commit(batch)


async def test_a_new_connection_makes_what_was_under_way_void(
    running: Service, archive: Archive
) -> None:
    door = Deaf(archive)
    await running.act(1)
    emitter = Emitter(spool=running.spool, archive=door, pace=Pace(first=30.0))
    working = asyncio.create_task(emitter.run())
    await asyncio.sleep(0.02)
    assert not door.told, "there is no connection yet"
    emitter.connected()
    async with asyncio.timeout(10):
        await door.asked.wait()
        emitter.disconnected()
        await asyncio.sleep(0.02)
        door.deaf = False
        assert len(await running.waiting()) == 1
        emitter.connected()
        while await running.waiting():
            await asyncio.sleep(0.01)
        door.deaf = True
        door.asked.clear()
        await running.act(2)
        await door.asked.wait()
        door.deaf = False
        emitter.connected()  # nobody said that the stream was lost
        while await running.waiting():
            await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_fault_of_our_own_is_tried_again(
    running: Service, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    await running.database.execute(
        "CREATE TRIGGER broken BEFORE DELETE ON spool BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    emitter = Emitter(spool=running.spool, archive=door, pace=QUICK)
    emitter.connected()
    working = asyncio.create_task(emitter.run())
    async with asyncio.timeout(10):
        await running.act(1)
        while len(door.batches) < 3:
            await asyncio.sleep(0.01)
        await running.database.execute("DROP TRIGGER broken")
        while await running.waiting():
            await asyncio.sleep(0.01)
    working.cancel()
    assert "events are not sent for now" in capsys.readouterr().out
    assert await door.archive.last(EMITTER, Progress(NOW)) == 1


async def test_events_of_every_kind_pass(running: Service, door: Door, place: Place) -> None:
    alice, bob, room = "alice@gov.localhost", "bob@gov.localhost", "grp-1@rooms.gov.localhost"
    events = [
        Event("joined", alice, room=room),
        Event("left", alice, room=room),
        Event("alert-sent", bob, to=alice, size=900, enc="omemo:siacs", oid="a" * 32),
        Event("alert-sent", bob, to=alice, size=90, enc="none", oid="b" * 32),
        Event("alert-ack", alice, to=bob, oid="a" * 32),
        Event("lookup", alice, to=bob),
    ]
    async with running.database.transaction() as tx:
        await running.spool.append(tx, events)
    await drained(running, door)
    kinds = [found.record["kind"] for found in await place.records()]
    assert kinds == [
        "room.joined", "room.left", "alert.sent", "alert.sent", "alert.ack", "dir.access",
    ]  # fmt: skip


def test_holes_are_written_as_the_wire_wants_them() -> None:
    assert write_item(hole(4, 5, "lost")) == '<hole first="4" last="5" reason="lost"/>'
