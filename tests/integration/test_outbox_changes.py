"""Corrections, retractions, withdrawals, markers and reactions, on a real server."""

from __future__ import annotations

import asyncio
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from slixmpp.stanza import Message

from tests.bots import made_bot, running
from tests.people import OmemoPerson, person
from xmppgov.bot import stanza
from xmppgov.bot.model import Incoming
from xmppgov.bot.outbox.model import State
from xmppgov.bot.running import Running
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database

BOT, ALICE, NOBODY = "alertes@gov.localhost", "alice@gov.localhost", "sansclef@gov.localhost"
ACCOUNTS = [BOT, ALICE, NOBODY]
PROSODY_MODULES = "policy"
RETRACT = "{urn:xmpp:message-retract:1}retract"
REPLACE = "{urn:xmpp:message-correct:0}replace"


@dataclass
class Talk:
    """A bot, one of its people, and what the bot has heard."""

    bot: Running
    alice: OmemoPerson
    heard: list[Incoming] = field(default_factory=list)

    async def send(self, reference: str, *people: str, of: str | tuple[str, ...] = ()) -> None:
        async with self.bot.outbox._database.transaction() as tx:
            await self.bot.outbox.add(
                tx, reference=reference, recipients=people, expires=time.time() + 60, of=of
            )
        self.bot.outbox.wake()

    async def state(self, reference: str, jid: str = ALICE) -> State | None:
        rows = await self.bot.outbox.states(reference)
        return next((row.state for row in rows if row.recipient == jid), None)

    async def becomes(self, reference: str, state: State, jid: str = ALICE) -> None:
        async def is_so() -> bool:
            return await self.state(reference, jid) is state

        await until(is_so)

    def says(self, element: ET.Element, id: str = "x") -> None:
        message = ET.Element(f"{stanza.CLIENT}message", {"to": BOT, "type": "chat", "id": id})
        message.append(element)
        message.append(ET.Element("{urn:xmpp:hints}store"))
        Message(self.alice.account, xml=message).send()

    def reacts(self, to: str, *signs: str, id: str = "r1") -> None:
        reactions = ET.Element(f"{stanza.REACTIONS}reactions", {"id": to})
        for sign in signs:
            ET.SubElement(reactions, f"{stanza.REACTIONS}reaction").text = sign
        self.says(reactions, id)

    async def gets(self, tag: str) -> ET.Element:
        async with asyncio.timeout(15), self.alice.news:
            await self.alice.news.wait_for(
                lambda: any(xml.find(tag) is not None for xml in self.alice.wire)
            )
        return next(xml for xml in self.alice.wire if xml.find(tag) is not None)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while not await holds():
            await asyncio.sleep(0.05)


async def render(reference: str, _recipient: str) -> str:
    return f"texte de {reference}"


@pytest.fixture
async def talk(prosody: Prosody, tmp_path: Path) -> AsyncIterator[Talk]:
    async with AsyncExitStack() as stack:

        async def hear(tx: Database, incoming: Incoming) -> str | None:
            made.heard.append(incoming)
            if incoming.target and incoming.target.id:
                found = await bot.outbox.reference_of(tx, incoming.target.id, incoming.sender)
                if found:
                    await bot.outbox.acknowledged(tx, reference=found, recipient=incoming.sender)
            return None

        enter = stack.enter_async_context
        bot = await enter(made_bot(prosody, BOT, tmp_path, render=render, on_message=hear))
        await enter(running(bot))
        made = Talk(bot, await enter(person(prosody, ALICE, tmp_path)))
        yield made


async def test_a_correction_names_the_first_version(talk: Talk) -> None:
    for reference, of in (("a", ()), ("a.2", "a"), ("a.3", ("a", "a.2"))):
        await talk.send(reference, ALICE, of=of)
        await talk.alice.wait_for(f"texte de {reference}")
        await talk.becomes(reference, State.DELIVERED)
    first, second, third = (heard.xml for heard in talk.alice.heard)
    assert first.find(REPLACE) is None
    for version in (second, third):
        replace = version.find(REPLACE)
        assert replace is not None
        assert replace.get("id") == first.get("id")
    ids = {xml.find(f"{stanza.STANZA_IDS}origin-id") for xml in (first, second, third)}
    assert len({element.get("id") for element in ids if element is not None}) == 3


async def test_who_did_not_get_the_first_version_gets_a_plain_text(talk: Talk) -> None:
    await talk.send("a.2", ALICE, of="a")
    assert (await talk.alice.wait_for("texte de a.2")).xml.find(REPLACE) is None


async def test_a_retraction_says_nothing_and_goes_where_the_text_went(talk: Talk) -> None:
    await talk.send("a", ALICE, NOBODY)
    heard = await talk.alice.wait_for("texte de a")
    await talk.becomes("a", State.UNREACHABLE, NOBODY)
    await talk.becomes("a", State.DELIVERED)
    outbox = talk.bot.outbox
    async with outbox._database.transaction() as tx:
        assert await outbox.withdraw(tx, reference="a") == [NOBODY]
        await outbox.retract(
            tx, reference="a.x", recipients=[ALICE, NOBODY], expires=time.time() + 60, of="a"
        )
    outbox.wake()
    retraction = await talk.gets(RETRACT)
    element = retraction.find(RETRACT)
    assert element is not None
    assert element.get("id") == heard.id
    assert retraction.findtext(f"{stanza.CLIENT}body") is None
    assert await talk.state("a", NOBODY) is State.WITHDRAWN
    assert await talk.state("a.x", NOBODY) is None
    await talk.becomes("a.x", State.ACCEPTED)


async def test_what_was_shown_is_read(talk: Talk) -> None:
    await talk.send("a", ALICE)
    heard = await talk.alice.wait_for("texte de a")
    assert heard.xml.find(f"{stanza.MARKERS}markable") is not None
    talk.says(ET.Element(f"{stanza.MARKERS}displayed", {"id": heard.id}))
    await talk.becomes("a", State.READ)


async def test_a_reaction_is_for_one_message_and_counts_once(talk: Talk) -> None:
    for reference in ("a", "b"):
        await talk.send(reference, ALICE)
        await talk.alice.wait_for(f"texte de {reference}")
    first = talk.alice.heard[0]
    talk.reacts("unknown", "👍", id="r0")
    talk.reacts(first.id, id="r1")  # all taken back: it says nothing
    talk.reacts(first.id, "👍", "❤️", id="r2")
    await talk.becomes("a", State.ACKNOWLEDGED)
    assert await talk.state("b") is not State.ACKNOWLEDGED
    said = [(one.text, one.encrypted, one.target) for one in talk.heard]
    assert [text for text, _, _ in said] == ["👍", "👍 ❤️"]
    assert not any(encrypted for _, encrypted, _ in said)


async def test_a_quotation_with_a_sign_is_a_reaction(talk: Talk) -> None:
    await talk.send("a", ALICE)
    await talk.alice.wait_for("texte de a")
    await talk.alice.send(BOT, "> texte de a\n👍")
    await talk.alice.send(BOT, "> texte de a\nqui vient ?")

    async def both_heard() -> bool:
        return len(talk.heard) == 2

    await until(both_heard)
    first, second = talk.heard
    assert (first.text, first.encrypted) == ("👍", True)
    assert first.target is not None
    assert first.target.quote == "texte de a"
    assert second.target is None
