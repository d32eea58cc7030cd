"""An erasure beside a busy archive: how fast it is, and how long whoever commits waits for it.

Ten months are filled; nine of them are erased at once while an emitter sends 2,000 records/s. The
same emitter is measured alone before.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from bench.emitter import DAY, batch
from bench.large import BEGIN, DAYS, EPOCH, RESULTS, SERVER, Large, _unit
from bench.report import Row
from xmppgov.archive.batch import Progress
from xmppgov_archive.__main__ import opened
from xmppgov_archive.records.service import Archive, Committed
from xmppgov_archive.retention.config import ClassSection
from xmppgov_archive.retention.model import Part
from xmppgov_archive.retention.service import preview
from xmppgov_archive.retention.wiring import Retention, retaining

TODAY = BEGIN + (DAYS + 15) * DAY
SIZE, PACE = 100, 0.05  # records of a batch, seconds between two: 2,000 records/s
ALONE = 5.0  # seconds


class AtWork(NamedTuple):
    """An archive that runs, and its retention."""

    archive: Archive
    retention: Retention


class Busy:
    """An emitter that never stops; `waits` are the times of its acknowledgements, in seconds."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.waits: list[float] = []

    async def run(self) -> None:
        """Send a batch each `PACE` seconds, until cancelled."""
        last = await self._archive.last(SERVER, Progress(EPOCH))
        while True:
            part = batch(EPOCH, last + 1, SIZE, TODAY)
            began = time.perf_counter()
            assert isinstance(await self._archive.commit(SERVER, part), Committed)
            took = time.perf_counter() - began
            self.waits.append(took)
            last = part.last
            await asyncio.sleep(max(PACE - took, 0.0))

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send during the block; only its times are kept."""
        self.waits = []
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def measure(count: int) -> list[Row]:
    """Erase nine tenths of an archive of `count` records."""
    large = Large(RESULTS / f"erasure-{count}", count)
    large.section = large.section.model_copy(
        update={
            "classes": {
                "messages": ClassSection.model_validate({"families": ["msg", "file"], "months": 1}),
                "governance": ClassSection(families=("room", "alert", "dir")),
            }
        }
    )
    await large.fill()
    large.now = TODAY
    async with _at_work(large) as work:
        rows = [row async for row in _rows(work)]
    shutil.rmtree(large.folder)
    return rows


async def _rows(work: AtWork) -> AsyncIterator[Row]:
    busy = Busy(work.archive)
    async with busy.sending():
        await asyncio.sleep(ALONE)
    alone = sorted(busy.waits)
    began = time.perf_counter()
    kept = work.retention
    due = await preview(kept.reading, kept.setting, kept.holds.today, [])
    yield Row("the preview of nine months", f"{time.perf_counter() - began:.1f} s")
    async with busy.sending():
        began = time.perf_counter()
        records = await _promised(work, [one.part for one in due.due])
        chosen = time.perf_counter() - began
        while await work.retention.promises._store.undone():
            await asyncio.sleep(0.05)
        took = time.perf_counter() - began
    yield Row(f"{records:,} records chosen and promised", f"{chosen:.1f} s")
    yield Row("erased to the last key, records/s", f"{records / took:,.0f}", spread=f"{took:.0f} s")
    for row in _waits(sorted(busy.waits), alone):
        yield row


async def _promised(work: AtWork, parts: list[Part]) -> int:
    async def settle(_n: int) -> None:
        return None

    roles = ("archivist", "dpo")
    promised = await work.retention.promises.erase(parts, "BENCH/1", roles, settle)
    work.retention.rounds.wake()
    return promised.slip.records


def _waits(beside: list[float], alone: list[float]) -> Iterator[Row]:
    for name, share, aim in (("median", 0.5, ""), ("p99", 0.99, "≤ 100 ms"), ("longest", 1.0, "")):
        here, before = _at(beside, share), _at(alone, share)
        yield Row(
            f"an acknowledgement beside it, {name}",
            f"{here * 1e3:.1f} ms",
            f"{before * 1e3:.1f} ms alone",
            here / before,
            aim=aim,
        )


def _at(times: list[float], share: float) -> float:
    """Return the time that a share of ascending `times` does not exceed."""
    return times[min(int(len(times) * share), len(times) - 1)]


@asynccontextmanager
async def _at_work(large: Large) -> AsyncIterator[AtWork]:
    async with (
        opened(large.section, _unit, lambda: large.now) as parts,
        retaining(large.section, parts) as retention,
    ):
        yield AtWork(parts.archive, retention)
