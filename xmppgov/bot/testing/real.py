"""Talks with a bot on a real server, by the verbs of `talking`; only the time is the machine's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from xmppgov.bot.config import settings_of
from xmppgov.bot.definition import Bot
from xmppgov.bot.outbox.store import LETTER, REPLY
from xmppgov.bot.running import Running
from xmppgov.bot.testing.chat import Sent, tables
from xmppgov.bot.testing.client import Heard, OmemoPerson, account_section, person
from xmppgov.bot.wiring import build
from xmppgov.demo.prosody import Prosody

PATIENCE = 15.0  # seconds for an answer


class RealChat:
    """A bot and the people who talk with it, all on one server."""

    def __init__(self, running: Running, people: Mapping[str, OmemoPerson]) -> None:
        self.running, self.people = running, people
        self.sent: list[Sent] = []  # what people got unasked, as far as anybody waited for it
        self._sorted: set[tuple[str, str]] = set()
        self._answers: dict[str, list[str]] = {jid: [] for jid in people}

    async def say(self, who: str, text: str, *, language: str | None = None) -> str | None:
        """Say something 1:1 and return the answer; None where none comes in time."""
        someone, answers = self.people[who], self._answers[who]
        await someone.send(self.running.account.bare, text, language=language)
        before = len(answers)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE), someone.news:
                while len(answers) == before:
                    await someone.news.wait()
                    await self._sort()
        return answers[before] if len(answers) > before else None

    async def pass_time(self, **duration: float) -> None:
        """Let the machine's time pass."""
        await asyncio.sleep(timedelta(**duration).total_seconds())
        await self._sort()

    async def until_sent(self, count: int) -> None:
        """Wait until people got so many texts unasked. Raises `TimeoutError`."""
        async with asyncio.timeout(PATIENCE):
            while len(self.sent) < count:
                await self.pass_time(seconds=0.02)

    async def _sort(self) -> None:
        """Tell answers from what was not asked for, by the outbox's own references."""
        for jid, someone in self.people.items():
            for heard in someone.heard:
                if (jid, heard.id) not in self._sorted:
                    self._sorted.add((jid, heard.id))
                    await self._put(jid, heard)

    async def _put(self, jid: str, heard: Heard) -> None:
        row = await self.running.database.fetch_one(
            "SELECT reference FROM outbox WHERE origin_id = ?", (heard.id,)
        )
        reference = row["reference"] if row else ""
        if reference.startswith(REPLY):
            self._answers[jid].append(heard.text)
        else:
            self.sent.append(Sent(jid, heard.text, reference.removeprefix(LETTER)))


@asynccontextmanager
async def talking_for_real(
    server: Prosody,
    bot: Bot,
    folder: Path,
    *,
    people: Iterable[str],
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[RealChat]:
    """Run a bot on a running server, whose accounts (password `secret`) are there.

    Args:
        folder: where bot and people keep their state; the same folder is the same devices.
        people: bare addresses of whoever talks with the bot; its own is `NAME@DOMAIN`.
        settings: as `talking` has them.
    """
    jid = f"{bot.name}@{server.domain}"
    made = tables(bot, folder, settings or {})
    made["xmpp"] = account_section(server, jid).model_dump()
    made["bot"]["directory"] = f"directory.{server.domain}"
    async with AsyncExitStack() as stack:
        own = settings_of(bot)(**made)
        running = await stack.enter_async_context(build(bot, own))
        await asyncio.wait_for(running.ready.wait(), PATIENCE)
        there = {
            one: await stack.enter_async_context(person(server, one, folder)) for one in people
        }
        yield RealChat(running, there)
