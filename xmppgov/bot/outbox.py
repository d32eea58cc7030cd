"""The durable outbox: each text reaches each person once, or its owner knows for whom it did not.

OMEMO 1:1 messages with XEP-0359 ids; XEP-0198 and XEP-0313 say what the server has, XEP-0184 what a
device has. The steps for a text, and what a crash after each one means:

1. `queued` is committed with the owner's own rows. A crash: it is encrypted after the start.
2. `encrypted`: ratchet, ciphertext and state are one commit. A crash: the archive does not have it,
   and the same ciphertext is sent.
3. It is handed to the stream; `sent` is committed. A crash or a lost connection: the archive is
   asked, and the same ciphertext is sent again if it is not there, or if nobody answers, or if the
   server knows that its recipient never got it.
4. The server acknowledges: `accepted` is committed, the ciphertext erased. A crash before the
   commit: the archive has it.
5. A receipt or an answer arrives: committed with the ratchet step, if there is one. A crash before
   the commit: the message is read again from the archive.

Nothing is ever encrypted a second time, because a ratchet that went on cannot go back.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any

import structlog

from xmppgov.bot import stanza
from xmppgov.bot.acceptance import Acceptance
from xmppgov.bot.account import BotAccount
from xmppgov.bot.changes import Changes
from xmppgov.bot.model import ARRIVED, Delivery, Departure, State, Unsettled
from xmppgov.bot.notices import Notices
from xmppgov.bot.store import REPLY, Change, OutboxStore
from xmppgov.omemo.errors import NoKeys
from xmppgov.omemo.plugin import Omemo
from xmppgov.omemo.unit import Unit
from xmppgov.storage.database import Database

log = structlog.get_logger()

Render = Callable[[str, str], Awaitable[str]]
"""(reference, recipient) -> the text, asked for only while it is being encrypted."""

BATCH = 32  # texts encrypted in one commit
IN_FLIGHT = 64  # messages that the server has not acknowledged yet
REPLY_LIFE = 600.0  # seconds for which an answer to a message is worth sending
FIRST_RETRY, LAST_RETRY = 15.0, 600.0  # seconds between looks for somebody's keys


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
    ) -> None:
        self._database = database
        self._store = OutboxStore(database)
        self._omemo = omemo
        self._account = account
        self._acceptance = acceptance
        self._render = render
        self._notices = notices
        self._changes = Changes()
        self._wake = asyncio.Event()
        self._in_flight: set[str] = set()  # not acknowledged on this connection
        self._handed: set[str] = set()  # sent on this connection, and not known to be settled
        self._open = asyncio.Event()
        self._news: asyncio.Queue[tuple[State, str, Change]] = asyncio.Queue()

    # ------------------------------------------------------------------ for owners

    async def add(
        self, tx: Database, *, reference: str, recipients: Iterable[str], expires: float
    ) -> None:
        """Queue the text `reference` for bare addresses, inside the owner's transaction.

        A (reference, recipient) that is there already is left as it is. `expires` is in seconds,
        UTC: then what was not accepted becomes `expired`, and no ciphertext is kept.
        """
        rows = [(reference, jid, uuid.uuid4().hex) for jid in sorted(set(recipients))]
        await self._store.add(tx, rows, time.time(), expires)

    def wake(self) -> None:
        """Look for new work now: call it after the transaction of `add`."""
        self._wake.set()

    async def states(self, reference: str) -> list[Delivery]:
        """Return every recipient's delivery, ordered by address."""
        return await self._store.of_reference(reference)

    async def counts(self, reference: str) -> dict[State, int]:
        """Return how many recipients are in each state (states without any are left out)."""
        return await self._store.counts(reference)

    async def answered(self, tx: Database, *, reference: str, recipient: str) -> str | None:
        """Mark `recipient` as having answered; return the delivery's origin-id, None without one.

        Call it from `on_message`, with the transaction it is given: the answer and the ratchet step
        of the message that carried it are one commit.
        """
        origin_id = await self._store.of_pair(tx, reference, recipient)
        if origin_id is None:
            return None
        changed = await self._move(tx, State.ANSWERED, {origin_id: {}})
        # Whoever looks is told after the commit; a rolled-back answer is told of as well, and the
        # watcher then reads the state that is there.
        asyncio.get_running_loop().call_soon(self._changes.publish, changed)
        return origin_id

    async def references(self, tx: Database, recipient: str) -> list[str]:
        """Return the unexpired references that were handed to `recipient`, newest first."""
        return await self._store.handed_to(tx, recipient, time.time())

    def changes(self) -> AsyncIterator[Delivery]:
        """Follow every change of state from now on, after its commit."""
        return self._changes.watch()

    # ------------------------------------------------------------------ for the bot

    def accepted(self, message_id: str) -> None:
        """Take note: the server acknowledged a message."""
        if message_id in self._in_flight:
            self._in_flight.discard(message_id)
            self._news.put_nowait((State.ACCEPTED, message_id, {}))

    def delivered(self, message_id: str, sender: str) -> None:
        """Take note: a device of `sender` says that it has a message."""
        self._news.put_nowait((State.DELIVERED, message_id, {"by": sender}))

    def returned(self, message_id: str, sender: str, condition: str) -> None:
        """Take note: a message came back with an error."""
        self._news.put_nowait((State.FAILED, message_id, {"by": sender, "reason": condition}))

    def keys_appeared(self, recipient: str) -> None:
        """Take note: somebody published a device list."""
        self._news.put_nowait((State.QUEUED, recipient, {}))

    def close(self) -> None:
        """Stop sending: the connection is lost."""
        self._open.clear()
        self._in_flight.clear()
        self._handed.clear()

    async def recover(self) -> None:
        """Settle, on a new connection, what the last one left open; then sending goes on."""
        open_rows = await self._store.unconfirmed()
        unsettled = {r.origin_id: Unsettled(r.recipient, r.created) for r, _ in open_rows}
        there = await self._acceptance.look_up(unsettled)
        await self._change(State.ACCEPTED, {origin_id: {} for origin_id in there})
        missing = [(row, text) for row, text in open_rows if row.origin_id not in there]
        for start in range(0, len(missing), IN_FLIGHT):
            part = missing[start : start + IN_FLIGHT]
            await self._room()
            self._hand_over({row.origin_id: text for row, text in part})
        await self._change(State.SENT, {row.origin_id: {} for row, _ in missing})
        self._open.set()
        self.wake()

    async def reply(self, recipient: str, text: str, stanza_id: str) -> None:
        """Answer a message of `recipient`, once however often it is asked for."""
        if self._account.online.is_set():
            await self._while_online(self._omemo.prepare([recipient]))
        async with self._omemo.exclusive() as unit, unit.commit() as tx:
            sent = await self.reply_within(unit, tx, recipient, text, stanza_id)
        self.send_now(sent)

    async def reply_within(
        self, unit: Unit, tx: Database, recipient: str, text: str, stanza_id: str
    ) -> dict[str, str]:
        """Encrypt an answer in a unit that commits more; pass the result to `send_now` after."""
        origin_id, now = uuid.uuid4().hex, time.time()
        row = (f"{REPLY}{stanza_id}", recipient, origin_id)
        await self._store.add(tx, [row], now, now + REPLY_LIFE)
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

    def send_now(self, stanzas: dict[str, str]) -> None:
        """Send committed ciphertexts; offline, they are sent after the next `recover`."""
        if stanzas and self._open.is_set():
            self._hand_over(stanzas)
            self._account.ask_acknowledgement()

    # ------------------------------------------------------------------ work

    async def run(self) -> None:
        """Encrypt and send what is queued, until cancelled."""
        while True:
            await self._open.wait()
            self._wake.clear()
            try:
                busy = await self._turn()
            except Exception as error:
                log.error("the outbox stumbled", reference=_reference(), exc_info=error)
                await asyncio.sleep(1)
                continue
            if not busy:
                await self._rest()

    async def keep_account(self) -> None:
        """Write down acknowledgements and receipts, many in one commit, until cancelled."""
        while True:
            news = [await self._news.get()]
            while not self._news.empty():
                news.append(self._news.get_nowait())
            try:
                await self._record(news)
            except Exception as error:
                # The archive says the same after the next start.
                log.error("states were not written", reference=_reference(), exc_info=error)

    async def _record(self, news: list[tuple[State, str, Change]]) -> None:
        for state in (State.ACCEPTED, State.FAILED, State.DELIVERED):
            await self._change(state, {key: change for kind, key, change in news if kind is state})
        for recipient in {key for kind, key, _ in news if kind is State.QUEUED}:
            waiting = await self._store.unreachable(recipient)
            await self._change(State.QUEUED, {origin_id: {} for origin_id in waiting})
            self.wake()

    async def _rest(self) -> None:
        moment = await self._store.next_moment()
        delay = 60.0 if moment is None else min(max(moment - time.time(), 0.05), 60.0)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            self._account.ask_acknowledgement()

    async def _turn(self) -> bool:
        await self.expire()
        await self._sweep()
        rows = await self._store.due(time.time(), BATCH)
        if not rows:
            return False
        failed = await self._while_online(self._omemo.prepare({row.recipient for row in rows}))
        if failed is None:
            return False
        stanzas, missing = await self._encrypt(rows, failed)
        await self._room()
        self.send_now(stanzas)
        if self._open.is_set():
            await self._change(State.SENT, {origin_id: {} for origin_id in stanzas})
            await self._notify(missing)
        return True

    async def _encrypt(
        self, rows: list[Delivery], failed: dict[str, str]
    ) -> tuple[dict[str, str], list[Delivery]]:
        """Commit the ciphertexts of a batch; return them, and the rows that wait for keys."""
        ciphertexts: dict[str, Change] = {}
        reasons: dict[str, Change] = {}
        broken: dict[str, Change] = {}
        async with self._omemo.exclusive() as unit:
            for row in rows:
                try:
                    text = await self._text(row)
                    element = await unit.encrypt(row.recipient, text)
                except NoKeys as error:
                    reasons[row.origin_id] = _wait(row, failed.get(row.recipient, error.reason))
                except _NoText:
                    broken[row.origin_id] = {"reason": "no-text"}
                else:
                    message = stanza.encrypted_message(row.recipient, row.origin_id, element)
                    ciphertexts[row.origin_id] = {"stanza": message}
            async with unit.commit() as tx:
                now = time.time()
                changed = [
                    *await self._store.move(tx, State.ENCRYPTED, ciphertexts, now),
                    *await self._store.move(tx, State.UNREACHABLE, reasons, now),
                    *await self._store.move(tx, State.FAILED, broken, now),
                ]
                retries = {key: float(str(change["retry"])) for key, change in reasons.items()}
                await self._store.retry_later(tx, retries)
                done = {row.origin_id: row for row in changed if row.state is State.ENCRYPTED}
                written = {key: str(ciphertexts[key]["stanza"]) for key in done}
                leaving = [Departure.of(row, written[key]) for key, row in done.items()]
                await self._acceptance.expect(tx, leaving)
        self._changes.publish(changed)
        waiting = [row for row in rows if row.origin_id in reasons and row.recipient not in failed]
        return written, waiting

    async def _text(self, row: Delivery) -> str:
        try:
            assert self._render is not None, "no texts without render"
            return await self._render(row.reference, row.recipient)
        except Exception as error:
            log.error("a text cannot be had", reference=row.reference, exc_info=error)
            raise _NoText from error

    async def _notify(self, rows: list[Delivery]) -> None:
        for row in rows:
            notice = self._notices.open_the_app(row.recipient)
            leaving = Departure.of(row, stanza.write(notice), notice.attrib["id"])
            async with self._database.transaction() as tx:
                if mine := await self._store.claim_notice(tx, row.origin_id):
                    await self._acceptance.expect(tx, [leaving])
            if mine:
                self._in_flight.add(leaving.id)
                self._account.deliver(notice)
        self._account.ask_acknowledgement()

    def _hand_over(self, stanzas: dict[str, str]) -> None:
        for origin_id, written in stanzas.items():
            if origin_id not in self._handed:
                self._handed.add(origin_id)
                self._in_flight.add(origin_id)
                self._account.deliver(stanza.read(written))
        self._account.ask_acknowledgement()

    async def _sweep(self) -> None:
        """Send what was committed while the connection changed hands."""
        before = set(self._handed)
        rows = await self._store.unconfirmed()
        self._handed -= before - {row.origin_id for row, _ in rows}
        if self._open.is_set():
            self._hand_over({row.origin_id: text for row, text in rows})

    async def _room(self) -> None:
        """Wait until the server has acknowledged enough of what was sent."""
        while len(self._in_flight) > IN_FLIGHT - BATCH and self._account.online.is_set():
            self._account.ask_acknowledgement()
            await asyncio.sleep(0.02)

    async def expire(self) -> None:
        """Erase the ciphertexts whose time has come; also an owner may ask, while it is offline."""
        now = time.time()
        async with self._database.transaction() as tx:
            outdated = await self._store.outdated(tx, now)
            late: dict[str, Change] = {origin_id: {} for origin_id in outdated}
            changed = await self._store.move(tx, State.EXPIRED, late, now)
            await self._store.forget_replies(tx, now - 3600)
        self._changes.publish(changed)

    async def _change(self, state: State, changes: dict[str, Change]) -> None:
        if not changes:
            return
        async with self._database.transaction() as tx:
            changed = await self._move(tx, state, changes)
        self._changes.publish(changed)

    async def _move(self, tx: Database, state: State, changes: dict[str, Change]) -> list[Delivery]:
        """Change states, and take note of what shows that the server has a message.

        Its own word counts whatever became of the text; anybody's, if it was the recipient's.
        """
        changed = await self._store.move(tx, state, changes, time.time())
        arrived = [row.origin_id for row in changed if row.state in ARRIVED]
        await self._acceptance.take(tx, list(changes) if state is State.ACCEPTED else arrived)
        return changed

    async def _while_online(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await network work that touches no state; None if the connection is lost meanwhile."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=0.5)
            if not self._account.online.is_set() and not task.done():
                task.cancel()
                return None
        return task.result()


class _NoText(Exception):
    """The owner could not give a text."""


def _wait(row: Delivery, reason: str) -> Change:
    age = time.time() - row.created
    return {"reason": reason, "retry": time.time() + min(max(age / 2, FIRST_RETRY), LAST_RETRY)}


def _reference() -> str:
    return secrets.token_hex(4)
