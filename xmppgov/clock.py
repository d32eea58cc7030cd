"""Time as a thing that is passed in: the machine's, or one that a test moves."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")
LAST_WORD = 1.0  # seconds of the machine's for what was cancelled to end


class Clock(Protocol):
    """What reads the time and waits for it; seconds."""

    def now(self) -> float:
        """Return the time since 1970, UTC; it may be put back."""

    def monotonic(self) -> float:
        """Return a time that never goes back and means nothing by itself."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's time."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(asyncio.sleep)


async def settle(turns: int = 20) -> None:
    """Give other tasks `turns` chances to run."""
    for _ in range(turns):
        await asyncio.sleep(0)


class VirtualClock:
    """Time that passes only when `advance` says so; whoever sleeps then wakes in order.

    Args:
        start: seconds since 1970, UTC.
        settle: waits until whoever woke has done what there was to do.
    """

    def __init__(
        self, start: float = 1_800_000_000.0, settle: Callable[[], Awaitable[None]] = settle
    ) -> None:
        self._start, self._passed, self.settle = start, 0.0, settle
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()

    def now(self) -> float:
        """Return the time since 1970, UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time was advanced."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._number), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass; each sleeper does what it can before the next one wakes."""
        end = self._passed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._passed = moment
                woken.set_result(None)
                await self.settle()
        self._passed = end
        await self.settle()


async def wait_for(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Wait until `event` is set, or for so long; tell whether it is set."""
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiting, sleeping):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return event.is_set()


async def in_time(work: Coroutine[Any, Any, Result], seconds: float, clock: Clock) -> Result:
    """Return what `work` gives; after so many seconds it is cancelled, and not waited for long.

    Raises:
        TimeoutError: it took too long.
    """
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise TimeoutError
        return working.result()
    finally:
        working.cancel()
        waiting.cancel()
        # Whoever does not end when told to holds nobody up.
        await asyncio.wait({working, waiting}, timeout=LAST_WORD)
        working.add_done_callback(lambda task: task.cancelled() or task.exception())
