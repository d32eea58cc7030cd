"""Sessions are made ahead with everybody to whom a bot may have something urgent to say.

A session that is only computed is worth nothing: the one-time key that it was made with may be
another's by the time that it is used. So each person gets a message without text, once for each new
device, which is as durable as any other: the new sessions and its ciphertext are one commit.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

import structlog

from xmppgov.clock import Clock, wait_for
from xmppgov.omemo.model import Warmth
from xmppgov.omemo.plugin import Omemo

log = structlog.get_logger()

PER_SECOND = 20.0  # people: each message makes clients publish new keys
AT_A_TIME = 5
AGAIN = 3600.0  # seconds between two looks at everybody

People = Callable[[], Awaitable[Collection[str]]]
"""Returns the bare addresses of everybody to whom the bot may have something to say."""


class Queue(Protocol):
    """What sends the messages, behind everything else."""

    async def idle(self) -> None:
        """Wait until nothing else is to be sent."""

    async def introduce(self, people: Mapping[str, str]) -> None:
        """Send a message without text to each address, once for each name that it is given."""


class Warmer:
    """Makes sessions with `people` who have none, slowly; `omemo` must be ready."""

    def __init__(self, omemo: Omemo, people: People, queue: Queue, clock: Clock) -> None:
        self._omemo, self._people, self._queue, self._clock = omemo, people, queue, clock
        self._everybody: frozenset[str] = frozenset()
        self._waiting: dict[str, None] = {}
        self._news = asyncio.Event()

    def appeared(self, jid: str) -> None:
        """Take note: somebody published keys."""
        if jid in self._everybody:
            self._waiting[jid] = None
            self._news.set()

    async def run(self) -> None:
        """Keep everybody warm, until cancelled."""
        again = self._clock.monotonic()
        while True:
            await self._queue.idle()
            try:
                if self._clock.monotonic() >= again:
                    again = self._clock.monotonic() + AGAIN
                    self._everybody = frozenset(await self._people())
                    self._waiting.update(dict.fromkeys(sorted(self._everybody)))
                await self._warm()
            except Exception as error:
                reference = secrets.token_hex(4)
                log.error("sessions were not made ahead", reference=reference, exc_info=error)
            await wait_for(self._news, max(again - self._clock.monotonic(), 1), self._clock)

    async def _warm(self) -> None:
        """Introduce the bot to all who wait for it."""
        self._news.clear()
        reach = await self._omemo.reach(self._waiting)
        for jid in [jid for jid, known in reach.items() if known.warmth is Warmth.WARM]:
            self._waiting.pop(jid, None)
        while self._waiting:
            await self._queue.idle()
            some = list(self._waiting)[:AT_A_TIME]
            await self._introduce(some)
            for jid in some:
                self._waiting.pop(jid, None)
            await self._clock.sleep(AT_A_TIME / PER_SECOND)

    async def _introduce(self, jids: Collection[str]) -> None:
        await self._omemo.prepare(jids)
        reach = await self._omemo.reach(jids)
        cold = {jid: known for jid, known in reach.items() if known.warmth is Warmth.KEYS}
        names = {jid: "-".join(map(str, known.missing)) for jid, known in cold.items()}
        await self._queue.introduce(names)
