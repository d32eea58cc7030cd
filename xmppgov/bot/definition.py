"""A bot as its author writes it: what it answers and when it acts. Nothing here does any I/O."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from xmppgov.bot.permissions.model import EVERYONE, Rule, Selector
from xmppgov.bot.questions.dispatch import Commands
from xmppgov.bot.questions.model import Command
from xmppgov.bot.questions.signature import Signature
from xmppgov.i18n import Text
from xmppgov.storage.migrations import Schema

if TYPE_CHECKING:
    from xmppgov.bot.jobs.model import Job, Schedule
    from xmppgov.config import Section

Function = TypeVar("Function", bound=Callable[..., Awaitable[Any]])
RESERVED = frozenset({"xmpp", "bot", "limits", "permissions", "log"})
"""Tables of every bot's configuration file."""
_NAME = re.compile("[a-z][a-z0-9_]*")


class Bot:
    """Declares a bot; `service` runs it, `talking` tries it without a server.

    Args:
        name: short and lower-case; also the name of its own table in the configuration.
        introduction: the first line of the help, which says what the bot is for.
        settings: what that table may hold; functions find it as `context.settings`.
        schema: the bot's own tables, if it has any.
    """

    def __init__(
        self,
        name: str,
        *,
        introduction: Text | str,
        settings: type[Section] | None = None,
        schema: Schema | None = None,
    ) -> None:
        if not _NAME.fullmatch(name) or name in RESERVED:
            raise ValueError(f"{name!r} cannot be the name of a bot: lower-case letters and digits")
        self.name, self.introduction = name, _text(introduction)
        self.settings, self.schema = settings, schema
        self.commands = Commands(self.introduction)
        self.jobs: list[Job] = []

    def command(
        self,
        word: str,
        *,
        help: Text | str,
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
                Command(
                    word, _text(help), function, tuple(aliases), tuple(english), signature, rules
                )
            )
            return function

        return add

    def every(self, period: timedelta) -> Callable[[Function], Function]:
        """Call the decorated function each `period`, the first time one period after the start.

        A time that passes while the bot is away is made up for once after the start.
        """
        from xmppgov.bot.jobs.model import Every

        return self._at(Every(period))

    def cron(self, line: str, *, zone: str = "Europe/Paris") -> Callable[[Function], Function]:
        """Call the decorated function at the times of a line of crontab(5) in a time zone.

        A time that passes while the bot is away is made up for once after the start.

        Raises:
            ValueError: the line or the zone is none.
        """
        from xmppgov.bot.jobs.model import Cron

        return self._at(Cron(line, zone))

    def _at(self, schedule: Schedule) -> Callable[[Function], Function]:
        from xmppgov.bot.jobs.model import Job

        def add(function: Function) -> Function:
            if any(job.name == function.__name__ for job in self.jobs):
                raise ValueError(f"the job {function.__name__!r} is there already")
            self.jobs.append(Job(function.__name__, schedule, function))
            return function

        return add


def _text(said: Text | str) -> Text:
    """Return a sentence of a bot that speaks one language as a text; braces in it are its own."""
    return Text("xmppgov.bot", "{said}", {"said": said}) if isinstance(said, str) else said


OPEN = (EVERYONE,)
"""For `who`: everybody whose messages the bot reads."""
