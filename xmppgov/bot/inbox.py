"""What comes in: each decrypted message takes effect once, in the commit of its ratchet step.

After a login, what the server's archive got since the last processed message is read first, so that
nothing is lost with a connection or a crash; then what came meanwhile, which may be the same again.
Senders take turns, so that nobody's flood holds up the others; beyond `DEPTH` it is dropped.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import time
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Collection

import structlog

from xmppgov.bot import stanza
from xmppgov.bot.account import BotAccount
from xmppgov.bot.archive import ArchiveGone, OwnArchive, beginning
from xmppgov.bot.model import Incoming, Target, quoted_reaction
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.store import InboxStore
from xmppgov.bot.turns import Progress, Turns
from xmppgov.errors import StorageError
from xmppgov.i18n import Text, Texts
from xmppgov.omemo.errors import Disconnected, Undecryptable
from xmppgov.omemo.plugin import Omemo
from xmppgov.storage.database import Database

log = structlog.get_logger()
texts = Texts("xmppgov")

OnMessage = Callable[[Database, Incoming], Awaitable[Text | str | None]]
"""Called with the transaction of a message's ratchet step, before commands.

What it writes is committed together with the ratchet step, once for each message. A text that it
returns is the answer; None leaves the message to the commands. Reactions come in clear, and have no
ratchet step and no answer.
"""

MEMORY = 45 * 24 * 3600.0  # seconds; longer than servers keep messages
DEPTH = 100  # messages of one sender that wait to be read
Mark = Callable[[], str | None]  # the archive's id up to which all is done, at a message's commit
_DISK = (sqlite3.Error, StorageError, OSError)


class Inbox:
    """Reads messages one after the other, each sender's in order."""

    def __init__(
        self,
        *,
        database: Database,
        omemo: Omemo,
        account: BotAccount,
        archive: OwnArchive,
        outbox: Outbox,
        domains: Collection[str],
        on_message: OnMessage | None,
        on_question: Callable[[Incoming], None],
    ) -> None:
        self._database = database
        self._store = InboxStore(database)
        self._omemo = omemo
        self._account = account
        self._archive = archive
        self._outbox = outbox
        self._domains = frozenset(domains)
        self._on_message = on_message
        self._on_question = on_question
        self._live: Turns[ET.Element] = Turns(DEPTH)
        self._progress = Progress()
        self._failed: list[str] = []
        self._caught_up = asyncio.Event()

    def take(self, message: ET.Element) -> None:
        """Accept a message from the stream."""
        if self._archive.take(message):
            return
        sender = _sender(message)
        if self._is_nobodys(message, sender):
            return
        if self._caught_up.is_set() and self._is_news(message, sender):
            return
        if not self._live.put(sender, message):
            if self._live.dropped(sender) == 1:
                log.warning("messages come faster than they are read; some are dropped", jid=sender)
        elif given := stanza.stanza_id(message, self._account.bare):
            self._progress.begin(given)

    def close(self) -> None:
        """Wait with new messages until `catch_up` has read the old ones."""
        self._caught_up.clear()

    async def catch_up(self) -> None:
        """Process what the archive got since the last processed message."""
        mark = await self._store.cursor(self._account.bare)
        try:
            if mark is not None:
                async for archived in self._archive.after(mark):
                    mark = archived.stanza_id
                    await self._process(archived.message, mark, _constant(mark))
        except ArchiveGone:
            log.warning("the archive cannot be asked; messages may have been missed")
        async with self._database.transaction() as tx:
            await self._store.set_cursor(tx, self._account.bare, mark or beginning(time.time()))
        for failed in self._failed:
            self._progress.end(failed)  # read by now, or lost to the archive
        self._failed.clear()
        self._caught_up.set()

    async def run(self) -> None:
        """Process what comes, until cancelled."""
        while True:
            await self._caught_up.wait()
            sender, message = await self._live.get()
            await self._caught_up.wait()
            given = stanza.stanza_id(message, self._account.bare)
            try:
                await self._process(message, given, self._mark_after(given))
            except Exception as error:
                # Not processed, so nothing after it may be: the next login shows it again.
                if not isinstance(error, Disconnected):
                    reference = secrets.token_hex(4)
                    log.error("a message was not processed", reference=reference, exc_info=error)
                self._failed.append(given or "")
                self.close()
                self._account.abort()
            else:
                self._progress.end(given or "")
            if dropped := self._live.settled(sender):
                log.warning("messages were dropped", jid=sender, count=dropped)

    def _mark_after(self, given: str | None) -> Mark:
        return lambda: None if given is None else self._progress.reached(given)

    def _is_nobodys(self, message: ET.Element, sender: str) -> bool:
        """Whether a message is our own, a room's, or a question from where none is answered."""
        if sender == self._account.bare or message.get("type") == "groupchat":
            return True
        is_news = message.get("type") == "error" or stanza.received_id(message)
        is_news = is_news or stanza.displayed_id(message)
        return not is_news and sender.partition("@")[2] not in self._domains

    def _is_news(self, message: ET.Element, sender: str) -> bool:
        """Pass on what is said of our own messages; whether it was that."""
        if message.get("type") == "error":
            condition = stanza.error_condition(message)
            self._outbox.returned(message.get("id") or "", sender, condition)
        elif received := stanza.received_id(message):
            self._outbox.delivered(received, sender)
        elif displayed := stanza.displayed_id(message):
            self._outbox.displayed(displayed, sender)
        else:
            return False
        return True

    async def _process(self, message: ET.Element, given: str | None, mark: Mark) -> None:
        sender = _sender(message)
        if not self._is_nobodys(message, sender) and not self._is_news(message, sender):
            await self._read(message, sender, given, mark)

    async def _read(self, message: ET.Element, sender: str, given: str | None, mark: Mark) -> None:
        encrypted, reaction = stanza.encrypted_part(message), _reaction(message, sender, given)
        if encrypted is None and reaction is None:
            return
        key = given or _without_stanza_id(sender, message)
        if await self._store.was_seen(key):
            return
        if encrypted is not None:
            await self._read_encrypted(message, encrypted, sender, key, mark)
        elif reaction is not None:
            await self._react(reaction, key, mark)

    async def _read_encrypted(
        self, message: ET.Element, encrypted: ET.Element, sender: str, key: str, mark: Mark
    ) -> None:
        await self._omemo.prepare_reading(sender, encrypted)
        question, answer = await self._decrypt(message, encrypted, sender, key, mark)
        self._outbox.send_now(answer)
        if question is not None:
            self._acknowledge(message)
            if not answer and question.target is None:
                self._on_question(question)

    async def _react(self, reaction: Incoming, key: str, mark: Mark) -> None:
        """Commit what a reaction in clear does, once."""
        for quietly in (False, True):
            try:
                async with self._database.transaction() as tx:
                    await self._note(tx, key, mark)
                    if self._on_message is not None and not quietly:
                        await self._effect(tx, reaction)
                return
            except _EffectFailed:
                continue

    async def _note(self, tx: Database, key: str, mark: Mark) -> None:
        """Remember a message as processed, in the commit of what it does."""
        now = time.time()
        await self._store.see(tx, key, now)
        await self._store.forget(tx, now - MEMORY)
        if (reached := mark()) is not None:
            await self._store.set_cursor(tx, self._account.bare, reached)

    async def _decrypt(
        self,
        message: ET.Element,
        encrypted: ET.Element,
        sender: str,
        key: str,
        mark: Mark,
        *,
        quietly: bool = False,
    ) -> tuple[Incoming | None, dict[str, str]]:
        """Commit a message's ratchet step with its effect; return it, and an answer to send."""
        incoming: Incoming | None = None
        answer: dict[str, str] = {}
        try:
            async with self._omemo.exclusive() as unit:
                broken: int | None = None
                try:
                    text = await unit.decrypt(sender, encrypted)
                except Undecryptable as error:
                    log.info("a message cannot be decrypted", jid=sender, reason=error.reason)
                    text, broken = None, error.broken
                async with unit.commit() as tx:
                    await self._note(tx, key, mark)
                    if broken is not None:
                        await self._outbox.heal_within(unit, tx, sender, broken)
                    if text is not None:
                        incoming = _incoming(sender, text, message.get(stanza.LANG), key)
                    if incoming is not None and self._on_message is not None and not quietly:
                        said = await self._effect(tx, incoming)
                        if said is not None:
                            answer = await self._outbox.reply_within(unit, tx, sender, said, key)
            return incoming, answer
        except _EffectFailed:
            # The owner's fault must not keep the ratchet from going on: once more, without it.
            return await self._decrypt(message, encrypted, sender, key, mark, quietly=True)

    async def _effect(self, tx: Database, incoming: Incoming) -> str | None:
        assert self._on_message is not None
        try:
            said = await self._on_message(tx, incoming)
        except _DISK:
            raise
        except Exception as error:
            reference = secrets.token_hex(4)
            log.error("the effect of a message failed", reference=reference, exc_info=error)
            raise _EffectFailed from error
        return said.in_language(incoming.language) if isinstance(said, Text) else said

    def _acknowledge(self, message: ET.Element) -> None:
        if stanza.wants_receipt(message) and self._account.online.is_set():
            to, message_id = message.get("from") or "", message.get("id") or ""
            self._account.deliver(stanza.receipt(to, message_id))


def _sender(message: ET.Element) -> str:
    return (message.get("from") or "").partition("/")[0].lower()


def _incoming(sender: str, text: str, language: str | None, key: str) -> Incoming:
    """Return a decrypted message; some clients write a reaction as a quotation with a sign."""
    if quoted := quoted_reaction(text):
        return Incoming(sender, quoted[1], language, key, target=Target(quote=quoted[0]))
    return Incoming(sender, text, language, key)


def _reaction(message: ET.Element, sender: str, given: str | None) -> Incoming | None:
    """Return somebody's reaction in clear; taking it back says nothing."""
    found = stanza.reactions(message)
    if found is None or not found[1]:
        return None
    key, language = given or _without_stanza_id(sender, message), message.get(stanza.LANG)
    target = Target(id=found[0])
    return Incoming(sender, " ".join(found[1]), language, key, target=target, encrypted=False)


def _constant(mark: str) -> Mark:
    return lambda: mark


def _without_stanza_id(sender: str, message: ET.Element) -> str:
    """Return what a message is remembered by; hashed, since the client chose the id's words."""
    return hashlib.sha256(f"{sender} {message.get('id')}".encode()).hexdigest()


class _EffectFailed(Exception):
    """What a message should have done could not be done, and is rolled back."""
