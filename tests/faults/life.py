"""An archive's life on a disk that fails, its emitter, and what has to be true afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple

from tests.chaos.observer import Observer
from tests.faults import python, sqlite
from tests.faults.disk import Disk
from tests.unit.components.archive.conftest import SERVER, Place
from xmppgov.archive.batch import Batch, Item, Progress, WireRecord, reach
from xmppgov.errors import XmppgovError
from xmppgov_archive.records.service import Archive, Committed, Contradicted, Expected

FAILURES = (OSError, sqlite3.Error, XmppgovError)
PATIENCE = 4  # attempts before an emitter or an operator gives up


class Emitter:
    """Sends batches of `epoch` as every emitter does, and remembers what was acknowledged."""

    def __init__(self, epoch: int, *batches: Sequence[Item]) -> None:
        self.epoch = epoch
        self.items = [item for items in batches for item in items]
        self.acknowledged = 0
        self._batches = [Batch(epoch, reach(b[0])[0], reach(b[-1])[1], tuple(b)) for b in batches]

    async def send(self, archive: Archive) -> None:
        """Send what is not acknowledged, again and again; gives up after some failures."""
        known = await archive.last(SERVER, Progress(self.epoch))
        assert known >= self.acknowledged, "what was acknowledged is lost"
        for batch in self._batches:
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
        with ExitStack() as stack:
            stack.enter_context(python.on_disk(disk))
            stack.enter_context(sqlite.on_disk(disk))
            for _ in range(PATIENCE):
                with suppress(*FAILURES):
                    await self._once()
                    return
                if disk.dead:
                    return
            raise AssertionError("the archive does not get over one fault")

    async def again(self) -> None:
        """Live on a disk that works."""
        await self._once()

    async def _once(self) -> None:
        try:
            async with self.place.running() as archive:
                await self.emitter.send(archive)
                await self.act(archive)
                assert archive._broken is None, archive._broken
        finally:
            await _connections_have_ended()

    async def check(self, disk: Disk) -> None:
        """Check every promise.

        Raises:
            AssertionError: one is broken.
        """
        report = await self.place.verify()
        assert not report.total, report.findings
        ids = [found.record["id"] for found in await self.place.records()]
        sent = [item.id for item in self.emitter.items if isinstance(item, WireRecord)]
        assert ids[-len(sent) :] == sent
        section = self.place.section
        observer = Observer(section.tiles_dir, section.verifier_file.read_text().strip())
        observer.seen = [*dict.fromkeys(disk.published)]
        observer.check()
        assert not observer.verified().total


async def _connections_have_ended() -> None:
    """Wait for the threads of databases that could not be opened: nobody else does."""
    async with asyncio.timeout(10):
        while any("connection_worker" in thread.name for thread in threading.enumerate()):
            await asyncio.sleep(0.001)
