"""An archive's life on a disk that fails, its emitter, and what has to be true afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.chaos.observer import Observer
from tests.faults import python, sqlite
from tests.faults.disk import Disk
from tests.unit.components.archive.conftest import SERVER, Place
from xmppgov.archive.batch import Batch, Item, Progress, WireRecord, reach
from xmppgov.errors import XmppgovError
from xmppgov_archive.log.trust import read_policy
from xmppgov_archive.records.service import Archive, Committed, Contradicted, Expected

FAILURES = (OSError, sqlite3.Error, XmppgovError)
PATIENCE = 4  # attempts before an emitter or an operator gives up


class Emitter:
    """Sends batches of `epoch` as every emitter does, and remembers what was acknowledged."""

    def __init__(self, epoch: int, *batches: Sequence[Item]) -> None:
        self.epoch = epoch
        self.acknowledged = 0
        self.batches: list[Batch] = []
        for items in batches:
            self.add(items)

    @property
    def records(self) -> list[str]:
        """The ids of the records that were counted."""
        items = (item for batch in self.batches for item in batch.items)
        return [item.id for item in items if isinstance(item, WireRecord)]

    @property
    def last(self) -> int:
        """The last number that was counted."""
        return self.batches[-1].last if self.batches else 0

    def add(self, items: Sequence[Item]) -> None:
        """Count items, which are to be sent as one batch."""
        first, last = reach(items[0])[0], reach(items[-1])[1]
        self.batches.append(Batch(self.epoch, first, last, tuple(items)))

    async def send(self, archive: Archive) -> None:
        """Send what is not acknowledged, again and again; gives up after some failures."""
        known = await archive.last(SERVER, Progress(self.epoch))
        assert known >= self.acknowledged, "what was acknowledged is lost"
        self.acknowledged = known
        for batch in self.batches:
            if batch.last > self.acknowledged:
                await self._send(archive, batch)

    async def _send(self, archive: Archive, batch: Batch) -> None:
        for attempt in range(PATIENCE):
            try:
                answer = await archive.commit(SERVER, batch)
            except FAILURES:
                if attempt == PATIENCE - 1:
                    raise
                continue
            assert not isinstance(answer, Expected | Contradicted), answer
            assert answer == Committed(batch.last)
            self.acknowledged = batch.last
            return


class Life(NamedTuple):
    """What an archive at `place` lives through; `act` is done while it runs."""

    place: Place
    emitter: Emitter
    act: Callable[[Archive], Awaitable[None]]

    async def under(self, disk: Disk) -> None:
        """Live on a disk that fails; where the archive ends it is started again, unless dead."""
        try:
            with python.on_disk(disk), sqlite.on_disk(disk):
                await self._once_or_again(disk)
        finally:
            disk.after_death()

    async def _once_or_again(self, disk: Disk) -> None:
        for _ in range(PATIENCE):
            with suppress(*FAILURES):
                await self._once()
                return
            if disk.dead:
                return
        raise AssertionError("the archive does not get over one fault")

    async def after(self, disk: Disk) -> Disk:
        """Live on, without a fault, on what is left of a disk; return it as it is then."""
        left = Disk(disk.root, before=disk)
        with python.on_disk(left), sqlite.on_disk(left):
            await self._once()
        return left

    async def _once(self) -> None:
        try:
            async with self.place.running() as archive:
                await self.emitter.send(archive)
                await self.act(archive)
                assert archive._broken is None, archive._broken
        finally:
            await sqlite.connections_have_ended()

    async def check(self, disk: Disk) -> None:
        """Check every promise.

        Raises:
            AssertionError: one is broken.
        """
        report = await self.place.verify()
        assert not report.total, report.findings
        assert not report.waiting, "the log does not follow"
        ids = [found.record["id"] for found in await self.place.records()]
        assert ids[len(ids) - len(self.emitter.records) :] == self.emitter.records
        section = self.place.section
        observer = Observer(section.tiles_dir, read_policy(section.policy_file))
        for name, note in disk.published:
            observer.note(name, note)
        observer.check()
        assert not observer.verified().total
