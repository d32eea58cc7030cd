"""Deliveries as they change, for whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from xmppgov.bot.outbox.model import Delivery


class Changes:
    """Hands each committed change to every watcher."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[Delivery]] = set()

    def publish(self, deliveries: Iterable[Delivery]) -> None:
        """Tell every watcher."""
        for delivery in deliveries:
            for watcher in self._watchers:
                watcher.put_nowait(delivery)

    def watch(self) -> AsyncIterator[Delivery]:
        """Follow what changes from this call on."""
        watcher: asyncio.Queue[Delivery] = asyncio.Queue()
        self._watchers.add(watcher)
        return self._follow(watcher)

    async def _follow(self, watcher: asyncio.Queue[Delivery]) -> AsyncIterator[Delivery]:
        try:
            while True:
                yield await watcher.get()
        finally:
            self._watchers.discard(watcher)
