"""Waits for what comes first of several things."""

from __future__ import annotations

import asyncio
import contextlib


async def first(seconds: float | None, *events: asyncio.Event) -> bool:
    """Wait for one of `events`, at most so long (None: for ever); tell whether one came."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*waits, return_exceptions=True)
