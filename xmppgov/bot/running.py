"""A bot that runs: one account that talks OMEMO, with a durable outbox and its own database."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

import structlog

from xmppgov.bot.context import Context
from xmppgov.bot.definition import Bot
from xmppgov.bot.faults import Faults
from xmppgov.bot.inbox import Inbox, OnMessage
from xmppgov.bot.jobs.service import Jobs
from xmppgov.bot.jobs.store import JobStore
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.bot.letters.service import Letters
from xmppgov.bot.limits import Limits
from xmppgov.bot.line import MakeLine, Plug, over_xmpp
from xmppgov.bot.lock import only_process
from xmppgov.bot.model import Incoming
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import Acceptance, OnAccepted
from xmppgov.bot.outbox.encryption import Render
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import LETTER, AwaitedStore
from xmppgov.bot.permissions.client import Actors
from xmppgov.bot.permissions.model import Rule
from xmppgov.bot.router import Router
from xmppgov.clock import Clock, SystemClock
from xmppgov.config import XmppSection
from xmppgov.errors import RemoteFault, Unreachable
from xmppgov.omemo.warming import People, Warmer
from xmppgov.storage.database import Database

log = structlog.get_logger()

PATIENCE = 60.0  # seconds between two questions to a directory that does not answer
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
        limits: how often somebody, or a room, may ask.
        settings: the bot's own settings, for its functions.
        cipher: seals the letters that functions send; without one they cannot.
        owner: who is told, by such a letter, what fails.
        render: gives the texts of the outbox; needed only where `outbox.add` is used.
        people: who may have to be written to at once: sessions with them are made ahead.
        on_message: see `OnMessage`.
        on_accepted: see `OnAccepted`.
        make_line: connects it.
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
        limits: Limits | None = None,
        settings: Any = None,
        cipher: Cipher | None = None,
        owner: str | None = None,
        render: Render | None = None,
        people: People | None = None,
        on_message: OnMessage | None = None,
        on_accepted: OnAccepted | None = None,
        clock: Clock | None = None,
        make_line: MakeLine = over_xmpp,
    ) -> None:
        self.bot, self.database, self._clock = bot, database, clock or SystemClock()
        plug = Plug(section, resource, database, directory, self._keys_appeared, self._clock)
        line = make_line(plug)
        self.account, self._omemo, self._archive = line.account, line.omemo, line.archive
        self.directory, self._deliveries = line.directory, line.deliveries
        self._owners_render = render
        self.outbox = self._make_outbox(on_accepted)
        self.letters = Letters(
            database=database, outbox=self.outbox, cipher=cipher, clock=self._clock
        )
        self._warmer = (
            Warmer(self._omemo, people, self.outbox, self._clock) if people is not None else None
        )
        self._faults = Faults(bot.name, owner, self.letters, self._clock)
        self._inbox = self._make_inbox(domains, on_message)
        self._context = Context(database, self._clock, settings, self.directory, self.letters)
        self._jobs = Jobs(JobStore(database), self._context, self._on_fault)
        self._router = self._make_router(rules, limits or Limits())
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.answering = 0  # questions whose answer is not written yet
        self._stack = AsyncExitStack()
        self._logins = 0
        self.ready = asyncio.Event()  # set while keys are published and the outbox sends
        self._listen()

    def _make_outbox(self, on_accepted: OnAccepted | None) -> Outbox:
        acceptance = Acceptance(
            store=AwaitedStore(self.database),
            archive=self._archive,
            deliveries=self._deliveries,
            on_accepted=on_accepted,
        )
        return Outbox(
            database=self.database,
            omemo=self._omemo,
            account=self.account,
            acceptance=acceptance,
            render=self._render,
            notices=Notices(),
            clock=self._clock,
        )

    def _make_inbox(self, domains: Collection[str], on_message: OnMessage | None) -> Inbox:
        return Inbox(
            database=self.database,
            omemo=self._omemo,
            account=self.account,
            archive=self._archive,
            outbox=self.outbox,
            domains=domains or (self.account.boundjid.domain,),
            on_message=on_message,
            on_question=self._question,
        )

    def _make_router(self, rules: Sequence[Rule], limits: Limits) -> Router:
        ask = self.directory.person if self.directory else None
        return Router(
            self.bot,
            self._context,
            Actors(ask, self._clock),
            rules=rules,
            limit=limits.of_sender(),
            room_limit=limits.of_room(),
            on_fault=self._on_fault,
        )

    async def _render(self, reference: str, recipient: str) -> str:
        if reference.startswith(LETTER):
            return await self.letters.render(reference, recipient)
        assert self._owners_render is not None, "no texts without render"
        return await self._owners_render(reference, recipient)

    def _on_fault(self, cause: str, reference: str) -> None:
        self._start(self._faults.tell(cause, reference))

    async def __aenter__(self) -> Running:
        self._stack.enter_context(only_process(self.database.path))
        try:
            await self.letters.check_key()
        except BaseException:
            await self._stack.aclose()
            raise
        for work in (self._inbox.run(), self.outbox.run(), self.outbox.keep_account()):
            self._start(work)
        self._start(self.letters.keep())
        if self._warmer is not None:
            self._start(self._warmer.run())
        for job in self.bot.jobs:
            self._start(self._jobs.run(job))
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
            log.info("ready", jid=self.account.bare, device=self._omemo.device)
            self._start(self._publish_device(login))

    async def _publish_device(self, login: int) -> None:
        """Have the directory say which device is the bot's, so that people can compare."""
        if self.directory is None or self._omemo.device is None:
            return
        while login == self._logins:
            try:
                await self.directory.publish_device(*self._omemo.device)
            except Unreachable:
                await self._clock.sleep(PATIENCE)
            except RemoteFault as error:
                log.info("the directory lists no device of this bot", condition=error.condition)
                return
            else:
                return

    def _offline(self, _event: object) -> None:
        self.ready.clear()
        self.outbox.close()
        self._inbox.close()

    def _keys_appeared(self, jid: str) -> None:
        self.outbox.keys_appeared(jid)
        if self._warmer is not None:
            self._warmer.appeared(jid)

    # ------------------------------------------------------------------ questions

    def _question(self, incoming: Incoming) -> None:
        if self.bot.commands:
            self._start(self._answer(incoming))

    async def _answer(self, incoming: Incoming) -> None:
        self.answering += 1
        try:
            async with self._slots:
                if text := await self._router.answer(incoming):
                    await self._reply(incoming, text)
        finally:
            self.answering -= 1

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
