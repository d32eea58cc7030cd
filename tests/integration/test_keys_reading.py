"""OMEMO nodes (XEP-0384 over XEP-0163) are read by whoever has a reason to, and by nobody else."""

from __future__ import annotations

import pytest

from tests.omemo_nodes import (
    BUNDLE,
    DEVICES,
    OMEMO2_BUNDLES,
    OMEMO2_DEVICES,
    OWNER,
    delete,
    publish,
    read,
    refused,
    request,
    subscribe,
)
from tests.streams import component_section, connected, logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
GUEST, OTHER_GUEST = "guest@invites.gov.localhost", "other@invites.gov.localhost"
ACCOUNTS = [ALICE, BOB, GUEST, OTHER_GUEST, "fresh@gov.localhost"]
PROSODY_MODULES = "keys"
PROSODY_EXTRA = """
Component "rooms.gov.localhost" "muc"
restrict_room_creation = false
"""
NODES = [DEVICES, BUNDLE, OMEMO2_DEVICES, OMEMO2_BUNDLES]
NOT_OMEMO = [
    "eu.siacs.conversations.axolotl",
    "eu.siacs.conversations.axolotl.bundles:",
    "eu.siacs.conversations.axolotl.bundles:31415.more",
    "eu.siacs.conversations.axolotl.verification:31415",
    "urn:xmpp:omemo:2:other",
    "urn:xmpp:bookmarks:1",
]


def governance(prosody: Prosody) -> Component:
    """The component that governs rooms, on `prosody`."""
    section = component_section(prosody, "governance", "rooms")
    return Component(section, name="governance", identity=("component", "generic"))


async def configured_model(owner: Account, node: str) -> str | None:
    """Return the access model that stands in the configuration of the owner's node."""
    answer = await request(
        owner, "get", f'<pubsub xmlns="{OWNER}"><configure node="{node}"/></pubsub>'
    )
    for field in answer.iter("{jabber:x:data}field"):
        if field.get("var") == "pubsub#access_model":
            return field.findtext("{jabber:x:data}value")
    return None


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("model", ["presence", "whitelist", "open"])
async def test_the_organisation_reads_without_a_subscription(
    prosody: Prosody, node: str, model: str
) -> None:
    async with logged_in(prosody, ALICE) as alice, logged_in(prosody, BOB) as bob:
        await delete(alice, node)
        await publish(alice, node, model)
        assert await read(bob, ALICE, node) == ["current"]
        await subscribe(bob, ALICE, node)
        assert await configured_model(alice, node) == model


async def test_a_component_of_the_organisation_reads(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice, connected(reader := governance(prosody)):
        await delete(alice, DEVICES)
        await publish(alice, DEVICES)
        assert await read(reader, ALICE, DEVICES) == ["current"]
        assert await refused(read(reader, ALICE, BUNDLE + "9")) == "item-not-found"


@pytest.mark.parametrize("node", NOT_OMEMO)
async def test_no_other_node_is_opened(prosody: Prosody, node: str) -> None:
    async with logged_in(prosody, ALICE) as alice, logged_in(prosody, BOB) as bob:
        await delete(alice, node)
        await publish(alice, node, "presence")
        assert await refused(read(bob, ALICE, node)) == "forbidden"


async def test_a_guest_reads_nothing_without_a_reason(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice, logged_in(prosody, GUEST) as guest:
        await delete(alice, DEVICES)
        await publish(alice, DEVICES, "open")
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"
        assert await refused(subscribe(guest, ALICE, DEVICES)) == "forbidden"
        items = f'<query xmlns="http://jabber.org/protocol/disco#items" node="{DEVICES}"/>'
        assert await refused(request(guest, "get", items, ALICE)) != ""
        everything = '<query xmlns="http://jabber.org/protocol/disco#items"/>'
        assert await refused(request(guest, "get", everything, ALICE)) != ""


async def test_a_subscriber_to_presence_reads(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice, logged_in(prosody, OTHER_GUEST) as guest:
        await delete(alice, DEVICES)
        await publish(alice, DEVICES, "whitelist")
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"
        await befriend(alice, guest)
        assert await read(guest, ALICE, DEVICES) == ["current"]
        alice.send_presence(pto=guest.boundjid.bare, ptype="unsubscribed")
        await alice.plugin["xep_0199"].ping("gov.localhost")
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"


async def befriend(owner: Account, reader: Account) -> None:
    """Let `reader` subscribe to `owner`'s presence."""
    owner.auto_authorize = True
    owner.register_plugin("xep_0199")
    arrived = owner.wait_until("presence_subscribe", 10)
    reader.send_presence_subscription(pto=owner.boundjid.bare)
    await arrived
    await owner.plugin["xep_0199"].ping("gov.localhost")


async def test_members_of_a_room_read_each_others_keys(prosody: Prosody) -> None:
    room = "keys@rooms.gov.localhost"
    async with (
        logged_in(prosody, ALICE, "xep_0045") as alice,
        logged_in(prosody, GUEST) as guest,
    ):
        await delete(alice, DEVICES)
        await publish(alice, DEVICES, "whitelist")
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"
        await set_affiliation(alice, room, GUEST, "member")
        assert await read(guest, ALICE, DEVICES) == ["current"]
        await set_affiliation(alice, room, GUEST, "outcast")
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"
        await set_affiliation(alice, room, GUEST, "admin")
        assert await read(guest, ALICE, DEVICES) == ["current"]
        await request(
            alice,
            "set",
            '<query xmlns="http://jabber.org/protocol/muc#owner"><destroy/></query>',
            room,
        )
        assert await refused(read(guest, ALICE, DEVICES)) == "forbidden"


async def set_affiliation(owner: Account, room: str, jid: str, affiliation: str) -> None:
    """Set an affiliation as the room's owner; make the room if there is none."""
    muc = owner.plugin["xep_0045"]
    if room not in muc.get_joined_rooms():
        await muc.join_muc_wait(room, "alice", timeout=10)
        await muc.set_room_config(room, owner.plugin["xep_0004"].make_form("submit"))
    await muc.set_affiliation(room, affiliation, jid=jid)
