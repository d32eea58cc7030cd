"""Rooms follow the directory and the keys, through real components on a real server."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.governance import Governance, governance
from tests.keys import (
    publish_device_list,
    publish_keys,
)
from tests.omemo_nodes import PUBSUB, request
from tests.rooms import Occupant, until
from tests.streams import logged_in
from tests.strict import assert_strict
from xmppgov.demo.prosody import Prosody
from xmppgov.rooms.model import Reason, Standing
from xmppgov.rooms.stanza import BOOKMARKS
from xmppgov.xmpp.client import Account

PEOPLE = ("alice", "bob", "clara", "dan", "eve", "fanny", "gaspard", "henri")
ACCOUNTS = [f"{name}@gov.localhost" for name in PEOPLE]
PROSODY_MODULES = "rooms keys"
MUC = "rooms.gov.localhost"


@pytest_asyncio.fixture
async def world(prosody: Prosody, tmp_path: Path) -> AsyncIterator[Governance]:
    with governance(prosody, tmp_path) as running:
        yield running


async def bookmarks(account: Account) -> dict[str, ET.Element]:
    """Return an account's own bookmarks by room."""
    question = f'<pubsub xmlns="{PUBSUB}"><items node="{BOOKMARKS}"/></pubsub>'
    answer = await request(account, "get", question)
    return {i.attrib["id"]: i[0] for i in answer.iter(f"{{{PUBSUB}}}item") if len(i)}


class Wire:
    """What an account receives about a room, in order."""

    def __init__(self, account: Account, room: str) -> None:
        self.room, self.order = room, []
        account.add_filter("in", self._note)

    def _note(self, stanza: object) -> object:
        text = ET.tostring(stanza.xml, "unicode")
        if self.room in text and stanza.xml.tag.endswith("}message"):
            if "jabber:x:conference" in text:
                self.order.append("invitation")
            elif BOOKMARKS in text:
                self.order.append("retraction" if "retract" in text else "bookmark")
        return stanza


async def admit(world: Governance, account: Account, person: str, room: str) -> None:
    await publish_keys(account)
    await world.stands(room, person, Standing.ADMITTED)


async def test_keys_then_affiliation_then_bookmark_then_invitation(
    world: Governance, prosody: Prosody
) -> None:
    room = f"order@{MUC}"
    async with (
        logged_in(prosody, "alice@gov.localhost") as alice,
        logged_in(prosody, "bob@gov.localhost") as bob,
    ):
        await admit_nobody_yet(world, alice)
        world.institution.seat("alice", "order", "chair")
        world.institution.seat("bob", "order")
        await world.institution.import_now()
        await admit(world, alice, "alice", "order")
        seen = Occupant(alice, room)
        await seen.join("Alice")
        assert (await world.stands("order", "bob", Standing.WAITING)).readiness.reason in {
            Reason.NO_DEVICE_LIST
        }
        assert await assert_strict(alice, room) == ["alice@gov.localhost"]
        wire = Wire(bob, room)
        await publish_keys(bob)
        await world.stands("order", "bob", Standing.ADMITTED)

        async def invited() -> bool:
            return wire.order[-1:] == ["invitation"]

        await until(invited)
        assert [w for w in wire.order if w != "bookmark"] == ["invitation"]
        assert set(await assert_strict(bob, room)) == {"alice@gov.localhost", "bob@gov.localhost"}
        conference = (await bookmarks(bob))[room]
        assert conference.get("autojoin") == "true"
        assert conference.get("name") == "Groupe order"
        assert conference.findtext(f"{{{BOOKMARKS}}}nick") == "Bob Durand"
        announced = [x for x in seen.seen if "bob@gov.localhost" in ET.tostring(x, "unicode")]
        assert announced, "the affiliation is announced before the bookmark lets Bob join"


async def admit_nobody_yet(world: Governance, account: Account) -> None:
    """Leave nothing of an earlier test: an empty device list is no device."""
    await publish_device_list(account)
