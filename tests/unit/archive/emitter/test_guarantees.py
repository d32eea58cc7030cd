"""Any interleaving of effects, batches, crashes, lost answers and restored databases.

No number stands for two things, none is missing without a hole, no effect is without its record,
and no record without its effect.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.archive.batches import START
from tests.unit.archive.emitter.world import (
    EMITTER,
    QUICK,
    Door,
    Service,
    Undone,
    drained,
)
from tests.unit.components.archive.conftest import Place
from xmppgov.archive.batch import Progress
from xmppgov.archive.emitter.policy import BYTES
from xmppgov.archive.emitter.service import Emitter
from xmppgov.archive.emitter.store import mark_path
from xmppgov_archive.records.service import Archive

FATES = st.sampled_from([None, None, None, "question", "answer"])
STEPS = st.one_of(
    st.tuples(st.just("act"), st.integers(1, 4)),
    st.tuples(st.just("act"), st.integers(1, 4)),
    st.tuples(st.just("undo"), st.integers(1, 4)),
    st.tuples(st.just("send"), FATES),
    st.tuples(st.just("send"), FATES),
    st.tuples(st.just("reconnect"), st.none()),
    st.tuples(st.just("crash"), st.none()),
    st.tuples(st.just("archive"), st.none()),
)
BACK = st.integers(1, 4)
"""How many backups ago the database is put back to; one is made after each effect and batch."""
RESTORES = st.one_of(*[st.tuples(st.just("restore"), BACK)] * 3)
WITH_THEIR_MARK = st.one_of(*[st.tuples(st.just("restore_all"), BACK)] * 3)
A_FEW = BYTES // 3  # bytes of an item, so that a batch has three


class Life:
    """A service and an archive, and everything that ever happened to them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.backups = folder / "service", [folder / "backup-0"]
        (folder / "archive").mkdir()
        self.place = Place(folder / "archive")
        self.now, self.counter = START, 0
        self.restores, self.blind = 0, False
        """How often a database was put back, and whether once with all that could show it."""
        self.happened: set[int] = set()
        self.meaning: dict[str, int] = {}
        self.numbers: dict[tuple[int, int], set[str]] = {}

    async def live(self, steps: list[tuple[str, Any]]) -> None:
        """Take the steps, then let everything come to rest."""
        self.service = await Service.open(self.folder, self.now)
        await self.open_archive()
        await self.do_reconnect(None)
        shutil.copytree(self.folder, self.backups[0])
        try:
            for name, value in steps:
                await getattr(self, f"do_{name}")(value)
            self.door.lose = []
            await drained(self.service, self.door)
            self.left = await self.service.effects()
            epochs = {epoch for epoch, _ in self.numbers}
            self.last = {e: await self.archive.last(EMITTER, Progress(e)) for e in epochs}
            assert await self.service.waiting() == []
        finally:
            await self.service.close()
            await self.running.__aexit__(None, None, None)

    async def open_archive(self) -> None:
        self.running = self.place.running()
        self.archive: Archive = await self.running.__aenter__()

    async def do_act(self, count: int, *, fails: bool = False) -> None:
        numbers = range(self.counter + 1, self.counter + count + 1)
        self.counter += count
        await self.service.act(*numbers, fails=fails)
        self.happened.update(numbers)
        await self.look()

    async def look(self) -> None:
        """Remember what each number and each id stands for."""
        rows = await self.service.database.fetch_all("SELECT epoch, seq, id, oid FROM spool")
        for epoch, seq, id, oid in rows:
            self.meaning[id] = int(oid.removeprefix("o"))
            self.numbers.setdefault((epoch, seq), set()).add(id)
        await self.back_up()

    async def do_undo(self, count: int) -> None:
        with suppress(Undone):
            await self.do_act(count, fails=True)

    async def do_send(self, fate: str | None) -> None:
        self.door.lose = [fate]
        await self.emitter.step()
        await self.look()

    async def do_reconnect(self, _: None) -> None:
        self.door = Door(self.archive, weight=A_FEW)
        self.emitter = Emitter(spool=self.service.spool, archive=self.door, pace=QUICK)

    async def do_crash(self, _: None) -> None:
        self.now += 1000
        await self.service.close()
        self.service = await Service.open(self.folder, self.now)
        await self.do_reconnect(None)

    async def do_archive(self, _: None) -> None:
        await self.running.__aexit__(None, None, None)
        await self.open_archive()
        await self.do_reconnect(None)

    async def back_up(self) -> None:
        backup = self.folder.parent / f"backup-{len(self.backups)}"
        shutil.copytree(self.folder, backup)
        self.backups.append(backup)

    async def do_restore(self, back: int, *, with_mark: bool = False) -> None:
        self.restores += 1
        self.blind |= with_mark
        await self.service.spool.note()  # as it does a moment after each commit
        await self.service.close()
        mark = mark_path(self.folder / "service.db")
        kept = mark.read_bytes()
        shutil.rmtree(self.folder)
        shutil.copytree(self.backups[max(-back, -len(self.backups))], self.folder)
        if not with_mark:
            mark.write_bytes(kept)
        self.service = await Service.open(self.folder, self.now)
        await self.do_crash(None)

    async def do_restore_all(self, back: int) -> None:
        await self.do_restore(back, with_mark=True)

    async def check(self) -> None:
        """Compare what happened with what the archive has."""
        report = await self.place.verify()
        assert report.total == 0, report.findings
        told = [self.meaning[str(r.record["id"])] for r in await self.place.records()]
        assert len(told) == len(set(told)), "an effect has two records"
        assert self.left <= set(told), "an effect has no record"
        assert set(told) <= self.happened, "a record has no effect"
        if not self.blind:
            assert all(len(ids) == 1 for ids in self.numbers.values()), "a number came twice"
            lost = [(e, seq) for e, seq in self.numbers if seq > self.last[e]]
            assert not lost, "a number is missing without a hole"
        if not self.restores:
            assert set(told) == self.left == self.happened
            assert (report.missing, report.restarts) == (0, 0)


def lived(folder: Path, steps: list[tuple[str, Any]]) -> None:
    async def run() -> None:
        life = Life(folder)
        await life.live(steps)
        await life.check()

    asyncio.run(run())


often = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@often
@given(st.lists(STEPS, max_size=25))
def test_every_effect_has_its_record(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]]
) -> None:
    lived(tmp_path_factory.mktemp("life"), steps)


@often
@given(st.lists(STEPS | RESTORES, min_size=5, max_size=25))
def test_a_restored_database_gives_no_number_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]]
) -> None:
    lived(tmp_path_factory.mktemp("life"), steps)


@often
@given(st.lists(STEPS | WITH_THEIR_MARK, min_size=5, max_size=25))
def test_a_mark_that_was_restored_as_well_loses_no_effect(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]]
) -> None:
    lived(tmp_path_factory.mktemp("life"), steps)
