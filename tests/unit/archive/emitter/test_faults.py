"""Every write of an emitter fails once, in every way: each effect has its record, and one only."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.faults import python, sqlite
from tests.faults.disk import KINDS, Disk, Fault
from tests.faults.life import PATIENCE
from tests.unit.archive.batches import START
from tests.unit.archive.emitter.world import QUICK, Door, Service, drained, service
from tests.unit.components.archive.conftest import Place
from xmppgov.archive.batch import WireRecord
from xmppgov.archive.emitter.service import Emitter
from xmppgov.errors import XmppgovError

pytestmark = pytest.mark.skipif(not sqlite.LIBRARY, reason="Python's SQLite is not the system's")
FULL = bool(os.environ.get("XMPPGOV_CHAOS"))
"""`make chaos`: every step in every way; else every sixth in each."""
FAILURES = (OSError, sqlite3.Error, XmppgovError)
LAST = 9


class Life:
    """A service in `folder` that emits to a real archive whose disk is well."""

    def __init__(self, folder: Path) -> None:
        self.service = folder / "service"
        for part in (self.service, folder / "archive"):
            part.mkdir(parents=True)
        self.place = Place(folder / "archive")
        self.now = START
        self.meaning: dict[str, str] = {}
        """id of a record that was sent -> the origin-id of its effect"""
        self.tried: set[int] = set()
        self.promised: set[int] = set()
        """Effects of which somebody was told that they came about."""

    async def on(self, disk: Disk, *effects: int) -> None:
        """Have effects and emit them on a disk that fails, as far as its process lives."""
        try:
            with python.on_disk(disk), sqlite.on_disk(disk):
                await self._once_or_again(disk, effects)
                await sqlite.connections_have_ended()
        finally:
            disk.after_death()

    async def _once_or_again(self, disk: Disk, effects: tuple[int, ...]) -> None:
        for _ in range(PATIENCE):
            with suppress(*FAILURES):
                async with self._running() as (running, door):
                    await self._works(running, door, effects)
                    return
            if disk.dead:
                return
        raise AssertionError("the emitter does not get over one fault")

    async def _works(self, running: Service, door: Door, effects: tuple[int, ...]) -> None:
        emitter = Emitter(spool=running.spool, archive=door, pace=QUICK)
        for n in effects:
            if n in self.tried:
                continue
            self.tried.add(n)
            with suppress(*FAILURES):
                await running.act(n)
                self.promised.add(n)
            with suppress(*FAILURES):
                await running.spool.note()
            if n % 2:
                with suppress(*FAILURES):
                    await emitter.step()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[tuple[Service, Door]]:
        self.now += 1000  # other ids than before
        async with service(self.service, self.now) as running, self.place.running() as archive:
            door = Door(archive)
            try:
                yield running, door
            finally:
                for batch in door.batches:
                    records = [item for item in batch.items if isinstance(item, WireRecord)]
                    self.meaning.update({record.id: str(record.oid) for record in records})

    async def check(self) -> None:
        """Start once more on what is left, emit all of it, and compare."""
        async with self._running() as (running, door):
            await running.act(LAST)
            await drained(running, door)
            effects = await running.effects()
        report = await self.place.verify()
        assert not report.total, report.findings
        assert not report.missing, "a number is missing"
        told = [self.meaning[str(found.record["id"])] for found in await self.place.records()]
        assert len(told) == len(set(told)), "an effect has two records"
        assert set(told) == {f"o{n}" for n in effects}
        assert self.promised | {LAST} <= effects <= self.tried | {LAST}


def lived(folder: Path, fault: Fault | None = None) -> Disk:
    """Live with one fault, then without, and check; return the disk."""
    life = Life(folder)
    disk = Disk(life.service, fault)
    asyncio.run(life.on(disk, 1, 2, 3))
    asyncio.run(life.check())
    return disk


@pytest.mark.parametrize("kind", KINDS)
def test_every_write_can_fail(tmp_path: Path, kind: str) -> None:
    steps = lived(tmp_path / "whole").steps
    assert any("service.db.mark" in step for step in steps)
    for at, step in enumerate(steps):
        if not FULL and at % 6 != KINDS.index(kind):
            continue
        try:
            lived(tmp_path / "again", Fault(at, kind))
        except BaseException as error:
            error.add_note(f"{kind} at {at}: {step}")
            raise
        shutil.rmtree(tmp_path / "again")
