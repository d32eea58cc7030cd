"""Encrypted alerts to people with one device: encryption and commit, and the last delivery.

The limit is python-omemo with its storage in memory, the same calls for the same keys. What the
outbox does in that time is more: it commits the ratchets and the ciphertexts to disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from oldmemo.oldmemo import NAMESPACE
from omemo.session_manager import SessionManager

from bench.memory import manager
from bench.recipients import Recipients, recipients
from bench.report import Row
from bench.servers import server
from xmppgov.bot.bot import Bot
from xmppgov.bot.store import MIGRATIONS
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Prosody
from xmppgov.demo.settings import write_settings
from xmppgov.i18n import Text
from xmppgov.storage.database import Database

TEXT = "Crue de la Loire : évacuez les rives avant 18 heures. " * 6
BOT = "alertes"


@dataclass
class Timed:
    """How long the outbox encrypted and committed, as opposed to fetched and sent."""

    seconds: float = 0.0
    bot: Bot | None = field(default=None, repr=False)

    def watch(self, bot: Bot) -> None:
        """Time every batch that the outbox of `bot` encrypts and commits."""
        self.bot, encrypt = bot, bot.outbox._encrypt

        async def timed(*arguments: object) -> object:
            began = time.perf_counter()
            result = await encrypt(*arguments)  # type: ignore[arg-type]
            self.seconds += time.perf_counter() - began
            return result

        bot.outbox._encrypt = timed  # type: ignore[method-assign]


async def _render(_reference: str, _recipient: str) -> str:
    return TEXT


@asynccontextmanager
async def _bot(prosody: Prosody) -> AsyncIterator[tuple[Bot, Database]]:
    section = XmppSection(
        jid=f"{BOT}@{prosody.domain}",
        port=prosody.ports.c2s,
        secret_file=prosody.state / "secrets" / BOT,
        ca_file=prosody.state / "ca.pem",
    )
    database = await Database.open(prosody.state / "bot" / "bot.db", MIGRATIONS)
    introduction = Text("xmppgov", "The request is not one that this service knows.")
    bot = Bot(section, database=database, introduction=introduction, render=_render)
    async with bot:
        await asyncio.wait_for(bot.ready.wait(), 30)
        yield bot, database
    await database.close()


async def _alert(bot: Bot, database: Database, people: Recipients, number: int) -> float:
    """Send one alert to everybody; return the seconds until the last one has it."""
    began = time.perf_counter()
    async with database.transaction() as tx:
        await bot.outbox.add(
            tx, reference=f"a{number}", recipients=people.bundles, expires=time.time() + 3600
        )
    bot.outbox.wake()
    return await people.until_all_received(number) - began


async def _in_memory(sessions: SessionManager, people: Recipients) -> float:
    began = time.perf_counter()
    for jid in people.bundles:
        await sessions.encrypt(frozenset({jid}), {NAMESPACE: TEXT.encode()})
    return time.perf_counter() - began


async def measure(count: int) -> list[Row]:
    """Measure `count` alerts, cold (no session yet) and warm."""
    users = [f"user{n}" for n in range(count)]
    with server("keys contacts", users) as prosody:
        write_settings(prosody.state, prosody.domain, prosody.ports)
        prosody.stop()
        password = (prosody.state / "secrets" / BOT).read_text().strip()
        prosody.add_account(f"{BOT}@{prosody.domain}", password)
        prosody.start()
        async with recipients(prosody, users) as people, _bot(prosody) as (bot, database):
            timed = Timed()
            timed.watch(bot)
            cold_last = await _alert(bot, database, people, 1)
            cold, timed.seconds = timed.seconds, 0.0
            warm_last = await _alert(bot, database, people, 2)
            warm = timed.seconds
            sessions = await manager(f"{BOT}@{prosody.domain}", people.bundles)
            cold_limit = await _in_memory(sessions, people)
            warm_limit = await _in_memory(sessions, people)
    return [
        _row("cold", count, cold, cold_limit),
        _row("warm", count, warm, warm_limit),
        Row(f"last of {count} deliveries, cold", f"{cold_last:.2f} s"),
        Row(f"last of {count} deliveries, warm", f"{warm_last:.2f} s"),
    ]


def _row(what: str, count: int, ours: float, limit: float) -> Row:
    figure = f"{count / ours:,.0f}/s"
    return Row(
        f"encrypted and committed, {what}", figure, f"{count / limit:,.0f}/s in memory",
        limit / ours, "≥ 0.5",
    )  # fmt: skip
