"""Nobody's flood of messages holds up what others say to a bot, or makes it ask without end."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from slixmpp.xmlstream.stanzabase import StanzaBase

from tests.bots import made_bot, running
from tests.messages import CIPHERTEXT
from tests.omemo_nodes import DEVICES, request
from tests.people import OmemoPerson, person
from xmppgov.bot.model import Incoming
from xmppgov.bot.running import Running
from xmppgov.clock import VirtualClock
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.errors import Disconnected
from xmppgov.omemo.keys import TRIES, Looks
from xmppgov.storage.database import Database

BOT, ALICE, MALLORY = "bot@gov.localhost", "alice@gov.localhost", "mallory@gov.localhost"
ACCOUNTS = [BOT, ALICE, MALLORY]
PROSODY_MODULES = ""
DEPTH = 20


async def _arrived(bot: Running, who: OmemoPerson) -> None:
    """Wait until the bot's stream has brought what `who` sent so far."""
    await request(who.account, "get", '<ping xmlns="urn:xmpp:ping"/>')
    await request(bot.account, "get", '<ping xmlns="urn:xmpp:ping"/>')


async def test_senders_take_turns(prosody: Prosody, tmp_path: Path) -> None:
    read: list[tuple[str, str]] = []

    async def keep(_tx: Database, incoming: Incoming) -> str | None:
        read.append((incoming.sender, incoming.text))
        return None

    async with (
        made_bot(prosody, BOT, tmp_path, on_message=keep) as bot,
        running(bot),
        person(prosody, ALICE, tmp_path) as alice,
        person(prosody, MALLORY, tmp_path) as mallory,
    ):
        bot._inbox._live._depth = DEPTH
        bot._inbox.close()  # as during a login: what comes has to wait
        for number in range(DEPTH + 10):
            await mallory.send(BOT, str(number))
        await _arrived(bot, mallory)
        for word in ("un", "deux"):
            await alice.send(BOT, word)
        await _arrived(bot, alice)
        dropped = bot._inbox._live.dropped(MALLORY)
        assert dropped in (9, 10)  # the first may be out of the queue already
        kept = [str(number) for number in range(DEPTH + 10 - dropped)]
        bot._inbox._caught_up.set()
        async with asyncio.timeout(30):
            while len(read) < len(kept) + 2:
                await asyncio.sleep(0.05)
        assert read.index((ALICE, "un")) <= 2
        assert read.index((ALICE, "deux")) == read.index((ALICE, "un")) + 2
        assert [text for sender, text in read if sender == MALLORY] == kept
        async with asyncio.timeout(10):
            while bot._inbox._live.dropped(MALLORY):
                await asyncio.sleep(0.05)
    assert max(Counter(read).values()) == 1
    # What was read is not read again after the next login.
    async with made_bot(prosody, BOT, tmp_path, on_message=keep) as bot, running(bot):
        assert max(Counter(read).values()) == 1


async def test_made_up_devices_are_looked_for_once(prosody: Prosody, tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(_tx: Database, incoming: Incoming) -> str | None:
        return f"dit {incoming.text}"

    def note(stanza: StanzaBase) -> StanzaBase:
        if stanza.name == "iq" and f'node="{DEVICES}"' in str(stanza):
            asked.append(str(stanza["to"]))
        return stanza

    async with (
        made_bot(prosody, BOT, tmp_path, on_message=answer) as bot,
        running(bot),
        person(prosody, ALICE, tmp_path) as alice,
        person(prosody, MALLORY, tmp_path) as mallory,
    ):
        bot.account.add_filter("out", note)
        for number in range(30):
            made_up = CIPHERTEXT.replace('sid="1"', f'sid="{number + 1}"')
            mallory.account.send_raw(
                f'<message to="{BOT}" type="chat"><body>.</body>{made_up}</message>'
            )
        await mallory.send(BOT, "un")
        await alice.send(BOT, "deux")
        await alice.wait_for("dit deux")
        await mallory.wait_for("dit un")
    assert asked.count(MALLORY) <= 2
    assert ALICE in asked


async def test_a_look_that_the_connection_cut_short_is_made_again(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with (
        person(prosody, ALICE, tmp_path) as alice,
        person(prosody, MALLORY, tmp_path) as other,
    ):
        manager = await other.omemo.get_session_manager()
        device = (await manager.get_own_device_information())[0].device_id
        encrypted = ET.fromstring(CIPHERTEXT.replace('sid="1"', f'sid="{device}"'))
        alice.omemo._keys._lost.set()
        for _ in range(2):
            with pytest.raises(Disconnected):
                await alice.omemo.prepare_reading(MALLORY, encrypted)
        alice.omemo._keys._lost.clear()
        await alice.omemo.prepare_reading(MALLORY, encrypted)
        assert device in alice.omemo.store.devices(MALLORY)


def test_looks_that_fail_are_few() -> None:
    looks = Looks(VirtualClock())
    made = 0
    while looks.may_look(MALLORY):
        made += 1
        looks.note(MALLORY, failed=True)
    assert made == TRIES
    looks.clear()
    looks.note(MALLORY, failed=True)
    looks.note(MALLORY, failed=False)
    assert not looks.may_look(MALLORY)


async def test_a_look_is_made_once_a_minute() -> None:
    clock = VirtualClock()
    looks = Looks(clock)
    looks.note(MALLORY, failed=False)
    await clock.advance(59)
    assert not looks.may_look(MALLORY)
    await clock.advance(2)
    assert looks.may_look(MALLORY)
