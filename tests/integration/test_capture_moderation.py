"""Moderation (XEP-0425) gives one record, from whoever moderated, as prosody-modules has it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.integration.archive_sink import Sink
from tests.integration.capture_world import OPEN_ROOMS, Inbox, join, world
from xmppgov.demo.prosody import Prosody

MODULE = "muc_moderation"
PROSODY_MODULES = "capture"
PROSODY_EXTRA = OPEN_ROOMS + f'\tmodules_enabled = {{ "muc_mam", "xmppgov_capture", "{MODULE}" }}\n'
ALICE, BOB, ROOM = "alice@gov.localhost", "bob@gov.localhost", "libre@rooms.gov.localhost"
ACCOUNTS = [ALICE, BOB, "marker@gov.localhost"]
FASTEN, MODERATE = "urn:xmpp:fasten:0", "urn:xmpp:message-moderate:0"
pytestmark = pytest.mark.skipif(
    not any(Path(f"/usr/lib/prosody/modules/mod_{MODULE}{end}").exists() for end in ("", ".lua")),
    reason=f"mod_{MODULE} of prosody-modules is not installed",
)


async def test_the_record_is_the_moderator_s(prosody: Prosody) -> None:
    async with world(prosody, Sink(), "up") as here:
        alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
        inbox = Inbox(bob)
        await join(alice, "Alice", ROOM)
        await join(bob, "Bob", ROOM)
        bob.send_raw(f'<message to="{ROOM}" type="groupchat" id="m1"><body>mot</body></message>')
        await inbox.get("mot")
        (said,) = [xml for xml in inbox.xml if "mot" in xml]
        stanza_id = re.search(r'<stanza-id[^>]*\bid="([^"]+)"', said)
        assert stanza_id is not None
        iq = alice.make_iq_set(ito=ROOM)
        outer = ET.SubElement(iq.xml, f"{{{FASTEN}}}apply-to", id=stanza_id[1])
        inner = ET.SubElement(outer, f"{{{MODERATE}}}moderate")
        ET.SubElement(inner, "{urn:xmpp:message-retract:0}retract")
        await iq.send(timeout=10)
        await inbox.get("moderated")
        await here.check(
            {"kind": "groupchat", "from": BOB, "room": ROOM},
            {"kind": "groupchat", "from": ALICE, "room": ROOM, "path": "local"},
        )
