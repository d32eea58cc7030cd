"""Talks with a bot in a test: says things, lets time pass, and looks at what it sent."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from xmppgov.bot.config import settings_of
from xmppgov.bot.definition import RESERVED, Bot
from xmppgov.bot.outbox.store import LETTER, REPLY
from xmppgov.bot.running import Running
from xmppgov.bot.testing.line import DeadLine
from xmppgov.bot.testing.people import PeopleDirectory, someone
from xmppgov.bot.wiring import build
from xmppgov.clock import VirtualClock, settle
from xmppgov.directory.model import Entry

DOMAIN = "gov.example"
PATIENCE = 1.0  # seconds of the machine's for which an answer is waited for
STILL = 3  # looks at which nobody else had done anything
START = 1_800_000_000.0  # Friday 2027-01-15, 08:00 UTC


class Sent(NamedTuple):
    """A text that nobody asked for; `reference` is the bot's name for it."""

    to: str
    text: str
    reference: str


class Chat:
    """A bot that runs on a line of the test's; `running` is all of it, to be looked at."""

    def __init__(self, running: Running, line: DeadLine, clock: VirtualClock) -> None:
        self.running, self.clock = running, clock
        self.keyless = line.keyless  # addresses for which nothing can be encrypted
        self._line = line
        self._answers: dict[str, str] = {}
        self._unasked: list[Sent] = []
        self._seen = 0
        clock.settle = self.quiet

    @property
    def sent(self) -> list[Sent]:
        """Return what the bot sent unasked, in order."""
        return list(self._unasked)

    async def say(self, who: str, text: str, *, language: str | None = None) -> str | None:
        """Say something 1:1 and return the answer; None where there is none.

        Args:
            who: a bare address.
            language: RFC 5646 tag of the message, as some clients send it.
        """
        id = self._line.say(who, text, language)
        end = time.monotonic() + PATIENCE
        await self.quiet()
        while self.running.answering and time.monotonic() < end:
            await asyncio.sleep(0.005)
            await self.quiet()
        return self._answers.get(REPLY + id)

    async def pass_time(self, **duration: float) -> None:
        """Let time pass, as in `pass_time(hours=1)`; what is due meanwhile is done in order."""
        await self.clock.advance(timedelta(**duration).total_seconds())

    @asynccontextmanager
    async def offline(self) -> AsyncIterator[None]:
        """Be without a connection during the block."""
        assert self._line.account is not None
        self._line.account.lose()
        await self.quiet()
        yield
        self._line.account.start()
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until the bot has done what there was to do without time passing."""
        database, still = self.running.database, 0
        while still < STILL:
            before = database.statements
            await settle()
            await database.fetch_one("SELECT 1")
            still = still + 1 if database.statements == before + 1 else 0
        await self._sort()

    async def _sort(self) -> None:
        """Tell answers from what was not asked for, by the outbox's own references."""
        news, self._seen = self._line.sent[self._seen :], len(self._line.sent)
        for message in news:
            row = await self.running.database.fetch_one(
                "SELECT reference FROM outbox WHERE origin_id = ?", (message.get("id"),)
            )
            to, text = message.get("to") or "", self._line.text_of(message)
            reference = row["reference"] if row else ""
            if reference.startswith(REPLY):
                self._answers[reference] = text
            else:
                self._unasked.append(Sent(to, text, reference.removeprefix(LETTER)))


@asynccontextmanager
async def talking(
    bot: Bot,
    *,
    people: Iterable[str | Entry] = (),
    settings: Mapping[str, Any] | None = None,
    keyless: Collection[str] = (),
    at: datetime | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Chat]:
    """Run a bot without a server, in time that passes only when the test says so.

    Args:
        people: whom the directory knows: addresses, or `someone(…)` with posts.
        settings: the bot's own table of its configuration, or (where keys name them) other tables,
            as `{"permissions": […]}`.
        keyless: addresses for which nothing can be encrypted.
        at: what time it is when it begins; a Friday morning if it does not matter.
        folder: where the bot keeps its state; the same folder is the same bot, restarted.
    """
    entries = [someone(one) if isinstance(one, str) else one for one in people]
    line = DeadLine(PeopleDirectory(entries), set(keyless))
    clock = VirtualClock(at.timestamp() if at else START)
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(TemporaryDirectory()))
        made = settings_of(bot)(**tables(bot, place, settings or {}))
        async with build(bot, made, clock=clock, make_line=line.make) as running:
            await running.ready.wait()
            chat = Chat(running, line, clock)
            await chat.quiet()
            yield chat


def tables(bot: Bot, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a bot that is tried, with what the test says of it."""
    key = folder / "secrets" / "text-key"
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
    xmpp = {"jid": f"{bot.name}@{DOMAIN}", "port": 5222, "secret_file": key}
    own = {
        "database": folder / "state" / "bot.db",
        "text_key_file": key,
        "directory": f"directory.{DOMAIN}",
    }
    tables = {"xmpp": xmpp, "bot": own}
    if not settings:
        return tables
    named = settings if set(settings) <= {*RESERVED, bot.name} else {bot.name: settings}
    given = {name: table for name, table in named.items() if name not in tables}
    merged = {name: {**tables[name], **named.get(name, {})} for name in tables}
    return {**merged, **given}
