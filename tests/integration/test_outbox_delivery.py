"""The outbox on a real server: every recipient once, and a state for each."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bots import made_bot, running
from tests.people import person
from tests.streams import read
from xmppgov.bot.model import Incoming
from xmppgov.bot.outbox.model import State
from xmppgov.bot.running import Running
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database

BOT = "alertes@gov.localhost"
PEOPLE = [f"p{n}@gov.localhost" for n in range(4)]
OFFLINE, KEYLESS, TWO = "absent@gov.localhost", "sansclef@gov.localhost", "deux@gov.localhost"
ACCOUNTS = [BOT, OFFLINE, KEYLESS, TWO, *PEOPLE]
PROSODY_MODULES = ""


async def render(reference: str, recipient: str) -> str:
    return f"texte de {reference} pour {recipient}"


async def queue(bot: Running, database: Database, reference: str, people: Iterable[str]) -> None:
    async with database.transaction() as tx:
        await bot.outbox.add(tx, reference=reference, recipients=people, expires=time.time() + 3600)
    bot.outbox.wake()


async def until(bot: Running, reference: str, wanted: Callable[[dict[State, int]], bool]) -> None:
    async with asyncio.timeout(20):
        while not wanted(await bot.outbox.counts(reference)):
            await asyncio.sleep(0.05)


async def test_a_broadcast_is_delivered_and_answered(prosody: Prosody, tmp_path: Path) -> None:
    heard: list[Incoming] = []

    async def on_message(tx: Database, incoming: Incoming) -> str | None:
        for reference in await bot.outbox.references(tx, incoming.sender):
            await bot.outbox.acknowledged(tx, reference=reference, recipient=incoming.sender)
        heard.append(incoming)
        return "merci"

    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(person(prosody, jid, tmp_path)) for jid in PEOPLE]
        made = made_bot(prosody, BOT, tmp_path, render=render, on_message=on_message)
        bot = await stack.enter_async_context(made)
        database = bot.outbox._database
        await stack.enter_async_context(running(bot))
        await queue(bot, database, "a1", PEOPLE)
        for someone in people:
            await someone.wait_for(f"texte de a1 pour {someone.jid}")
        await until(bot, "a1", lambda counts: counts.get(State.DELIVERED) == len(PEOPLE))
        await people[0].send(BOT, "reçu")
        await people[0].wait_for("merci")
        await until(bot, "a1", lambda counts: counts.get(State.ACKNOWLEDGED) == 1)
        await queue(bot, database, "a2", PEOPLE)
        for someone in people:
            await someone.wait_for("texte de a2")
            assert len([h for h in someone.heard if "texte" in h.text]) == 2
            assert not someone.unreadable
    kept = read(tmp_path)
    assert b"texte de" not in kept
    assert "reçu".encode() not in kept
    assert len(heard) == 1


async def test_whoever_has_no_keys_is_reported_and_gets_it_later(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with made_bot(prosody, BOT, tmp_path, render=render) as bot:
        database = bot.outbox._database
        async with running(bot), person(prosody, PEOPLE[0], tmp_path) as lucky:
            await queue(bot, database, "a1", [KEYLESS, PEOPLE[0], "personne@gov.localhost"])
            await lucky.wait_for("texte de a1")
            await until(bot, "a1", lambda counts: counts.get(State.UNREACHABLE) == 2)
            reasons = {row.recipient: row.reason for row in await bot.outbox.states("a1")}
            assert reasons[KEYLESS] in ("no-device", "keys-not-readable")
            async with person(prosody, KEYLESS, tmp_path) as late:
                bot.outbox.keys_appeared(KEYLESS)
                await late.wait_for("texte de a1")
                assert len(late.plain) <= 1


async def test_offline_and_two_devices(prosody: Prosody, tmp_path: Path) -> None:
    async with person(prosody, OFFLINE, tmp_path):
        pass
    async with made_bot(prosody, BOT, tmp_path, render=render) as bot:
        database = bot.outbox._database
        async with (
            running(bot),
            person(prosody, TWO, tmp_path, "phone") as phone,
            person(prosody, TWO, tmp_path, "desk") as desk,
        ):
            await queue(bot, database, "a1", [TWO, OFFLINE])
            await phone.wait_for("texte de a1")
            await desk.wait_for("texte de a1")
            await until(bot, "a1", lambda c: c == {State.ACCEPTED: 1, State.DELIVERED: 1})
            async with person(prosody, OFFLINE, tmp_path) as back:
                await back.wait_for(f"texte de a1 pour {OFFLINE}")
                await until(bot, "a1", lambda c: c == {State.DELIVERED: 2})
