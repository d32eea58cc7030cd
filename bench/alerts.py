"""Encrypted alerts to people with one device: encryption and commit, and the last delivery.

The limit is python-omemo with its storage in memory, the same calls for the same keys. What the
outbox does in that time is more: it commits the ratchets and the ciphertexts to disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from oldmemo.oldmemo import NAMESPACE
from omemo.session_manager import SessionManager

from bench.memory import manager
from bench.recipients import Recipients, recipients
from bench.report import Row, compared, span
from bench.rounds import Contender, Rounds, in_turn, together
from bench.servers import server
from xmppgov.bot import Bot
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Prosody, write_secret
from xmppgov.i18n import Text
from xmppgov.storage.database import Database

TEXT = "Crue de la Loire : évacuez les rives avant 18 heures. " * 6
BOTS = 2  # each is cold once
WARM = 3  # alerts of each bot after its first


class Sender:
    """A bot with its own keys and database, and python-omemo in memory with the same to do."""

    def __init__(self, jid: str, bot: Running, database: Database, people: Recipients) -> None:
        self._jid, self._bot, self._database, self._people = jid, bot, database, people
        self._seconds = 0.0
        self._sessions: SessionManager | None = None
        self.deliveries: list[float] = []
        self._encrypt = bot.outbox._encryption.commit
        bot.outbox._encryption.commit = self._timed  # type: ignore[method-assign]

    async def _timed(self, *arguments: object) -> object:
        """Encrypt and commit a batch, as the outbox does, and measure only this."""
        began = time.perf_counter()
        result = await self._encrypt(*arguments)  # type: ignore[arg-type]
        self._seconds += time.perf_counter() - began
        return result

    async def send(self) -> float:
        """Send one alert to everybody; return encryptions per second."""
        began, self._seconds = time.perf_counter(), 0.0
        people, number = self._people, len(self.deliveries)
        expected = people.least_received() + 1
        async with self._database.transaction() as tx:
            await self._bot.outbox.add(
                tx, reference=f"a{number}", recipients=people.bundles, expires=time.time() + 3600
            )
        self._bot.outbox.wake()
        self.deliveries.append(await people.until_all_received(expected) - began)
        return len(people.bundles) / self._seconds

    async def remember(self) -> float:
        """Encrypt the same with everything in memory; return encryptions per second."""
        bundles = self._people.bundles
        if self._sessions is None:
            self._sessions = await manager(self._jid, bundles)
        began = time.perf_counter()
        for jid in bundles:
            await self._sessions.encrypt(frozenset({jid}), {NAMESPACE: TEXT.encode()})
        return len(bundles) / (time.perf_counter() - began)


async def _render(_reference: str, _recipient: str) -> str:
    return TEXT


@asynccontextmanager
async def _bot(prosody: Prosody, name: str) -> AsyncIterator[tuple[Running, Database]]:
    section = XmppSection(
        jid=f"{name}@{prosody.domain}",
        port=prosody.ports.c2s,
        secret_file=prosody.state / "secrets" / name,
        ca_file=prosody.state / "ca.pem",
    )
    database = await Database.open(prosody.state / name / "bot.db", *SCHEMAS)
    introduction = Text("xmppgov", "The request is not one that this service knows.")
    bot = Running(
        Bot("bench", introduction=introduction), section, database=database, render=_render
    )
    try:
        async with bot:
            await asyncio.wait_for(bot.ready.wait(), 30)
            yield bot, database
    finally:
        await database.close()


async def _rounds(
    prosody: Prosody, people: Recipients, name: str
) -> tuple[Rounds, Rounds, list[float]]:
    """Let one bot send its first alert, and then more: cold, warm, seconds until delivered."""
    async with _bot(prosody, name) as (bot, database):
        sender = Sender(f"{name}@{prosody.domain}", bot, database, people)
        contenders: dict[str, Contender] = {"ours": sender.send, "memory": sender.remember}
        cold = await in_turn(1, contenders)
        warm = await in_turn(WARM, contenders)
    return cold, warm, sender.deliveries


async def measure(count: int) -> list[Row]:
    """Measure alerts to `count` people, cold (no session yet) and warm, by a few fresh bots."""
    users, bots = [f"user{n}" for n in range(count)], [f"bot{n}" for n in range(BOTS)]
    with server("keys contacts", users) as prosody:
        for bot in bots:
            secret = prosody.state / "secrets" / bot
            write_secret(secret)
            prosody.add_account(f"{bot}@{prosody.domain}", secret.read_text().strip())
        async with recipients(prosody, users) as people:
            results = [await _rounds(prosody, people, bot) for bot in bots]
    cold = together([cold for cold, _, _ in results])
    warm = together([warm for _, warm, _ in results])
    first = [deliveries[0] for _, _, deliveries in results]
    later = [seconds for _, _, deliveries in results for seconds in deliveries[1:]]
    return [
        *_compare("cold", cold),
        *_compare("warm", warm),
        Row(
            f"last of {count} deliveries, cold", f"{median(first):.2f} s", spread=span(first, ".2f")
        ),
        Row(
            f"last of {count} deliveries, warm", f"{median(later):.2f} s", spread=span(later, ".2f")
        ),
    ]


def _compare(what: str, rounds: Rounds) -> list[Row]:
    limit = rounds.figures["memory"]
    return [
        Row(f"encrypted/s, {what}, memory only", f"{median(limit):,.0f}", spread=span(limit)),
        compared(f"encrypted and committed/s, {what}", rounds, "ours", "memory", "memory", "≥ 0.5"),
    ]
