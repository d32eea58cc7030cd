"""Which messages the server has taken, told to their owner once each, whatever was lost meanwhile.

A message is awaited from the commit after which it may leave. It is taken when the server
acknowledges it (XEP-0198), when the bot's own archive there has it (XEP-0313) and the server does
not know that its recipient never got it, or when its recipient answers. That is committed with what
the owner makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

import structlog

from xmppgov.bot.archive import ArchiveGone, OwnArchive
from xmppgov.bot.deliveries import Deliveries
from xmppgov.bot.outbox.model import Departure, Unsettled
from xmppgov.bot.outbox.store import OWN, AwaitedStore
from xmppgov.storage.database import Database

log = structlog.get_logger()
OnAccepted = Callable[[Database, Sequence[Departure]], Awaitable[None]]
"""Called with the transaction that notes that the server has these messages; answers to messages
and letters are not among them."""
CLOCKS = 3600.0  # seconds by which the server's clock may be behind ours


class Acceptance:
    """Follows messages until the server is known to have them, or not to."""

    def __init__(
        self,
        *,
        store: AwaitedStore,
        archive: OwnArchive,
        deliveries: Deliveries,
        on_accepted: OnAccepted | None,
    ) -> None:
        self._store, self._archive, self._deliveries = store, archive, deliveries
        self._on_accepted = on_accepted

    async def expect(self, tx: Database, departures: Iterable[Departure]) -> None:
        """Take note, in the commit after which they may leave, of messages."""
        if self._on_accepted is not None:
            told = [d for d in departures if not d.reference.startswith(OWN)]
            await self._store.add(tx, told, time.time())

    async def take(self, tx: Database, ids: Collection[str]) -> None:
        """Take note that the server has messages; the first time is told to the owner."""
        if self._on_accepted is None or not ids:
            return
        if taken := await self._store.take(tx, ids):
            await self._on_accepted(tx, taken)

    async def look_up(self, open_: Mapping[str, Unsettled]) -> set[str]:
        """Return the ids of messages that the server has taken, of `open_` and of all awaited.

        What it surely has not is awaited no longer, unless it is in `open_` and goes again.
        """
        awaited = await self._store.all()
        unsettled = {**awaited, **open_}
        if not unsettled:
            return set()
        since = min(one.since for one in unsettled.values()) - CLOCKS
        try:
            there = await self._archive.sent(set(unsettled), since)
            kept = {id: unsettled[id].recipient for id in there}
            there -= await self._deliveries.missing(kept, since)
        except ArchiveGone:
            log.warning("the archive cannot be asked; unconfirmed messages are sent again")
            return set()
        await self._store.forget(awaited.keys() - open_.keys() - there)
        return there
