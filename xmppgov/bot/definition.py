"""A bot as its author writes it: what it answers and when it acts. Nothing here does any I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from xmppgov.bot.permissions.model import EVERYONE, Rule, Selector
from xmppgov.bot.questions.dispatch import Commands
from xmppgov.bot.questions.model import Command
from xmppgov.bot.questions.signature import Signature
from xmppgov.i18n import Text
from xmppgov.storage.migrations import Schema

Function = TypeVar("Function", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again: `action` is given the context."""

    name: str
    period: timedelta
    action: Callable[..., Awaitable[None]]


class Bot:
    """Declares a bot; `Running` connects it, `talking` tries it without a server.

    Args:
        name: short and lower-case; also the name of its own settings' table.
        introduction: the first line of the help, which says what the bot is for.
        schema: the bot's own tables, if it has any.
    """

    def __init__(self, name: str, *, introduction: Text, schema: Schema | None = None) -> None:
        self.name, self.introduction, self.schema = name, introduction, schema
        self.commands = Commands(introduction)
        self.jobs: list[Job] = []

    def command(
        self,
        word: str,
        *,
        help: Text,
        aliases: Sequence[str] = (),
        english: Sequence[str] = (),
        who: Sequence[str] = (),
    ) -> Callable[[Function], Function]:
        """Make the decorated function answer messages that begin with `word` or another name of it.

        The function is given a `Context` and its arguments, read by their types; it returns the
        answer. Case and accents of the word do not matter. Whoever uses an `english` word is
        answered in English; `help` is one line that shows how to use it. Nobody may ask but whom
        `who` names (`xmppgov.bot.permissions`), where the configuration says nothing else.
        """

        def add(function: Function) -> Function:
            selectors = tuple(map(Selector.parse, who))
            rules = (Rule(word, selectors),) if selectors else ()
            signature = Signature.of(function)
            self.commands.add(
                Command(word, help, function, tuple(aliases), tuple(english), signature, rules)
            )
            return function

        return add

    def every(self, period: timedelta) -> Callable[[Function], Function]:
        """Call the decorated function each `period`, the first time one period after the start."""

        def add(function: Function) -> Function:
            self.jobs.append(Job(function.__name__, period, function))
            return function

        return add


OPEN = (EVERYONE,)
"""For `who`: everybody whose messages the bot reads."""
