"""The life of a service process: start, wait for SIGINT or SIGTERM, stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from contextlib import AbstractAsyncContextManager
from typing import Any


async def run_until_stopped(service: AbstractAsyncContextManager[Any]) -> None:
    """Enter `service`, wait for SIGINT or SIGTERM, leave it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with service:
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        await stop.wait()


def run(service: AbstractAsyncContextManager[Any]) -> None:
    """Run `service` in a new event loop until a signal stops it."""
    asyncio.run(run_until_stopped(service))
