"""Decides about each event as the server's policy does: an archive's spool gets it, or nobody.

What nobody knows is not decided: the event waits where it is, and no archive hears of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from xmppgov.archive.emitter.store import Spool
from xmppgov.archive.emitter.verdicts.model import FULL, GONE, Verdict
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.archive.emitter.waiting import first

log = structlog.get_logger()
FIRST, LONGEST = 1.0, 60.0  # seconds until it is asked again


class Policy(Protocol):
    """The server's policy; None where it does not say it now."""

    async def verdict(self, place: str) -> Verdict | None: ...


class Judge:
    """Empties `events` into `spools`, by the archive's address; `run()` works until cancelled."""

    def __init__(self, *, events: Undecided, spools: Mapping[str, Spool], policy: Policy) -> None:
        self._events, self._spools, self._policy = events, spools, policy
        self._online, self._hurry = asyncio.Event(), asyncio.Event()
        self._trouble: str | None = None

    def connected(self) -> None:
        """Take note: the stream is new, and so may be the policy."""
        self._online.set()
        self._hurry.set()

    def disconnected(self) -> None:
        """Take note: the stream is gone."""
        self._online.clear()

    async def run(self) -> None:
        """Decide about what comes, whenever the stream is there."""
        delay = FIRST
        while True:
            await self._online.wait()
            self._hurry.clear()
            self._events.appended.clear()
            settled = await self._try()
            delay = FIRST if settled else min(delay * 2, LONGEST)
            await first(None if settled else delay, self._hurry, self._events.appended)

    async def _try(self) -> bool:
        try:
            return await self.step()
        except Exception as error:
            log.error("events are not decided for now", exc_info=error)
            return False

    async def step(self) -> bool:
        """Decide what can be decided now; tell whether that is all."""
        trouble = None
        for place in await self._events.places():
            trouble = await self._judge(place) or trouble
        await self._events.forget()
        if trouble and trouble != self._trouble:
            log.error("ALARM: events wait until an archive is known", reason=trouble)
        self._trouble = trouble
        return trouble is None

    async def _judge(self, place: str) -> str | None:
        """Decide about the events of a place; return why not, if not."""
        verdict = await self._policy.verdict(place)
        if verdict is None:
            return "the server does not say what holds"
        if verdict is GONE:
            log.warning("a room is gone, and with it what held there: nothing is told of it")
        if verdict.level != FULL:
            await self._events.decide(place, None)
        elif verdict.archive not in self._spools:
            return f"the server names {verdict.archive}, and [emitter] does not"
        else:
            await self._events.decide(place, self._spools[verdict.archive])
        return None
