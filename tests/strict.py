"""The strict clients' rule: every address in a room's lists has keys that every member can fetch.

Conversations and Dino encrypt for all whom the member, admin and owner lists name, or for nobody.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from slixmpp.exceptions import IqError

from tests.omemo_nodes import PUBSUB, request
from xmppgov.omemo.bundle import DEVICE_LIST, bundle_node, devices, is_usable
from xmppgov.xmpp.client import Account

ADMIN = "http://jabber.org/protocol/muc#admin"


async def listed(member: Account, room: str, affiliation: str) -> list[str]:
    """Return the addresses of one of a room's lists, as `member` sees it."""
    question = f'<query xmlns="{ADMIN}"><item affiliation="{affiliation}"/></query>'
    answer = await request(member, "get", question, room)
    return sorted(item.attrib["jid"] for item in answer.iter(f"{{{ADMIN}}}item"))


async def everybody(member: Account, room: str) -> list[str]:
    """Return every address that the member, admin and owner lists name."""
    lists = [await listed(member, room, kind) for kind in ("member", "admin", "owner")]
    return [jid for one in lists for jid in one]


async def keyless(reader: Account, jids: list[str]) -> list[str]:
    """Return those of `jids` for whom `reader` finds no device with a usable bundle."""
    return [jid for jid in jids if not await _has_keys(reader, jid)]


async def assert_strict(member: Account, room: str) -> list[str]:
    """Check the rule as seen by `member`; return whom the lists name."""
    assert await listed(member, room, "owner") == []
    assert await listed(member, room, "admin") == []
    named = await everybody(member, room)
    assert await keyless(member, named) == []
    return named


async def _has_keys(reader: Account, jid: str) -> bool:
    for device in devices(await _newest(reader, jid, DEVICE_LIST)):
        if is_usable(await _newest(reader, jid, bundle_node(device))):
            return True
    return False


async def _newest(reader: Account, jid: str, node: str) -> ET.Element | None:
    question = f'<pubsub xmlns="{PUBSUB}"><items node="{node}"/></pubsub>'
    try:
        answer = await request(reader, "get", question, jid)
    except IqError:
        return None
    payloads = [child for item in answer.iter(f"{{{PUBSUB}}}item") for child in item]
    return payloads[-1] if payloads else None
