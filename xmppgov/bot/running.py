"""A bot that runs: one account that talks OMEMO, with a durable outbox and its own database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any

import structlog

from xmppgov.bot.account import BotAccount
from xmppgov.bot.archive import OwnArchive
from xmppgov.bot.context import Context
from xmppgov.bot.definition import Bot, Job
from xmppgov.bot.deliveries import Deliveries
from xmppgov.bot.inbox import Inbox, OnMessage
from xmppgov.bot.lock import only_process
from xmppgov.bot.model import Incoming
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import Acceptance, OnAccepted
from xmppgov.bot.outbox.encryption import Render
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import AwaitedStore
from xmppgov.bot.permissions.client import Actors
from xmppgov.bot.permissions.model import Rule
from xmppgov.bot.router import Router
from xmppgov.clock import Clock, SystemClock
from xmppgov.config import XmppSection
from xmppgov.directory.client import DirectoryClient
from xmppgov.omemo.plugin import enable_omemo
from xmppgov.omemo.store import OmemoStore
from xmppgov.storage.database import Database

log = structlog.get_logger()

TROUBLE = 5.0  # seconds between logins that do not succeed
AT_ONCE = 32  # questions that are being answered


class Running:
    """An account with commands and an outbox: `async with Running(…)` connects and runs it.

    Args:
        bot: what it is.
        section: the account; the resource is `resource` and must not change between runs.
        database: opened with `SCHEMAS` of `xmppgov.bot.store`, then the bot's own; nobody else may
            open it for writing.
        domains: whose messages are read; by default those of the bot's own domain.
        directory: the directory's address; without one nobody's posts are known.
        rules: the configuration's permissions.
        settings: the bot's own settings, for its functions.
        render: gives the texts of the outbox; needed only where `outbox.add` is used.
        on_message: see `OnMessage`.
        on_accepted: see `OnAccepted`.
    """

    def __init__(
        self,
        bot: Bot,
        section: XmppSection,
        *,
        database: Database,
        resource: str = "bot",
        domains: Collection[str] = (),
        directory: str | None = None,
        rules: Sequence[Rule] = (),
        settings: Any = None,
        render: Render | None = None,
        on_message: OnMessage | None = None,
        on_accepted: OnAccepted | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.bot, self._database, self._clock = bot, database, clock or SystemClock()
        self.account = BotAccount(section, resource)
        self._archive = OwnArchive(self.account, self.account.bare)
        self._omemo = enable_omemo(
            self.account, OmemoStore(database), database, on_keys=self._keys_appeared
        )
        self.outbox = self._make_outbox(render, on_accepted)
        self.directory = DirectoryClient(self.account, directory) if directory else None
        self._inbox = self._make_inbox(domains, on_message)
        self._context = Context(database, self._clock, settings, self.directory)
        ask = self.directory.person if self.directory else None
        self._router = Router(bot, self._context, Actors(ask, self._clock), rules=rules)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._logins = 0
        self.ready = asyncio.Event()  # set while keys are published and the outbox sends
        self._listen()

    def _make_outbox(self, render: Render | None, on_accepted: OnAccepted | None) -> Outbox:
        acceptance = Acceptance(
            store=AwaitedStore(self._database),
            archive=self._archive,
            deliveries=Deliveries(self.account),
            on_accepted=on_accepted,
        )
        return Outbox(
            database=self._database,
            omemo=self._omemo,
            account=self.account,
            acceptance=acceptance,
            render=render,
            notices=Notices(),
            clock=self._clock,
        )

    def _make_inbox(self, domains: Collection[str], on_message: OnMessage | None) -> Inbox:
        return Inbox(
            database=self._database,
            omemo=self._omemo,
            account=self.account,
            archive=self._archive,
            outbox=self.outbox,
            domains=domains or (self.account.boundjid.domain,),
            on_message=on_message,
            on_question=self._question,
        )

    async def __aenter__(self) -> Running:
        self._stack.enter_context(only_process(self._database.path))
        for work in (self._inbox.run(), self.outbox.run(), self.outbox.keep_account()):
            self._start(work)
        for job in self.bot.jobs:
            self._start(repeat(job, self._context))
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
                await self._clock.sleep(TROUBLE)
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
        if self.bot.commands:
            self._start(self._answer(incoming))

    async def _answer(self, incoming: Incoming) -> None:
        async with self._slots:
            if text := await self._router.answer(incoming):
                await self._reply(incoming, text)

    async def _reply(self, incoming: Incoming, text: str) -> None:
        try:
            await self.outbox.reply(incoming.sender, text, incoming.stanza_id)
        except Exception as error:
            reference = secrets.token_hex(4)
            log.error("an answer was not sent", reference=reference, exc_info=error)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def repeat(job: Job, context: Context) -> None:
    """Do a job each period, until cancelled; one that fails is done again at its next time."""
    while True:
        await context.clock.sleep(job.period / timedelta(seconds=1))
        try:
            await job.action(context)
        except Exception as error:
            reference = secrets.token_hex(4)
            log.error("a job failed", job=job.name, reference=reference, exc_info=error)
