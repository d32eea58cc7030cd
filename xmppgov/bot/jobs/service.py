"""Does jobs when they are due, each by itself, so that none stops another.

That a job begins is committed before it does: a crash in the middle of one is not made up for,
and so nothing is done twice. What was due while the bot was away is done once after the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from xmppgov.bot.context import Context
from xmppgov.bot.jobs.model import Job
from xmppgov.bot.jobs.store import JobStore
from xmppgov.clock import in_time

log = structlog.get_logger()
LONGEST_NAP = 300.0  # seconds; somebody may put the machine's clock forward, or let it sleep
TROUBLE = 60.0  # seconds until a job whose times cannot be read or kept is looked at again


class Jobs:
    """The jobs of one bot. `on_fault` is told of what fails: the job, and a reference."""

    def __init__(
        self, store: JobStore, context: Context, on_fault: Callable[[str, str], None]
    ) -> None:
        self._store, self._context, self._on_fault = store, context, on_fault
        self._clock = context.clock

    async def run(self, job: Job) -> None:
        """Do a job whenever it is due, until cancelled."""
        while True:
            try:
                await self._once(job)
            except Exception as error:
                self._failed(job, error)
                await self._clock.sleep(TROUBLE)

    async def _once(self, job: Job) -> None:
        last = await self._store.last(job.name, self._clock.now())
        due = job.schedule.after(datetime.fromtimestamp(last, UTC)).timestamp()
        await self._sleep_until(due)
        await self._store.begin(job.name, max(self._clock.now(), due))
        context = replace(self._context, due=datetime.fromtimestamp(due, UTC))
        try:
            await in_time(_done(job, context), job.patience.total_seconds(), self._clock)
        except Exception as error:
            self._failed(job, error)

    async def _sleep_until(self, moment: float) -> None:
        while (left := moment - self._clock.now()) > 0:
            await self._clock.sleep(min(left, LONGEST_NAP))

    def _failed(self, job: Job, error: Exception) -> None:
        reference = secrets.token_hex(4)
        log.error("a job failed", job=job.name, reference=reference, exc_info=error)
        self._on_fault(job.name, reference)


async def _done(job: Job, context: Context) -> None:
    await job.action(context)
