"""A large archive: bytes a record, the time of a proof, the time of a question by unit and day.

It is filled by the archive's own service, without a server, with the messages of 300 days between
2,000 people in 40 units. A run that was stopped goes on with what it has committed.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench.emitter import DAY, batch
from bench.report import Row
from xmppgov.archive.batch import Progress
from xmppgov.archive.sealing import PrivateKey
from xmppgov_archive.__main__ import opened
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.service import Inspection, inspected
from xmppgov_archive.inspection.store import Criteria
from xmppgov_archive.records.service import Archive, Committed

RESULTS = Path(__file__).parent / "results"
SERVER, EPOCH, BEGIN = "gov.localhost", 1_735_689_600, 1_735_689_600_000
DAYS, UNITS, SIZE, SAMPLES = 300, 40, 1000, 300


class Large:
    """An archive of `count` records in `folder`."""

    def __init__(self, folder: Path, count: int) -> None:
        self.count = count
        self.folder = folder
        self.step = DAYS * DAY // count
        self.now = BEGIN
        folder.mkdir(parents=True, exist_ok=True)
        public = folder / "officers.pub"
        if not public.exists():
            public.write_text(PrivateKey(os.urandom(32)).public.raw.hex())
        self.section = ArchiveSection(
            database=folder / "records" / "archive.db",
            lock_database=folder / "lock" / "lock.db",
            keys_dir=folder / "keys",
            tiles_dir=folder / "log" / "tiles",
            signing_key_file=folder / "keys" / "signing.key",
            resolving_key_file=public,
            origin="archive.gov.localhost/bench",
            servers=(SERVER,),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Archive]:
        """The archive's service, whose clock follows the records."""
        async with opened(self.section, _unit, lambda: self.now) as parts:
            yield parts.archive

    async def fill(self) -> float:
        """Commit what is missing; return records a second of this run."""
        async with self.running() as archive:
            first = await archive.last(SERVER, Progress(EPOCH)) + 1
            began = time.perf_counter()
            for start in range(first, self.count + 1, SIZE):
                size = min(SIZE, self.count + 1 - start)
                self.now = BEGIN + start * self.step
                part = batch(EPOCH, start, size, self.now, self.step)
                assert isinstance(await archive.commit(SERVER, part), Committed)
                await asyncio.sleep(0)
            elapsed = time.perf_counter() - began
        return (self.count + 1 - first) / max(elapsed, 1e-9)

    def size(self, *names: str) -> int:
        """Return the bytes of some of its folders."""
        files = (file for name in names for file in (self.folder / name).rglob("*"))
        return sum(file.stat().st_size for file in files if file.is_file())


async def _unit(address: str) -> str | None:
    return f"unit{sum(address.encode()) % UNITS}"


async def measure(count: int) -> list[Row]:
    """Measure an archive of `count` records; its folder goes when all is measured."""
    large = Large(RESULTS / f"archive-{count}", count)
    rate = await large.fill()
    async with inspected(large.section) as archive:
        rows = [
            Row(f"records in the archive: {count:,}, committed/s", f"{rate:,.0f}"),
            Row("bytes a record, database", f"{large.size('records') / count:,.0f}"),
            Row("bytes a record, public log", f"{large.size('log') / count:,.0f}"),
            *_row("a proof of inclusion, verified", await _proofs(archive, count), 0.005),
            *_row("a question by unit and day, 50 rows", await _questions(archive), 0.05),
        ]
    shutil.rmtree(large.folder)
    return rows


async def _proofs(archive: Inspection, count: int) -> list[float]:
    chance = random.Random(1)
    indexes = [chance.randrange(count) for _ in range(SAMPLES)]
    return [_timed(lambda index=index: archive.prove(index)) for index in indexes]  # type: ignore[misc]


async def _questions(archive: Inspection) -> list[float]:
    chance = random.Random(2)
    times = []
    for _ in range(SAMPLES):
        start = BEGIN + chance.randrange(DAYS) * DAY
        units = archive.pseudonyms("unit", f"unit{chance.randrange(UNITS)}")
        began = time.perf_counter()
        await archive.find(Criteria(start, start + DAY, units=units), 50)
        times.append(time.perf_counter() - began)
    return times


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(what: str, times: Sequence[float], limit: float) -> Iterable[Row]:
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    spread = f"{ordered[0] * 1e3:.1f}–{ordered[-1] * 1e3:.1f}"
    against = f"{limit * 1e3:.0f} ms"
    yield Row(f"{what}, p95", f"{p95 * 1e3:.1f} ms", against, p95 / limit, spread, "≤ 1")
