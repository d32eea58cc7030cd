"""Finds who is behind an address; what the directory said holds for a minute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from xmppgov.bot.permissions.model import Actor
from xmppgov.clock import Clock
from xmppgov.directory.model import Entry
from xmppgov.errors import NotFound

LIFE = 60.0  # seconds
MOST = 10_000

AskPerson = Callable[[str], Awaitable[Entry]]
"""A bare address -> the person. Raises `NotFound` for a stranger, `Unreachable`."""


class Actors:
    """People by bare address; without a directory nobody is known."""

    def __init__(self, ask: AskPerson | None, clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._known: dict[str, tuple[float, Actor]] = {}

    async def of(self, jid: str) -> Actor:
        """Return who `jid` is.

        Raises:
            Unreachable: the directory does not answer.
        """
        now = self._clock.monotonic()
        at, actor = self._known.get(jid, (now - LIFE, None))
        if actor is not None and now - at < LIFE:
            return actor
        actor = Actor(jid, await self._person(jid))
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[jid] = (now, actor)
        return actor

    async def _person(self, jid: str) -> Entry | None:
        if self._ask is None:
            return None
        try:
            return await self._ask(jid)
        except NotFound:
            return None
