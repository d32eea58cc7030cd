"""No message stops a bot, and nobody's device list makes it write more than a message may be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bots import made_bot, running, sentence
from tests.messages import LEGACY
from tests.omemo_nodes import DEVICES, PUBSUB, request
from tests.people import person
from xmppgov.bot import OPEN, Context
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.bundle import MOST_DEVICES

BOT, ALICE, MALLORY = "bot@gov.localhost", "alice@gov.localhost", "mallory@gov.localhost"
ACCOUNTS = [BOT, ALICE, MALLORY]
PROSODY_MODULES = ""
KEY, IV, PAYLOAD = '<key rid="1">AAEC</key>', "<iv>AAEC</iv>", "<payload>AAEC</payload>"
HEADERS = {
    "no sender": f"<header>{KEY}{IV}</header>",
    "no device": f'<header sid="1"><key>AAEC</key>{IV}</header>',
    "a long number": f'<header sid="{"9" * 5000}">{KEY}{IV}</header>',
    "other digits": f'<header sid="٣">{KEY}{IV}</header>',
    "no header": "",
}


@pytest.mark.parametrize("case", HEADERS)
async def test_a_malformed_message_is_passed_over(
    prosody: Prosody, tmp_path: Path, case: str
) -> None:
    async with made_bot(prosody, BOT, tmp_path) as bot:

        @bot.bot.command("écho", help=sentence("écho"), who=OPEN)
        async def echo(context: Context, words: str) -> str:
            return f"dit {words}"

        async with running(bot), person(prosody, MALLORY, tmp_path) as mallory:
            mallory.account.send_raw(
                f'<message to="{BOT}" type="chat"><body>.</body><encrypted xmlns="{LEGACY}">'
                f"{HEADERS[case]}{PAYLOAD}</encrypted></message>"
            )
            # What is not passed over is met again at each login, and nothing after it is read.
            await mallory.send(BOT, f"écho {case}")
            await mallory.wait_for(f"dit {case}")


async def test_a_device_list_is_read_as_far_as_it_is_plausible(
    prosody: Prosody, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        made_bot(prosody, BOT, tmp_path) as bot,
        running(bot),
        person(prosody, MALLORY, tmp_path) as mallory,
    ):
        ids = "".join(f'<device id="{n}"/>' for n in range(1, 20 * MOST_DEVICES))
        await request(
            mallory.account,
            "set",
            f'<pubsub xmlns="{PUBSUB}"><publish node="{DEVICES}"><item id="current">'
            f'<list xmlns="{LEGACY}">{ids}</list></item></publish></pubsub>',
        )
        await mallory.send(BOT, "bonjour")
        for _ in range(100):
            if found := bot._omemo.store.devices(MALLORY):
                break
            await asyncio.sleep(0.05)
        assert len(found) <= MOST_DEVICES
    assert not [r for r in caplog.records if r.name.startswith(("omemo", "slixmpp_omemo"))]
