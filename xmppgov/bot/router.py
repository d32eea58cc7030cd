"""Answers questions: finds the command, decides who may ask, keeps the limits, explains errors."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from xmppgov.bot.context import Context
from xmppgov.bot.definition import Bot
from xmppgov.bot.limits import Limit
from xmppgov.bot.model import Incoming
from xmppgov.bot.permissions.client import Actors
from xmppgov.bot.permissions.model import Actor, Rule, Verdict
from xmppgov.bot.permissions.policy import decide, needs_person, rules_of
from xmppgov.bot.questions.dispatch import usage
from xmppgov.bot.questions.model import Asked, Command
from xmppgov.clock import in_time
from xmppgov.errors import BadRequest, RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts

log = structlog.get_logger()
texts = Texts("xmppgov.bot")
PATIENCE = 30.0  # seconds that a command may take


class Router:
    """One bot's questions. `on_fault` is told of what fails: the command, and a reference."""

    def __init__(
        self,
        bot: Bot,
        context: Context,
        actors: Actors,
        *,
        rules: Sequence[Rule] = (),
        limit: Limit | None = None,
        room_limit: Limit | None = None,
        patience: float = PATIENCE,
        on_fault: Callable[[str, str], None] = lambda _command, _reference: None,
    ) -> None:
        self._bot, self._context, self._actors, self._rules = bot, context, actors, rules
        self._limit = limit or Limit(burst=10, rate=0.5)
        self._room_limit = room_limit or Limit(burst=20, rate=1.0)
        self._patience, self._on_fault = patience, on_fault

    async def answer(self, incoming: Incoming) -> str | None:
        """Return the answer to a message, in its language."""
        asked = self._bot.commands.find(incoming.text, incoming.language)
        said = await self._say(incoming, asked)
        language = asked.language if asked else incoming.language
        return said.in_language(language) if isinstance(said, Text) else said

    async def verdict(self, jid: str, command: Command, room: str | None = None) -> Verdict:
        """Decide whether somebody may ask for a command, and why."""
        rules = rules_of(command.word, self._rules, command.rules)
        try:
            actor = await self._actors.of(jid) if needs_person(rules) else Actor(jid)
        except Unreachable as fault:
            return Verdict(False, fault.text)
        return decide(rules, actor, room)

    async def _say(self, incoming: Incoming, asked: Asked | None) -> Text | str | None:
        if not self._may_ask_now(incoming):
            return texts("You ask faster than I may answer; try again in a moment.")
        if asked is None:
            return await self._explain(incoming)
        verdict = await self.verdict(incoming.sender, asked.command, incoming.room)
        if not verdict.allowed:
            return texts("You may not ask for this. {reason}", reason=verdict.reason)
        return await self._do(incoming, asked)

    def _may_ask_now(self, incoming: Incoming) -> bool:
        now, room = self._context.clock.monotonic(), incoming.room
        return self._limit.allow(incoming.sender, now) and (
            room is None or self._room_limit.allow(room, now)
        )

    async def _explain(self, incoming: Incoming) -> str:
        allowed = [
            command
            for command in self._bot.commands
            if (await self.verdict(incoming.sender, command, incoming.room)).allowed
        ]
        return self._bot.commands.explain(incoming.text, incoming.language, allowed)

    async def _do(self, incoming: Incoming, asked: Asked) -> Text | str | None:
        try:
            arguments = asked.arguments()
        except BadRequest as fault:
            return f"{fault.text.in_language(asked.language)}\n{usage(asked)}"
        try:
            context = await self._context_of(incoming, asked.language)
            answering = _answer(asked.command, context, arguments)
            return await in_time(answering, self._patience, context.clock)
        except (RemoteFault, Unreachable) as fault:
            return fault.text
        except Exception as error:
            return self._failed(asked.command, error)

    async def _context_of(self, incoming: Incoming, language: str | None) -> Context:
        try:
            actor = await self._actors.of(incoming.sender)
        except Unreachable:
            actor = Actor(incoming.sender)
        return replace(self._context, asker=actor, room=incoming.room, language=language)

    def _failed(self, command: Command, error: Exception) -> Text:
        reference = secrets.token_hex(4)
        log.error("a command failed", command=command.word, reference=reference, exc_info=error)
        self._on_fault(command.word, reference)
        return texts(
            "An internal error occurred; the operator finds it in the log under {reference}.",
            reference=reference,
        )


async def _answer(
    command: Command, context: Context, arguments: Mapping[str, Any]
) -> Text | str | None:
    return await command.answer(context, **arguments)
