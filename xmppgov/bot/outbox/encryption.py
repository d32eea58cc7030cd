"""One batch of texts: encrypted, and committed with their ratchets and states."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from xmppgov.bot import stanza
from xmppgov.bot.outbox.acceptance import Acceptance
from xmppgov.bot.outbox.ledger import Ledger
from xmppgov.bot.outbox.model import Delivery, Departure, Kind, State
from xmppgov.bot.outbox.store import Change, OutboxStore
from xmppgov.clock import Clock
from xmppgov.omemo.errors import NoKeys
from xmppgov.omemo.plugin import Omemo
from xmppgov.omemo.unit import Unit
from xmppgov.storage.database import Database

log = structlog.get_logger()

Render = Callable[[str, str], Awaitable[str]]
"""(reference, recipient) -> the text, asked for only while it is being encrypted."""

UNVERIFIED = {"reason": "unverified"}
FIRST_RETRY, LAST_RETRY = 15.0, 600.0  # seconds between looks for somebody's keys


@dataclass
class Batch:
    """What becomes of the rows of a batch, by origin-id."""

    written: dict[str, str] = field(default_factory=dict)
    unverified: set[str] = field(default_factory=set)  # who has devices that got nothing
    waiting: dict[str, Change] = field(default_factory=dict)  # for keys
    broken: dict[str, Change] = field(default_factory=dict)  # without a text


class Encryption:
    """Encrypts what is queued; only what was committed ever leaves."""

    def __init__(
        self,
        *,
        store: OutboxStore,
        omemo: Omemo,
        acceptance: Acceptance,
        ledger: Ledger,
        render: Render | None,
        clock: Clock,
    ) -> None:
        self._store, self._omemo, self._acceptance = store, omemo, acceptance
        self._ledger, self._render, self._clock = ledger, render, clock

    async def commit(
        self, rows: Sequence[Delivery], failed: Mapping[str, str]
    ) -> tuple[dict[str, str], list[Delivery]]:
        """Commit the ciphertexts of `rows`; return them by origin-id, and the rows without keys.

        `failed` says of whose keys could not be asked for, and why; they are not returned.
        """
        async with self._omemo.exclusive() as unit:
            batch = await self._encrypt(unit, rows, failed)
            async with unit.commit() as tx:
                changed = await self._write(tx, batch)
        self._ledger.tell(changed)
        done = {row.origin_id for row in changed if row.state is State.ENCRYPTED}
        written = {key: text for key, text in batch.written.items() if key in done}
        return written, [
            row for row in rows if row.origin_id in batch.waiting and row.recipient not in failed
        ]

    async def _encrypt(
        self, unit: Unit, rows: Sequence[Delivery], failed: Mapping[str, str]
    ) -> Batch:
        batch = Batch()
        for row in rows:
            try:
                batch.written[row.origin_id] = await self._stanza(unit, row)
                if row.recipient in unit.unverified:
                    batch.unverified.add(row.origin_id)
            except NoKeys as error:
                reason = failed.get(row.recipient, error.reason)
                if row.kind is Kind.KEYS:  # whoever has none now is introduced another day
                    batch.broken[row.origin_id] = {"reason": reason}
                else:
                    batch.waiting[row.origin_id] = _wait(row, reason, self._clock.now())
            except _NoText:
                batch.broken[row.origin_id] = {"reason": "no-text"}
        return batch

    async def _stanza(self, unit: Unit, row: Delivery) -> str:
        to, id = row.recipient, row.origin_id
        if row.kind is Kind.RETRACTION:
            return stanza.write(stanza.retraction(to, id, row.target or ""))
        if row.kind is Kind.KEYS:
            return stanza.introduction(to, id, await unit.introduce(to))
        element = await unit.encrypt(to, await self._text(row))
        return stanza.encrypted_message(to, id, element, corrects=row.target, markable=True)

    async def _write(self, tx: Database, batch: Batch) -> list[Delivery]:
        now = self._clock.now()
        ciphertexts: dict[str, Change] = {
            key: {"stanza": text, **(UNVERIFIED if key in batch.unverified else {})}
            for key, text in batch.written.items()
        }
        done = await self._store.move(tx, State.ENCRYPTED, ciphertexts, now)
        others = [
            *await self._store.move(tx, State.UNREACHABLE, batch.waiting, now),
            *await self._store.move(tx, State.FAILED, batch.broken, now),
        ]
        retries = {key: float(str(change["retry"])) for key, change in batch.waiting.items()}
        await self._store.retry_later(tx, retries)
        leaving = [Departure.of(row, batch.written[row.origin_id]) for row in done]
        await self._acceptance.expect(tx, leaving)
        return [*done, *others]

    async def _text(self, row: Delivery) -> str:
        try:
            assert self._render is not None, "no texts without render"
            return await self._render(row.reference, row.recipient)
        except Exception as error:
            log.error("a text cannot be had", reference=row.reference, exc_info=error)
            raise _NoText from error


class _NoText(Exception):
    """The owner could not give a text."""


def _wait(row: Delivery, reason: str, now: float) -> Change:
    age = now - row.created
    return {"reason": reason, "retry": now + min(max(age / 2, FIRST_RETRY), LAST_RETRY)}
