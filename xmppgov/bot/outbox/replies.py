"""Answers to messages: each once, however often the message is read again."""

from __future__ import annotations

import uuid

import structlog

from xmppgov.bot import stanza
from xmppgov.bot.outbox.model import State
from xmppgov.bot.outbox.store import REPLY, OutboxStore
from xmppgov.clock import Clock
from xmppgov.omemo.errors import NoKeys
from xmppgov.omemo.unit import Unit
from xmppgov.storage.database import Database

log = structlog.get_logger()
LIFE = 600.0  # seconds for which an answer to a message is worth sending


class Replies:
    """Encrypts answers in the unit of work that they belong to."""

    def __init__(self, store: OutboxStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def commit(
        self, unit: Unit, tx: Database, recipient: str, text: str, stanza_id: str
    ) -> dict[str, str]:
        """Encrypt the answer to a message; return what is to be sent after the commit, by id."""
        origin_id, now = uuid.uuid4().hex, self._clock.now()
        row = (f"{REPLY}{stanza_id}", recipient, origin_id)
        await self._store.add(tx, [row], now, now + LIFE)
        if await self._store.of_pair(tx, row[0], recipient) != origin_id:
            return {}
        try:
            element = await unit.encrypt(recipient, text)
        except NoKeys as error:
            log.info("an answer cannot be encrypted", jid=recipient, reason=error.reason)
            await self._store.move(tx, State.FAILED, {origin_id: {"reason": error.reason}}, now)
            return {}
        written = stanza.encrypted_message(recipient, origin_id, element)
        await self._store.move(tx, State.ENCRYPTED, {origin_id: {"stanza": written}}, now)
        return {origin_id: written}
