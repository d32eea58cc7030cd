"""A bot: one account that talks OMEMO 1:1, with commands, a durable outbox and its own database."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

import structlog

from xmppgov.bot.account import BotAccount
from xmppgov.bot.archive import OwnArchive
from xmppgov.bot.commands import Command, Commands, Handler
from xmppgov.bot.deliveries import Deliveries
from xmppgov.bot.inbox import Inbox, OnMessage
from xmppgov.bot.limits import Limit
from xmppgov.bot.lock import only_process
from xmppgov.bot.model import Incoming
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import Acceptance, OnAccepted
from xmppgov.bot.outbox.encryption import Render
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import AwaitedStore
from xmppgov.config import XmppSection
from xmppgov.errors import RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts
from xmppgov.omemo.plugin import enable_omemo
from xmppgov.omemo.store import OmemoStore
from xmppgov.storage.database import Database

log = structlog.get_logger()
texts = Texts("xmppgov")

TROUBLE = 5.0  # seconds between logins that do not succeed
AT_ONCE = 32  # questions that are being answered
__all__ = ["Bot", "OnAccepted", "OnMessage", "Render"]


class Bot:
    """An account with commands and an outbox: `async with Bot(…)` connects and runs it.

    Args:
        section: the account; the resource is `resource` and must not change between runs.
        database: opened with `SCHEMAS` of `xmppgov.bot.store`, then the
            owner's own; nobody else may open it for writing.
        introduction: the first line of the help, which says what the bot is for.
        domains: whose messages are read; by default those of the bot's own domain.
        render: gives the texts of the outbox; needed only where `outbox.add` is used.
        on_message: see `OnMessage`.
        on_accepted: see `OnAccepted`.
    """

    def __init__(
        self,
        section: XmppSection,
        *,
        database: Database,
        introduction: Text,
        resource: str = "bot",
        domains: Collection[str] = (),
        render: Render | None = None,
        on_message: OnMessage | None = None,
        on_accepted: OnAccepted | None = None,
    ) -> None:
        self._database = database
        self.account = BotAccount(section, resource)
        self._archive = OwnArchive(self.account, self.account.bare)
        self._omemo = enable_omemo(
            self.account, OmemoStore(database), database, on_keys=self._keys_appeared
        )
        self.outbox = Outbox(
            database=database,
            omemo=self._omemo,
            account=self.account,
            acceptance=Acceptance(
                store=AwaitedStore(database),
                archive=self._archive,
                deliveries=Deliveries(self.account),
                on_accepted=on_accepted,
            ),
            render=render,
            notices=Notices(),
        )
        self._inbox = Inbox(
            database=database,
            omemo=self._omemo,
            account=self.account,
            archive=self._archive,
            outbox=self.outbox,
            domains=domains or (self.account.boundjid.domain,),
            on_message=on_message,
            on_question=self._question,
        )
        self._commands = Commands(introduction)
        self._limit = Limit(burst=10, rate=0.5)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._logins = 0
        self.ready = asyncio.Event()  # set while keys are published and the outbox sends
        self._listen()

    def command(
        self,
        word: str,
        *,
        aliases: tuple[str, ...] = (),
        english: tuple[str, ...] = (),
        help: Text,
    ) -> Callable[[Handler], Handler]:
        """Make the decorated function answer messages that begin with `word` or another name of it.

        Case and accents do not matter. Whoever uses an `english` word is answered in English.
        `help` shows how to use it, in both languages.
        """

        def add(handler: Handler) -> Handler:
            self._commands.add(Command(word, aliases, english, help, handler))
            return handler

        return add

    async def __aenter__(self) -> Bot:
        self._stack.enter_context(only_process(self._database.path))
        for work in (self._inbox.run(), self.outbox.run(), self.outbox.keep_account()):
            self._start(work)
        self.account.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.account.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    # ------------------------------------------------------------------ the connection

    def _listen(self) -> None:
        self.account.on_message = self._inbox.take
        self.account.on_acknowledged = self.outbox.accepted
        self.account.add_event_handler("session_start", self._online)
        self.account.add_event_handler("disconnected", self._offline)

    async def _online(self, _event: object) -> None:
        """Publish keys, be seen, read what was missed, settle what was open: in this order."""
        self._logins += 1
        login = self._logins
        self.account.begun()
        try:
            await self._omemo.ready()
            self.account.send_presence()
            await self._inbox.catch_up()
            await self.outbox.recover()
        except Exception as error:
            if login == self._logins and self.account.online.is_set():
                reference = secrets.token_hex(4)
                log.error("the login did not succeed", reference=reference, exc_info=error)
                await asyncio.sleep(TROUBLE)
                self.account.abort()
        else:
            self.ready.set()
            log.info("ready", jid=self.account.bare)

    def _offline(self, _event: object) -> None:
        self.ready.clear()
        self.outbox.close()
        self._inbox.close()

    def _keys_appeared(self, jid: str) -> None:
        self.outbox.keys_appeared(jid)

    # ------------------------------------------------------------------ questions

    def _question(self, incoming: Incoming) -> None:
        if self._commands:
            self._start(self._answer(incoming))

    async def _answer(self, incoming: Incoming) -> None:
        async with self._slots:
            said = await self._say(incoming)
            language = self._commands.language(incoming.text, incoming.language)
            text = said.in_language(language) if isinstance(said, Text) else said
            try:
                await self.outbox.reply(incoming.sender, text, incoming.stanza_id)
            except Exception as error:
                reference = secrets.token_hex(4)
                log.error("an answer was not sent", reference=reference, exc_info=error)

    async def _say(self, incoming: Incoming) -> Text | str:
        if not self._limit.allow(incoming.sender, time.monotonic()):
            return texts("You ask faster than I may answer; try again in a moment.")
        try:
            return await self._commands.answer(incoming.sender, incoming.text, incoming.language)
        except (RemoteFault, Unreachable) as fault:
            return fault.text
        except Exception as error:
            reference = secrets.token_hex(4)
            log.error("a command failed", reference=reference, exc_info=error)
            return texts(
                "An internal error occurred; the operator finds it in the log under {reference}.",
                reference=reference,
            )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
