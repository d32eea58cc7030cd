"""Looks at the archive for its figures: the database, what is published, the witnesses."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from xmppgov.listener import Listener
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.log.service import PublicLog
from xmppgov_archive.log.store import WitnessStore
from xmppgov_archive.metrics.exposition import Figures
from xmppgov_archive.metrics.http import application
from xmppgov_archive.metrics.store import MetricsStore

Clock = Callable[[], int]
COUNTED_EVERY = 60.0  # seconds; the number of records is the one figure that costs something


class Gauge:
    """`clock` returns ms UTC, `elapsed` seconds from any moment on."""

    def __init__(
        self,
        *,
        store: MetricsStore,
        witnesses: WitnessStore,
        log: PublicLog,
        clock: Clock,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._witnesses, self._log = store, witnesses, log
        self._clock, self._elapsed = clock, elapsed
        self._records: int | None = None
        self._counted = 0.0

    async def figures(self) -> Figures:
        """Return the figures of this moment."""
        now, published = self._clock() / 1000, self._log.publication
        return Figures(
            records=await self._count(),
            entries=await self._store.entries(),
            checkpoint=published.size,
            checkpoint_age=max(now - published.since, 0.0),
            cosigned=published.cosigned.size if published.cosigned else 0,
            unsigned_age=self._log.integrator.behind(),
            alarms=await self._store.alarms(),
            emitters=await self._store.emitters(),
            witnesses=await self._witnesses.all(),
            now=now,
        )

    async def _count(self) -> int:
        now = self._elapsed()
        if self._records is None or now - self._counted >= COUNTED_EVERY:
            self._records, self._counted = await self._store.records(), now
        return self._records


@asynccontextmanager
async def measured(
    section: ArchiveSection, log: PublicLog, witnesses: WitnessStore, clock: Clock
) -> AsyncIterator[None]:
    """Serve the figures during the block, if the configuration says where."""
    if section.metrics is None:
        yield
        return
    store = await MetricsStore.open(section.database)
    try:
        gauge = Gauge(store=store, witnesses=witnesses, log=log, clock=clock)
        async with Listener(application(gauge.figures), section.metrics):
            yield
    finally:
        await store.close()
