"""After warming an alert asks nobody for keys; a restart keeps the sessions."""

from __future__ import annotations

import asyncio
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from slixmpp.xmlstream.stanzabase import StanzaBase

from tests.bots import made_bot, running
from tests.keys import publish_keys
from tests.people import person
from tests.streams import logged_in
from xmppgov.bot.outbox.model import Departure
from xmppgov.bot.running import Running
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.model import Warmth
from xmppgov.omemo.sessions import BUNDLES, DEVICES, NAMESPACE

BOT, ALICE = "alertes@gov.localhost", "alice@gov.localhost"
CROWD = [f"c{n}@gov.localhost" for n in range(49)]
OTHER_BOT, BOB = "autre@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [BOT, ALICE, OTHER_BOT, BOB, *CROWD]
PROSODY_MODULES = ""
EVERYBODY = [ALICE, *CROWD]
ENCRYPTED = f"{{{NAMESPACE}}}encrypted"


async def publish(prosody: Prosody) -> None:
    """Give everybody of the crowd a device."""
    slots = asyncio.Semaphore(10)

    async def one(number: int, jid: str) -> None:
        async with slots, logged_in(prosody, jid, "xep_0060") as account:
            await publish_keys(account, device=number + 1)

    await asyncio.gather(*(one(number, jid) for number, jid in enumerate(CROWD)))


@asynccontextmanager
async def alerting(
    prosody: Prosody, folder: Path, told: list[Departure]
) -> AsyncIterator[tuple[Running, list[str], list[ET.Element]]]:
    """A bot that may alert everybody, what it asks for, and which messages it sends."""
    asked: list[str] = []
    sent: list[ET.Element] = []

    async def people() -> list[str]:
        return EVERYBODY

    async def render(reference: str, _recipient: str) -> str:
        return reference

    async def accepted(_tx: Any, departures: Any) -> None:
        told.extend(departures)

    def note(stanza: StanzaBase) -> StanzaBase:
        text = str(stanza)
        if stanza.name == "iq" and (DEVICES in text or BUNDLES in text):
            asked.append(text)
        elif stanza.name == "message":
            sent.append(stanza.xml)
        return stanza

    options = {"people": people, "render": render, "on_accepted": accepted}
    async with made_bot(prosody, BOT, folder, **options) as bot:
        bot.account.add_filter("out", note)
        async with running(bot):
            yield bot, asked, sent


async def warm(bot: Running) -> None:
    """Wait until there is a session with everybody, and nothing else to be sent."""
    async with asyncio.timeout(120):
        while {one.warmth for one in (await bot._omemo.reach(EVERYBODY)).values()} != {Warmth.WARM}:
            await asyncio.sleep(0.05)
        while await bot.outbox._store.unconfirmed():
            await asyncio.sleep(0.05)


async def alert(bot: Running, reference: str) -> None:
    async with bot.database.transaction() as tx:
        await bot.outbox.add(
            tx, reference=reference, recipients=EVERYBODY, expires=time.time() + 3600
        )
    bot.outbox.wake()
    async with asyncio.timeout(90):
        while sum((await bot.outbox.counts(reference)).values()) != len(EVERYBODY) or any(
            state in ("queued", "encrypted", "sent", "unreachable")
            for state in await bot.outbox.counts(reference)
        ):
            await asyncio.sleep(0.05)


async def test_an_alert_to_warm_people_asks_for_nothing(prosody: Prosody, tmp_path: Path) -> None:
    await publish(prosody)
    told: list[Departure] = []
    async with person(prosody, ALICE, tmp_path) as alice:
        async with alerting(prosody, tmp_path, told) as (bot, asked, sent):
            began = time.monotonic()
            await warm(bot)
            assert time.monotonic() - began > 2.2  # 50 people, 20 a second
            assert asked
            introduced = [one.get("to") for one in sent if one.find(ENCRYPTED) is not None]
            assert sorted(introduced) == sorted(EVERYBODY)
            assert not any(one.find("{jabber:client}body") is not None for one in sent)
            asked.clear()
            await alert(bot, "un")
            assert not asked
            await alice.wait_for("un")
            assert not alice.unreadable
            assert len([one for one in sent if one.find(ENCRYPTED) is not None]) == 100
        async with alerting(prosody, tmp_path, told) as (bot, asked, sent):
            await alert(bot, "deux")
            await alice.wait_for("deux")
            assert not any(BUNDLES in text for text in asked if f'to="{BOT}"' not in text)
            assert len([one for one in sent if one.find(ENCRYPTED) is not None]) == 50
    assert {one.reference for one in told} == {"un", "deux"}


async def test_a_new_device_is_introduced_once(prosody: Prosody, tmp_path: Path) -> None:
    told: list[Departure] = []
    async with (
        person(prosody, ALICE, tmp_path),
        alerting(prosody, tmp_path, told) as (bot, _, sent),
    ):
        async with asyncio.timeout(60):
            while not any(one.get("to") == ALICE for one in sent):
                await asyncio.sleep(0.05)
        async with person(prosody, ALICE, tmp_path, "tablet") as tablet:
            bot._omemo.forget(ALICE)
            bot._warmer.appeared(ALICE)  # type: ignore[union-attr]
            async with asyncio.timeout(60):
                while not any(x.find(ENCRYPTED) is not None for x in tablet.wire):
                    await asyncio.sleep(0.05)
            bot._warmer.appeared(ALICE)  # type: ignore[union-attr]
            await bot.outbox.idle()
            assert len([one for one in sent if one.get("to") == ALICE]) == 2


async def test_an_introduction_that_was_lost_goes_again_with_the_same_bytes(
    prosody: Prosody, tmp_path: Path
) -> None:
    async def people() -> list[str]:
        return [BOB]

    async def render(reference: str, _recipient: str) -> str:
        return reference

    def keys(xml: ET.Element) -> list[str | None]:
        return [key.text for key in xml.iter(f"{{{NAMESPACE}}}key")]

    options = {"people": people, "render": render}
    async with person(prosody, BOB, tmp_path) as bob:
        async with made_bot(prosody, OTHER_BOT, tmp_path, **options) as bot:
            bot.outbox._sending.hand_over = lambda _stanzas: None  # type: ignore[method-assign]
            async with running(bot), asyncio.timeout(60):
                while not (rows := await bot.outbox._store.unconfirmed()):
                    await asyncio.sleep(0.05)
        (_, written) = rows[0]
        async with made_bot(prosody, OTHER_BOT, tmp_path, **options) as bot, running(bot):
            async with asyncio.timeout(60):
                while not (came := [x for x in bob.wire if x.find(ENCRYPTED) is not None]):
                    await asyncio.sleep(0.05)
            assert [keys(xml) for xml in came] == [keys(ET.fromstring(written))]
            async with bot.database.transaction() as tx:
                await bot.outbox.add(
                    tx, reference="un", recipients=[BOB], expires=time.time() + 600
                )
            bot.outbox.wake()
            await bob.wait_for("un")
            assert not bob.unreadable
