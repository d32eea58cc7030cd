"""The outbox as its owner and its bot use it."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import structlog

from xmppgov.bot import stanza
from xmppgov.bot.account import BotAccount
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import Acceptance
from xmppgov.bot.outbox.encryption import Encryption, Render
from xmppgov.bot.outbox.ledger import Ledger
from xmppgov.bot.outbox.model import Delivery, Departure, Kind, State
from xmppgov.bot.outbox.recovery import Recovery
from xmppgov.bot.outbox.replies import Replies
from xmppgov.bot.outbox.sending import MOST_AT_ONCE, Sending
from xmppgov.bot.outbox.store import KEYS, OutboxStore
from xmppgov.clock import Clock, SystemClock, wait_for
from xmppgov.omemo.plugin import Omemo
from xmppgov.omemo.unit import Unit
from xmppgov.storage.database import Database

log = structlog.get_logger()
LONGEST_REST = 60.0  # seconds
INTRODUCED = 24 * 3600.0  # seconds for which a message without text is worth sending
LAST = 9  # priority of what nobody waits for


class Outbox:
    """Texts to people, in the bot's own database; `Bot` makes it, runs it and wires it.

    What an owner (such as the alert bot) does:

        async with database.transaction() as tx:
            …  # the owner's own rows
            await bot.outbox.add(tx, reference=id, recipients=[…], expires=time.time() + 86400)
        bot.outbox.wake()
    """

    def __init__(
        self,
        *,
        database: Database,
        omemo: Omemo,
        account: BotAccount,
        acceptance: Acceptance,
        render: Render | None,
        notices: Notices,
        clock: Clock | None = None,
    ) -> None:
        self._database, self._omemo, self._account = database, omemo, account
        self._acceptance, self._notices = acceptance, notices
        self._clock = clock or SystemClock()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._store = OutboxStore(database)
        self._ledger = Ledger(database, acceptance, self._clock, self.wake)
        self._sending = Sending(account, self._clock)
        self._recovery = Recovery(self._store, acceptance, self._ledger, self._sending)
        self._replies = Replies(self._store, self._clock)
        self._encryption = Encryption(
            store=self._store,
            omemo=omemo,
            acceptance=acceptance,
            ledger=self._ledger,
            render=render,
            clock=self._clock,
        )

    # ------------------------------------------------------------------ for owners

    async def add(
        self,
        tx: Database,
        *,
        reference: str,
        recipients: Iterable[str],
        expires: float,
        of: str | Sequence[str] = (),
        priority: int = 5,
    ) -> None:
        """Queue the text `reference` for bare addresses, inside the owner's transaction.

        A (reference, recipient) that is there already is left as it is. `expires` is in seconds,
        UTC: then what was not accepted becomes `expired`, and no ciphertext is kept. With `of` the
        text corrects the first one that left of that reference, or of those (XEP-0308); where none
        did it is a text of its own. What has the smallest `priority` is sent first.
        """
        rows, now = _rows(reference, recipients), self._clock.now()
        await self._store.add(tx, rows, now, expires, of=_all(of), priority=priority)

    async def retract(
        self,
        tx: Database,
        *,
        reference: str,
        recipients: Iterable[str],
        expires: float,
        of: str | Sequence[str],
    ) -> None:
        """Queue the retraction (XEP-0424) of the text `of` for those to whom it left.

        Of several references it is the first one that left, with its corrections.
        """
        rows, now = _rows(reference, recipients), self._clock.now()
        await self._store.add_retractions(tx, rows, now, expires, of=_all(of))

    async def left(self, tx: Database, references: Sequence[str]) -> list[str]:
        """Return the people to whom a text of one of `references` left, or surely leaves."""
        return await self._store.left(tx, references)

    async def withdraw(self, tx: Database, *, reference: str) -> list[str]:
        """Take back the text `reference` where it has not left; return for whom."""
        changed = await self._store.withdraw(tx, reference, self._clock.now())
        asyncio.get_running_loop().call_soon(self._ledger.tell, changed)
        return [row.recipient for row in changed]

    def wake(self) -> None:
        """Look for new work now: call it after the transaction of `add`."""
        self._wake.set()

    async def states(self, reference: str) -> list[Delivery]:
        """Return every recipient's delivery, ordered by address."""
        return await self._store.of_reference(reference)

    async def counts(self, reference: str) -> dict[State, int]:
        """Return how many recipients are in each state (states without any are left out)."""
        return await self._store.counts(reference)

    async def acknowledged(self, tx: Database, *, reference: str, recipient: str) -> str | None:
        """Mark a text as confirmed by `recipient`; return the delivery's origin-id, if any.

        Call it from `on_message`, with the transaction it is given: the confirmation and the
        ratchet step of the message that carried it are one commit.
        """
        origin_id = await self._store.of_pair(tx, reference, recipient)
        if origin_id is None:
            return None
        changed = await self._ledger.move(tx, State.ACKNOWLEDGED, {origin_id: {}})
        # Whoever looks is told after the commit; a rolled-back answer is told of as well, and the
        # watcher then reads the state that is there.
        asyncio.get_running_loop().call_soon(self._ledger.tell, changed)
        return origin_id

    async def references(self, tx: Database, recipient: str) -> list[str]:
        """Return the unexpired references that were handed to `recipient`, newest first."""
        return await self._store.handed_to(tx, recipient, self._clock.now())

    async def reference_of(self, tx: Database, origin_id: str, recipient: str) -> str | None:
        """Return the reference of the message with an id that `recipient` has."""
        return await self._store.of_message(tx, origin_id, recipient)

    def changes(self) -> AsyncIterator[Delivery]:
        """Follow every change of state from now on, after its commit."""
        return self._ledger.watch()

    async def expire(self) -> None:
        """Erase the ciphertexts whose time has come, as an owner may ask while it is offline."""
        await self._ledger.expire()

    # ------------------------------------------------------------------ for the bot

    def accepted(self, message_id: str) -> None:
        """Take note: the server acknowledged a message."""
        if self._sending.acknowledged(message_id):
            self._ledger.hear(State.ACCEPTED, message_id)

    def delivered(self, message_id: str, sender: str) -> None:
        """Take note: a device of `sender` says that it has a message."""
        self._ledger.hear(State.DELIVERED, message_id, by=sender)

    def displayed(self, message_id: str, sender: str) -> None:
        """Take note: a client of `sender` says that it has shown a message."""
        self._ledger.hear(State.READ, message_id, by=sender)

    def returned(self, message_id: str, sender: str, condition: str) -> None:
        """Take note: a message came back with an error."""
        self._ledger.hear(State.FAILED, message_id, by=sender, reason=condition)

    def keys_appeared(self, recipient: str) -> None:
        """Take note: somebody published a device list."""
        self._ledger.hear(State.QUEUED, recipient)

    async def introduce(self, people: Mapping[str, str]) -> None:
        """Send everybody a message without text that brings sessions, once for each name."""
        now = self._clock.now()
        rows = [(f"{KEYS}{name}", jid, uuid.uuid4().hex) for jid, name in people.items()]
        async with self._database.transaction() as tx:
            await self._store.add(tx, rows, now, now + INTRODUCED, priority=LAST, kind=Kind.KEYS)
        self._idle.clear()
        self.wake()

    async def heal_within(self, unit: Unit, tx: Database, recipient: str, device: int) -> None:
        """Give up a session, and have a message without text bring another, once an hour."""
        now = self._clock.now()
        reference, id = f"{KEYS}heal-{device}-{int(now // 3600)}", uuid.uuid4().hex
        row, expires = (reference, recipient, id), now + INTRODUCED
        await self._store.add(tx, [row], now, expires, priority=LAST, kind=Kind.KEYS)
        if await self._store.of_pair(tx, reference, recipient) == id:
            unit.give_up(recipient, device)
            asyncio.get_running_loop().call_soon(self.wake)

    async def idle(self) -> None:
        """Wait until nothing is to be sent."""
        await self._idle.wait()

    def close(self) -> None:
        """Stop sending: the connection is lost."""
        self._sending.close()
        self._idle.clear()

    async def recover(self) -> None:
        """Settle, on a new connection, what the last one left open; then sending goes on."""
        await self._recovery.settle()
        self._sending.open()
        self.wake()

    async def reply(self, recipient: str, text: str, stanza_id: str) -> None:
        """Answer a message of `recipient`, once however often it is asked for."""
        if self._account.online.is_set():
            await self._sending.while_online(self._omemo.prepare([recipient]))
        async with self._omemo.exclusive() as unit, unit.commit() as tx:
            sent = await self.reply_within(unit, tx, recipient, text, stanza_id)
        self.send_now(sent)

    async def reply_within(
        self, unit: Unit, tx: Database, recipient: str, text: str, stanza_id: str
    ) -> dict[str, str]:
        """Encrypt an answer in a unit that commits more; pass the result to `send_now` after."""
        return await self._replies.commit(unit, tx, recipient, text, stanza_id)

    def send_now(self, stanzas: dict[str, str]) -> None:
        """Send committed ciphertexts; offline, they are sent after the next `recover`."""
        if stanzas and self._sending.is_open:
            self._sending.hand_over(stanzas)

    async def keep_account(self) -> None:
        """Write down acknowledgements and receipts, many in one commit, until cancelled."""
        await self._ledger.keep()

    async def run(self) -> None:
        """Encrypt and send what is queued, until cancelled."""
        while True:
            await self._sending.opened()
            self._wake.clear()
            try:
                busy = await self._turn()
            except Exception as error:
                reference = secrets.token_hex(4)
                log.error("the outbox stumbled", reference=reference, exc_info=error)
                await self._clock.sleep(1)
                continue
            if not busy:
                await self._rest()

    # ------------------------------------------------------------------ work

    async def _rest(self) -> None:
        moment, now = await self._store.next_moment(), self._clock.now()
        delay = LONGEST_REST if moment is None else min(max(moment - now, 0.05), LONGEST_REST)
        if not await wait_for(self._wake, delay, self._clock):
            self._account.ask_acknowledgement()

    async def _turn(self) -> bool:
        await self.expire()
        await self._recovery.sweep()
        rows = await self._store.due(self._clock.now(), MOST_AT_ONCE)
        if not rows:
            self._idle.set()
            return False
        self._idle.clear()
        recipients = {row.recipient for row in rows}
        failed = await self._sending.while_online(self._omemo.prepare(recipients))
        if failed is None:
            return False
        stanzas, without_keys = await self._encryption.commit(rows, failed)
        await self._sending.room()
        self.send_now(stanzas)
        if self._sending.is_open:
            await self._ledger.change(State.SENT, {origin_id: {} for origin_id in stanzas})
            await self._notify(without_keys)
        return True

    async def _notify(self, rows: list[Delivery]) -> None:
        """Tell people for whom nothing can be encrypted, once for each text, that there is one."""
        for row in rows:
            notice = self._notices.open_the_app(row.recipient)
            leaving = Departure.of(row, stanza.write(notice), notice.attrib["id"])
            async with self._database.transaction() as tx:
                if mine := await self._store.claim_notice(tx, row.origin_id):
                    await self._acceptance.expect(tx, [leaving])
            if mine:
                self._sending.hand_over_once(leaving.id, notice)
        self._account.ask_acknowledgement()


def _all(references: str | Sequence[str]) -> Sequence[str]:
    return (references,) if isinstance(references, str) else references


def _rows(reference: str, recipients: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(reference, jid, uuid.uuid4().hex) for jid in sorted(set(recipients))]
