"""One message for a whole room: who is away reads it later, who has no keys is named."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

from slixmpp.stanza import Message

from tests.integration.capture_world import OPEN_ROOMS
from tests.keys import publish_device_list
from tests.people import OmemoPerson, person
from tests.rooms import Occupant
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.unit import Shared

ALICE, BOB, CAROL, DAVE, ERIN = (
    f"{name}@gov.localhost" for name in ("alice", "bob", "carol", "dave", "erin")
)
ACCOUNTS = [ALICE, BOB, CAROL, DAVE, ERIN]
PROSODY_MODULES = ""
PROSODY_EXTRA = OPEN_ROOMS + "\tmuc_room_default_public_jids = true\n"
ROOM = "crise@rooms.gov.localhost"


async def share(who: OmemoPerson, members: list[str], text: str) -> Shared:
    """Encrypt for members and commit."""
    await who.omemo.prepare(members)
    async with who.omemo.exclusive() as unit:
        shared = await unit.encrypt_for(members, text)
        async with unit.commit():
            pass
    return shared


def post(who: OmemoPerson, element: ET.Element) -> None:
    message = ET.Element("{jabber:client}message", {"to": ROOM, "type": "groupchat", "id": "m1"})
    message.append(element)
    Message(who.account, xml=message).send()


async def test_a_room_reads_one_message(prosody: Prosody, tmp_path: Path) -> None:
    async with person(prosody, CAROL, tmp_path):
        pass  # she has a device, and is away
    async with logged_in(prosody, DAVE, "xep_0060") as account:
        await publish_device_list(account, 77)
    async with person(prosody, ALICE, tmp_path) as alice, person(prosody, BOB, tmp_path) as bob:
        for who, nick in ((alice, "Alice"), (bob, "Bob")):
            await Occupant(who.account, ROOM).join(nick)
        async with asyncio.timeout(10):
            while f"{ROOM}/Alice" not in bob.occupants:
                await asyncio.sleep(0.05)
        shared = await share(alice, [ALICE, BOB, CAROL, DAVE, ERIN], "tous")
        assert shared.left_out == {DAVE: "no-bundle", ERIN: "no-device"}
        assert shared.element is not None
        post(alice, shared.element)
        heard = await bob.wait_for("tous")
        assert (heard.sender, heard.xml.get("type")) == (ALICE, "groupchat")
        async with person(prosody, CAROL, tmp_path) as carol:
            await carol.omemo.prepare([ALICE])
            async with carol.omemo.exclusive() as unit:
                assert await unit.decrypt(ALICE, shared.element) == "tous"
        again = await share(alice, [BOB, CAROL], "encore")
        assert again.element is not None
        assert not again.left_out
        post(alice, again.element)
        await bob.wait_for("encore")
        assert not bob.unreadable


async def test_a_room_in_which_nobody_has_keys(prosody: Prosody, tmp_path: Path) -> None:
    async with person(prosody, BOB, tmp_path) as bob:
        assert await share(bob, [BOB, ERIN], "seul") == Shared(None, {ERIN: "no-device"})
