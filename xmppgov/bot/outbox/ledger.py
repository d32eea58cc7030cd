"""The outbox's states: each change is committed, and then told to whoever watches."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping

import structlog

from xmppgov.bot.outbox.acceptance import Acceptance
from xmppgov.bot.outbox.changes import Changes
from xmppgov.bot.outbox.model import ARRIVED, Delivery, State
from xmppgov.bot.outbox.store import Change, OutboxStore
from xmppgov.clock import Clock
from xmppgov.storage.database import Database

log = structlog.get_logger()
REPLIES_KEPT = 3600.0  # seconds for which an answer to a message is remembered


class Ledger:
    """Writes down what becomes of deliveries; `wake` is called where there is work again."""

    def __init__(
        self, database: Database, acceptance: Acceptance, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._database, self._acceptance = database, acceptance
        self._store, self._clock, self._wake = OutboxStore(database), clock, wake
        self._changes = Changes()
        self._news: asyncio.Queue[tuple[State, str, Change]] = asyncio.Queue()

    def hear(self, state: State, key: str, **change: object) -> None:
        """Take note of news about an origin-id (or, of `queued`, about a recipient's keys)."""
        self._news.put_nowait((state, key, change))

    async def keep(self) -> None:
        """Write down news, many in one commit, until cancelled."""
        while True:
            news = [await self._news.get()]
            while not self._news.empty():
                news.append(self._news.get_nowait())
            try:
                await self._record(news)
            except Exception as error:
                # The archive says the same after the next start.
                log.error("states were not written", reference=secrets.token_hex(4), exc_info=error)

    async def _record(self, news: list[tuple[State, str, Change]]) -> None:
        for state in (State.ACCEPTED, State.FAILED, State.DELIVERED, State.READ):
            await self.change(state, {key: change for kind, key, change in news if kind is state})
        for recipient in {key for kind, key, _ in news if kind is State.QUEUED}:
            waiting = await self._store.unreachable(recipient)
            await self.change(State.QUEUED, {origin_id: {} for origin_id in waiting})
            self._wake()

    async def change(self, state: State, changes: Mapping[str, Change]) -> None:
        """Change states in a commit of their own."""
        if not changes:
            return
        async with self._database.transaction() as tx:
            changed = await self.move(tx, state, changes)
        self._changes.publish(changed)

    async def move(
        self, tx: Database, state: State, changes: Mapping[str, Change]
    ) -> list[Delivery]:
        """Change states, and take note of what shows that the server has a message.

        Its own word counts whatever became of the text; anybody's, if it was the recipient's.
        Whoever calls it tells the changes after the commit, by `tell`.
        """
        changed = await self._store.move(tx, state, changes, self._clock.now())
        arrived = [row.origin_id for row in changed if row.state in ARRIVED]
        await self._acceptance.take(tx, list(changes) if state is State.ACCEPTED else arrived)
        return changed

    def tell(self, changed: list[Delivery]) -> None:
        """Tell whoever watches what was committed."""
        self._changes.publish(changed)

    def watch(self) -> AsyncIterator[Delivery]:
        """Follow every change from this call on."""
        return self._changes.watch()

    async def expire(self) -> None:
        """Erase the ciphertexts whose time has come."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            outdated = await self._store.outdated(tx, now)
            late: dict[str, Change] = {origin_id: {} for origin_id in outdated}
            changed = await self._store.move(tx, State.EXPIRED, late, now)
            await self._store.forget_replies(tx, now - REPLIES_KEPT)
        self._changes.publish(changed)
