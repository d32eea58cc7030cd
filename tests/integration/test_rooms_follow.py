"""Rooms follow the directory and the keys, through real components on a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from slixmpp.exceptions import IqError

from tests.governance import Governance, governance
from tests.keys import DEVICE, delete_node, publish_device_list, publish_keys
from tests.omemo_nodes import PUBSUB, request
from tests.rooms import Occupant, until
from tests.streams import account_section, logged_in
from tests.strict import assert_strict
from xmppgov.demo.prosody import Prosody, notices_file
from xmppgov.errors import NotAllowed
from xmppgov.omemo.bundle import DEVICE_LIST, bundle_node
from xmppgov.rooms.client import GovernanceClient
from xmppgov.rooms.model import Reason, Standing
from xmppgov.rooms.stanza import BOOKMARKS
from xmppgov.xmpp.client import Account

PEOPLE = ("alice", "bob", "clara", "dan", "eve", "fanny", "gaspard", "henri")
ACCOUNTS = [f"{name}@gov.localhost" for name in PEOPLE]
PROSODY_MODULES = "rooms keys policy contacts"
MUC, GOVERNANCE = "rooms.gov.localhost", "governance.gov.localhost"


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
    """What an admission looks like from outside: Alice sees the list, Bob what reaches him."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.order: list[str] = []
        self.invitation = ""
        self.asked = False

    @classmethod
    async def of(cls, member: Account, newcomer: Account, room: str) -> Wire:
        """Watch `newcomer` become a member, seen by `member`, who joins the room."""
        wire = cls(room)
        await Occupant(member, room).join("watcher")
        member.add_filter("in", lambda s: wire.note(s, newcomer.boundjid.bare))
        newcomer.add_filter("in", wire.note)
        newcomer.register_plugin("xep_0163")
        newcomer.plugin["xep_0163"].add_interest(BOOKMARKS)
        await newcomer.plugin["xep_0115"].update_caps()
        newcomer.send_presence()

        async def known() -> bool:
            return wire.asked

        await until(known)  # the server sends bookmarks to clients whose capabilities it knows
        return wire

    def note(self, stanza: Any, newcomer: str | None = None) -> Any:
        """Keep what a stanza means."""
        text = ET.tostring(stanza.xml, "unicode")
        self.asked |= stanza.xml.get("type") == "get" and "disco#info" in text
        if self.room in text and stanza.xml.tag.endswith("}message"):
            if newcomer and newcomer in text and 'affiliation="member"' in text:
                self.order.append("affiliation")
            elif not newcomer and "jabber:x:conference" in text:
                self.order.append("invitation")
                self.invitation = text
            elif not newcomer and BOOKMARKS in text:
                self.order.append("bookmark")
        return stanza

    async def until(self, last: str) -> None:
        """Wait until the last thing that happened is `last`."""

        async def happened() -> bool:
            return self.order[-1:] == [last]

        await until(happened)


async def test_keys_then_affiliation_then_bookmark_then_invitation(
    world: Governance, prosody: Prosody
) -> None:
    room = f"order@{MUC}"
    async with (
        logged_in(prosody, "alice@gov.localhost") as alice,
        logged_in(prosody, "bob@gov.localhost") as bob,
    ):
        world.institution.seat("alice", "order", "chair")
        world.institution.seat("bob", "order")
        await world.institution.import_now()
        await publish_keys(alice)
        await world.stands("order", "alice", Standing.ADMITTED)
        waiting = await world.stands("order", "bob", Standing.WAITING)
        assert waiting is not None
        assert waiting.readiness.reason is Reason.NO_DEVICE_LIST
        assert await assert_strict(alice, room) == ["alice@gov.localhost"]
        wire = await Wire.of(alice, bob, room)
        await publish_keys(bob)
        await wire.until("invitation")
        assert wire.order == ["affiliation", "bookmark", "invitation"]
        assert set(await assert_strict(bob, room)) == {"alice@gov.localhost", "bob@gov.localhost"}
        conference = (await bookmarks(bob))[room]
        assert conference.get("autojoin") == "true"
        assert conference.get("name") == "Groupe order"
        assert conference.findtext(f"{{{BOOKMARKS}}}nick") == "Bob Durand"
        assert "body" not in wire.invitation
        await world.stands("order", "bob", Standing.ADMITTED)


async def test_the_last_usable_device_vanishes_and_comes_back(
    world: Governance, prosody: Prosody
) -> None:
    room = f"vanish@{MUC}"
    async with (
        logged_in(prosody, "clara@gov.localhost") as clara,
        logged_in(prosody, "dan@gov.localhost") as dan,
    ):
        for person in ("clara", "dan"):
            world.institution.seat(person, "vanish")
        await world.institution.import_now()
        for account in (clara, dan):
            await publish_keys(account)
        for person in ("clara", "dan"):
            await world.stands("vanish", person, Standing.ADMITTED)
        occupant = Occupant(dan, room)
        await occupant.join("Dan")
        await publish_keys(dan, device=DEVICE + 1)  # another device takes over: nothing happens
        await delete_node(dan, bundle_node(DEVICE))
        await delete_node(dan, DEVICE_LIST)  # a client that writes its nodes anew
        await publish_keys(dan, device=DEVICE + 1)
        for change, reason in (
            (delete_node(dan, bundle_node(DEVICE + 1)), Reason.NO_BUNDLE),
            (publish_device_list(dan), Reason.EMPTY_DEVICE_LIST),
            (delete_node(dan, DEVICE_LIST), Reason.NO_DEVICE_LIST),
            (publish_keys(dan, usable=False), Reason.BROKEN_BUNDLE),
        ):
            assert room in await bookmarks(dan)
            await change
            async with asyncio.timeout(10):
                seat = await world.stands("vanish", "dan", Standing.WAITING)
            assert seat is not None
            assert seat.readiness.reason is reason
            assert await assert_strict(clara, room) == ["clara@gov.localhost"]
            assert room not in await bookmarks(dan)
            await publish_keys(dan)
            await world.stands("vanish", "dan", Standing.ADMITTED)
            assert len(await assert_strict(clara, room)) == 2
        assert occupant.role("Dan Durand") == "none"
        gone = [x for x in world.rooms.log.read_text("utf-8").splitlines() if "keys=missing" in x]
        assert len([x for x in gone if "dan@" in x and "no-device-list" in x]) <= 2


async def test_members_follow_the_directory(world: Governance, prosody: Prosody) -> None:
    room, institution = f"follow@{MUC}", world.institution
    async with (
        logged_in(prosody, "eve@gov.localhost") as eve,
        logged_in(prosody, "fanny@gov.localhost") as fanny,
    ):
        institution.seat("eve", "follow", "chair")
        institution.seat("fanny", "follow")
        institution.seat("nobody", "follow")
        institution.people["unheard"] = ""
        institution.seat("unheard", "follow")
        await institution.import_now()
        for account in (eve, fanny):
            await publish_keys(account)
        for person, standing in (
            ("eve", Standing.ADMITTED),
            ("fanny", Standing.ADMITTED),
            ("nobody", Standing.NO_ACCOUNT),
            ("unheard", Standing.NO_ACCOUNT),
        ):
            await world.stands("follow", person, standing)
        e, f = Occupant(eve, room), Occupant(fanny, room)
        await e.join("e")
        await f.join("f")
        await f.has_role("Eve Durand", "moderator")
        institution.unseat("eve", "follow")
        institution.unseat("fanny", "follow")
        institution.seat("eve", "follow")
        institution.seat("fanny", "follow", "chair")
        async with asyncio.timeout(10):
            await institution.import_now()
            await e.has_role("Fanny Durand", "moderator")
            await f.has_role("Eve Durand", "participant")
        yesterday = (date.today() - timedelta(days=1)).isoformat()
        institution.unseat("eve", "follow")
        institution.posts.append(("eve", "follow", "member", "", yesterday))
        async with asyncio.timeout(10):
            await institution.import_now()
            await e.has_role("Eve Durand", "none")
            await world.stands("follow", "eve", None)
        assert room not in await bookmarks(eve)
        assert await assert_strict(fanny, room) == ["fanny@gov.localhost"]


async def test_requests_from_strangers(world: Governance, prosody: Prosody) -> None:
    world.institution.seat("nobody", "strangers")
    await world.institution.import_now()
    await world.stands("strangers", "nobody", Standing.NO_ACCOUNT)
    async with logged_in(prosody, "gaspard@gov.localhost") as stranger:
        with pytest.raises(NotAllowed):
            await GovernanceClient(stranger, GOVERNANCE).sync()
        for payload in (
            '<changed xmlns="urn:xmppgov:keys:0" jid="dan@gov.localhost"/>',
            '<room xmlns="urn:xmppgov:rooms:0" id="mine" name="x"/>',
        ):
            with pytest.raises(IqError) as caught:
                await request(stranger, "set", payload, GOVERNANCE)
            assert caught.value.condition == "forbidden"
            assert caught.value.text


async def test_killed_at_any_moment_it_goes_on(world: Governance, prosody: Prosody) -> None:
    room, random = f"kill@{MUC}", Random(20261123)
    async with (
        logged_in(prosody, "gaspard@gov.localhost") as gaspard,
        logged_in(prosody, "henri@gov.localhost") as henri,
    ):
        world.institution.seat("gaspard", "kill", "chair")
        world.institution.seat("henri", "kill")
        await world.institution.import_now()
        await publish_keys(gaspard)
        await world.stands("kill", "gaspard", Standing.ADMITTED)
        for wanted in (Standing.ADMITTED, Standing.WAITING, Standing.ADMITTED):
            change = publish_keys if wanted is Standing.ADMITTED else publish_device_list
            await change(henri)
            await asyncio.sleep(random.uniform(0.05, 0.35))
            world.rooms.kill()
            world.rooms.start()
            await world.stands("kill", "henri", wanted)
            named = await assert_strict(gaspard, room)
            assert ("henri@gov.localhost" in named) == (wanted is Standing.ADMITTED)
            assert (room in await bookmarks(henri)) == (wanted is Standing.ADMITTED)
        assert len([x for x in await bookmarks(henri) if x == room]) == 1


async def test_the_server_is_killed_and_comes_back(world: Governance, prosody: Prosody) -> None:
    room = f"server@{MUC}"
    for person in ("gaspard", "henri"):
        world.institution.seat(person, "server")
    await world.institution.import_now()
    async with logged_in(prosody, "gaspard@gov.localhost") as gaspard:
        await publish_keys(gaspard)
        await world.stands("server", "gaspard", Standing.ADMITTED)
    prosody.kill()
    prosody.start()
    async with (
        logged_in(prosody, "gaspard@gov.localhost") as gaspard,
        logged_in(prosody, "henri@gov.localhost") as henri,
    ):
        await publish_keys(henri)
        await world.stands("server", "henri", Standing.ADMITTED)
        assert len(await assert_strict(gaspard, room)) == 2


async def test_whoever_waits_is_written_to_once(prosody: Prosody, tmp_path: Path) -> None:
    async with logged_in(prosody, "henri@gov.localhost") as henri:
        await publish_device_list(henri)
        bodies: list[str] = []
        henri.add_event_handler("message", lambda m: bodies.append(m["body"]))
        with governance(prosody, tmp_path, "nudge_after_seconds = 0\n") as world:
            world.institution.seat("henri", "nudge")
            await world.institution.import_now()
            await until(lambda: _value(bodies))
            world.rooms.kill()
            world.rooms.start()
            await world.stands("nudge", "henri", Standing.WAITING)
            await publish_keys(henri)
            await world.stands("nudge", "henri", Standing.ADMITTED)
            notice = json.loads(notices_file().read_text("utf-8"))["keys-wanted"]["fr"]
            assert [b for b in bodies if b] == [notice]


async def _value(items: list[str]) -> list[str]:
    return items


async def test_an_operator_has_everything_compared(prosody: Prosody, tmp_path: Path) -> None:
    operator = account_section(prosody, "alice@gov.localhost")
    section = (
        'operators = ["alice@gov.localhost"]\n[operator]\njid = "alice@gov.localhost"\n'
        f'port = {operator.port}\nsecret_file = "{operator.secret_file}"\n'
        f'ca_file = "{operator.ca_file}"\n'
    )
    async with logged_in(prosody, "bob@gov.localhost") as bob:
        await publish_keys(bob)
        with governance(prosody, tmp_path, section) as world:
            world.institution.seat("bob", "sync", "chair")
            world.institution.seat("unknown", "sync")
            await world.institution.import_now()
            await world.stands("sync", "bob", Standing.ADMITTED)
            config = str(tmp_path / "rooms.toml")
            done = await asyncio.to_thread(xmppgov, "rooms", "sync", "--config", config, "--json")
            (room,) = [r for r in json.loads(done)["rooms"] if r["id"] == "sync"]
            assert {p["person"]: p["state"] for p in room["people"]} == {
                "bob": "admitted",
                "unknown": "no account",
            }
            assert room["add"] == room["remove"] == room["change"] == []
            shown = await asyncio.to_thread(xmppgov, "rooms", "status", "--config", config)
            assert "bob@gov.localhost" in shown
            assert max(len(line) for line in shown.splitlines()) <= 80


def xmppgov(*arguments: str) -> str:
    """Run the command line; return what it prints."""
    command = [str(Path(sys.executable).parent / "xmppgov"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
