"""Which unit a sender belongs to: asked of the directory beforehand, never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from xmppgov.errors import XmppgovError

log = structlog.get_logger()
Ask = Callable[[str], Awaitable[str | None]]
"""Return the unit of the person with a bare address; raises where there is no answer."""

MAX_AGE = 600.0  # seconds after which the directory is asked again
MOST_KNOWN, MOST_ASKED = 100_000, 50


class Units:
    """A cache of units. A sender who is not in it has no unit for now, and is asked for."""

    def __init__(self, ask: Ask, domains: Collection[str], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._domains = frozenset(domains)
        self._clock = clock
        self._known: dict[str, tuple[str | None, float]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def of(self, address: str) -> str | None:
        """Return the unit that is known for `address`, without waiting; None is unknown."""
        local, _, domain = address.rpartition("@")
        if not local or domain not in self._domains:
            return None
        unit, since = self._known.get(address, (None, -MAX_AGE))
        if self._clock() - since >= MAX_AGE:
            self._refresh(address)
        return unit

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refresh(self, address: str) -> None:
        if address not in self._asking and len(self._asking) < MOST_ASKED:
            self._asking[address] = asyncio.get_running_loop().create_task(self._learn(address))

    async def _learn(self, address: str) -> None:
        unit = self._known.get(address, (None, 0.0))[0]
        try:
            unit = await self._ask(address)
        except XmppgovError as error:
            log.debug("no unit from the directory", condition=error.condition)
        finally:
            del self._asking[address]
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[address] = (unit, self._clock())
