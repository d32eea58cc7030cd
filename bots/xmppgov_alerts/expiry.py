"""Wipes the texts of alerts whose time has come, while the bot runs and as soon as it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from types import TracebackType

import structlog

log = structlog.get_logger()
LONGEST_WAIT = 2.0  # seconds: how late an alert that came meanwhile is wiped at most


class Expiry:
    """Runs `expire`, which returns when it is wanted next: `async with Expiry(…)`."""

    def __init__(
        self, expire: Callable[[], Awaitable[datetime | None]], *, now: Callable[[], datetime]
    ) -> None:
        self._expire, self._now = expire, now
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Expiry:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            delay = await self._once()
            await asyncio.sleep(delay)

    async def _once(self) -> float:
        """Expire what is over; return how long to wait, in seconds."""
        try:
            due = await self._expire()
        except Exception:
            log.exception("expiry failed; it is tried again")
            return LONGEST_WAIT
        left = (due - self._now()).total_seconds() if due else LONGEST_WAIT
        return min(max(left, 0.0) + 0.05, LONGEST_WAIT)
