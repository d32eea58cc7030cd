"""What retention does by itself: it ends holds that are over, and carries out what was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Self

import structlog

from xmppgov_archive.retention.erasing.service import Erasing
from xmppgov_archive.retention.erasing.store import ErasingStore
from xmppgov_archive.retention.service import Holds

log = structlog.get_logger()
TICK, RETRY, LONGEST = 10.0, 1.0, 600.0  # seconds


class Rounds:
    """Goes its rounds in the background; use as an async context manager."""

    def __init__(self, *, holds: Holds, erasing: Erasing, store: ErasingStore) -> None:
        self._holds, self._erasing, self._store = holds, erasing, store
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.get_running_loop().create_task(self._go())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wanted.set()

    async def _go(self) -> None:
        failed = 0
        while True:
            self._wanted.clear()
            failed = 0 if await self._round() else failed + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(pause(failed)):  # `wait_for` may swallow a cancellation
                    await self._wanted.wait()

    async def _round(self) -> bool:
        """Do what there is to do; False where something failed and is worth another attempt."""
        done = await _tried(self._holds.end_what_is_over())
        try:
            undone = await self._store.undone()
        except Exception as error:
            log.error("erasures cannot be read for now", reason=type(error).__name__)
            return False
        return all([await _tried(self._erasing.carry_out(one)) for one in undone]) and done


def pause(failed: int) -> float:
    """Return the seconds until the next round, behind so many that failed one after the other."""
    return min(RETRY * 2.0 ** min(failed - 1, 30), LONGEST) if failed else TICK


async def _tried(work: Awaitable[object]) -> bool:
    """Tell whether it could be done; what cannot keeps nothing else from being done."""
    try:
        await work
    except Exception as error:
        log.error("an erasure cannot go on for now", reason=type(error).__name__)
        return False
    return True
