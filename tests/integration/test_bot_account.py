"""One question for an acknowledgement is about everything that was handed over before it."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET

from tests.streams import account_section
from xmppgov.bot import stanza
from xmppgov.bot.account import BotAccount
from xmppgov.demo.prosody import Prosody

BOT, ALICE = "bot@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""
MESSAGES = 19  # fewer than those after which slixmpp asks by itself


async def test_one_question_is_about_all_before_it(prosody: Prosody) -> None:
    account, known, all_known = (
        BotAccount(account_section(prosody, BOT), "bot"),
        set(),
        asyncio.Event(),
    )

    def acknowledged(id: str) -> None:
        known.add(id)
        if len(known) == MESSAGES:
            all_known.set()

    enabled = asyncio.Event()
    account.on_acknowledged = acknowledged
    account.add_event_handler("session_start", lambda _: account.begun())
    account.add_event_handler("sm_enabled", lambda _: enabled.set())
    account.start()
    async with asyncio.timeout(30):
        await account.online.wait()
        await enabled.wait()
    for number in range(MESSAGES):
        to = {"to": ALICE, "type": "chat", "id": f"m{number}"}
        message = ET.Element(f"{stanza.CLIENT}message", to)
        message.append(ET.Element("{urn:xmpp:hints}store"))
        account.deliver(message)
    account.ask_acknowledgement()
    async with asyncio.timeout(30):
        await all_known.wait()
    await account.stop()
