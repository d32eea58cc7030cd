"""The MUC service obeys one manager and refuses everybody else, with a sentence."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from slixmpp.exceptions import IqError

from tests.omemo_nodes import request
from tests.rooms import Occupant, until
from tests.streams import component_section, connected, logged_in
from tests.strict import ADMIN, everybody, listed
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, NotFound
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import CHAIR, Member, Outcome, Room
from xmppgov.xmpp.component import Component

ALICE, BOB, CLARA = (f"{name}@gov.localhost" for name in ("alice", "bob", "clara"))
ACCOUNTS = [ALICE, BOB, CLARA]
PROSODY_MODULES = "rooms"
MUC = "rooms.gov.localhost"
GROUP = Room(
    "grp-1",
    "Groupe Horizon",
    (Member(ALICE, "Alice Durand", CHAIR), Member(BOB, "Bob Œuvrard")),
)
OWNER, REGISTER = "http://jabber.org/protocol/muc#owner", "jabber:iq:register"


@dataclass
class World:
    server: Prosody
    rooms: RoomsClient


@asynccontextmanager
async def manager(prosody: Prosody, name: str = "governance") -> AsyncIterator[RoomsClient]:
    secret = "rooms" if name == "governance" else name
    stream = Component(
        component_section(prosody, name, secret), name="test", identity=("component", "generic")
    )
    async with connected(stream):
        yield RoomsClient(stream, MUC)


def fresh(name: str) -> Room:
    """A room of its own for a test."""
    return replace(GROUP, id=name)


async def test_a_room_is_set_as_a_whole_and_read_back(prosody: Prosody) -> None:
    async with manager(prosody) as rooms:
        room = fresh("whole")
        assert await rooms.set(room) == Outcome(2, 0, 0)
        assert await rooms.set(room) == Outcome(0, 0, 0)
        assert (await rooms.rooms())["whole"] == 2
        rows = {r.jid: r for r in await rooms.room("whole")}
        assert {r.affiliation for r in rows.values()} == {"member"}
        assert (rows[ALICE].nick, rows[ALICE].role) == ("Alice Durand", "chair")
        assert (rows[BOB].nick, rows[BOB].role, rows[BOB].present) == (
            "Bob Œuvrard",
            "member",
            False,
        )
        assert await rooms.set(replace(room, members=room.members[1:])) == Outcome(0, 1, 0)
        assert await rooms.set(replace(room, members=())) == Outcome(0, 1, 0)
        assert (await rooms.rooms())["whole"] == 0


async def test_a_room_keeps_its_class(prosody: Prosody) -> None:
    async def kept(rooms: RoomsClient) -> str | None:
        question = ET.Element("{urn:xmppgov:rooms:0}room", {"id": "classed"})
        answer = await rooms._read("get", question)
        return answer.get("class")

    async with manager(prosody) as rooms:
        await rooms.set(replace(fresh("classed"), kind="group"))
        assert await kept(rooms) == "group"
    prosody.stop()
    prosody.start()
    async with manager(prosody) as rooms:
        assert await kept(rooms) == "group"
        await rooms.set(fresh("classed"))
        assert await kept(rooms) is None


async def test_it_says_who_has_an_account(prosody: Prosody) -> None:
    async with manager(prosody) as rooms:
        asked = [ALICE, "nobody@gov.localhost", "someone@elsewhere.example"]
        assert await rooms.accounts(asked) == {ALICE: True, "nobody@gov.localhost": False}


async def test_what_the_room_is(prosody: Prosody) -> None:
    async with manager(prosody) as rooms, logged_in(prosody, ALICE) as alice:
        await rooms.set(fresh("kind"))
        info = await request(
            alice,
            "get",
            '<query xmlns="http://jabber.org/protocol/disco#info"/>',
            f"kind@{MUC}",
        )
        features = {
            f.get("var") for f in info.iter("{http://jabber.org/protocol/disco#info}feature")
        }
        assert {"muc_membersonly", "muc_hidden", "muc_nonanonymous", "muc_persistent"} <= features
        items = await request(
            alice, "get", '<query xmlns="http://jabber.org/protocol/disco#items"/>', MUC
        )
        assert f"kind@{MUC}" not in ET.tostring(items, encoding="unicode")
        assert await listed(alice, f"kind@{MUC}", "member") == [ALICE, BOB]
        assert await listed(alice, f"kind@{MUC}", "owner") == []
        assert await listed(alice, f"kind@{MUC}", "admin") == []


async def test_bad_requests_are_refused(prosody: Prosody) -> None:
    async with manager(prosody) as rooms:
        for room in (
            fresh("a b"),
            replace(fresh("bad"), kind="Group"),
            replace(fresh("bad"), kind="group committee"),
            replace(fresh("bad"), members=(Member(f"{ALICE}/phone", "Alice"),)),
            replace(fresh("bad"), members=(Member("governance.gov.localhost", "Nous"),)),
            replace(fresh("bad"), members=(Member(f"grp-1@{MUC}", "Salon"),)),
        ):
            with pytest.raises(BadRequest):
                await rooms.set(room)
        with pytest.raises(NotFound):
            await rooms.room("bad")


async def test_a_stranger_is_refused(prosody: Prosody) -> None:
    async with manager(prosody, "archive") as other:
        with pytest.raises(NotAllowed):
            await other.set(fresh("stranger"))
        with pytest.raises(NotAllowed):
            await other.rooms()
    async with logged_in(prosody, ALICE) as alice:
        with pytest.raises(NotAllowed):
            await RoomsClient(alice, MUC).set(fresh("stranger"))
    async with manager(prosody) as rooms:
        assert "stranger" not in await rooms.rooms()


async def test_a_chair_is_moderator_on_joining_and_at_once(prosody: Prosody) -> None:
    room = fresh("chair")
    async with (
        manager(prosody) as rooms,
        logged_in(prosody, ALICE) as alice,
        logged_in(prosody, BOB) as bob,
    ):
        await rooms.set(room)
        a, b = Occupant(alice, f"chair@{MUC}"), Occupant(bob, f"chair@{MUC}")
        await a.join("Alice Durand")
        await b.join("Bob Œuvrard")
        await b.has_role("Alice Durand", "moderator")
        await b.has_role("Bob Œuvrard", "participant")
        swapped = (Member(ALICE, "Alice Durand"), Member(BOB, "Bob Œuvrard", CHAIR))
        assert await rooms.set(replace(room, members=swapped)) == Outcome(0, 0, 2)
        await a.has_role("Bob Œuvrard", "moderator")
        await a.has_role("Alice Durand", "participant")
        assert {r.jid for r in await rooms.room("chair") if r.present} == {ALICE, BOB}


async def test_removal_ends_the_occupancy(prosody: Prosody) -> None:
    room = fresh("removal")
    async with manager(prosody) as rooms, logged_in(prosody, BOB) as bob:
        await rooms.set(room)
        b = Occupant(bob, f"removal@{MUC}")
        await b.join("Bob Œuvrard")
        await rooms.set(replace(room, members=room.members[:1]))
        await b.has_role("Bob Œuvrard", "none")
        assert "321" in b.codes()
        assert (await b.join("Bob Œuvrard")).get("type") == "error"


async def test_everybody_bears_the_directory_s_name(prosody: Prosody) -> None:
    async with (
        manager(prosody) as rooms,
        logged_in(prosody, f"{BOB}/one") as one,
        logged_in(prosody, f"{BOB}/two") as two,
    ):
        await rooms.set(fresh("names"))
        first, second = Occupant(one, f"names@{MUC}"), Occupant(two, f"names@{MUC}")
        assert (await first.join("bob")).get("from") == f"names@{MUC}/Bob Œuvrard"
        assert (await second.join("Le Président")).get("from") == f"names@{MUC}/Bob Œuvrard"
        assert "210" in second.codes()
        one.send_presence(pto=f"names@{MUC}/Chef")

        async def refused() -> bool:
            return any(x.get("type") == "error" for x in first.seen)

        await until(refused)
        one.send_presence(pto=f"names@{MUC}/Bob Œuvrard", ptype="unavailable")
        await first.has_role("Bob Œuvrard", "participant")
        rows = {r.jid: r.present for r in await rooms.room("names")}
        assert rows[BOB]
        assert (await Occupant(one, f"names@{MUC}").join("Alice Durand")).get("type") == "error"


CHANGES = {
    "a list": ("set", f'<query xmlns="{ADMIN}"><item affiliation="member" jid="{CLARA}"/></query>'),
    "a role": ("set", f'<query xmlns="{ADMIN}"><item role="none" nick="Bob Œuvrard"/></query>'),
    "reading the settings": ("get", f'<query xmlns="{OWNER}"/>'),
    "the settings": (
        "set",
        f'<query xmlns="{OWNER}"><x xmlns="jabber:x:data" type="submit"/></query>',
    ),
    "destruction": ("set", f'<query xmlns="{OWNER}"><destroy/></query>'),
    "leaving the register": ("set", f'<query xmlns="{REGISTER}"><remove/></query>'),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("language", "words"), [("fr", "annuaire"), ("en", "directory"), ("de", "annuaire")]
)
async def test_people_change_nothing(
    prosody: Prosody, change: str, language: str, words: str
) -> None:
    kind, payload = CHANGES[change]
    async with manager(prosody) as rooms, logged_in(prosody, ALICE) as alice:
        await rooms.set(fresh("fixed"))
        iq = alice.make_iq(ito=f"fixed@{MUC}", itype=kind)
        iq["lang"] = language
        iq.append(ET.fromstring(payload))
        with pytest.raises(IqError) as caught:
            await iq.send(timeout=10)
        assert caught.value.condition == "not-allowed"
        assert words in caught.value.text
        assert await everybody(alice, f"fixed@{MUC}") == [ALICE, BOB]


async def _error_of(occupant: Occupant, message: str) -> str:
    """Send a message; return the sentence with which it is refused."""
    start = len(occupant.seen)
    occupant.account.send_raw(message)

    async def refusal() -> ET.Element | None:
        return next((x for x in occupant.seen[start:] if x.get("type") == "error"), None)

    error = await until(refusal)
    return error.findtext(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text") or ""


async def test_no_invitations_subjects_or_private_messages(prosody: Prosody) -> None:
    address = f"silent@{MUC}"
    async with (
        manager(prosody) as rooms,
        logged_in(prosody, ALICE) as alice,
        logged_in(prosody, BOB) as bob,
    ):
        await rooms.set(fresh("silent"))
        a, b = Occupant(alice, address), Occupant(bob, address)
        await a.join("Alice Durand")
        await b.join("Bob Œuvrard")
        invite = (
            f'<message to="{address}"><x xmlns="http://jabber.org/protocol/muc#user">'
            f'<invite to="{CLARA}"/></x></message>'
        )
        assert "annuaire" in await _error_of(a, invite)
        subject = f'<message to="{address}" type="groupchat"><subject>Vote</subject></message>'
        assert "sujet" in await _error_of(a, subject)
        private = f'<message to="{address}/Bob Œuvrard" type="chat"><body>psst</body></message>'
        assert "privé" in await _error_of(a, private)
        assert not any("psst" in ET.tostring(x, "unicode") for x in b.seen)
        assert await everybody(alice, address) == [ALICE, BOB]


async def test_people_make_no_rooms(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice, manager(prosody) as rooms:
        answer = await Occupant(alice, f"mine@{MUC}").join("Alice")
        assert answer.get("type") == "error"
        assert "mine" not in await rooms.rooms()


async def test_rooms_survive_the_server(prosody: Prosody) -> None:
    async with manager(prosody) as rooms:
        await rooms.set(fresh("lasting"))
    prosody.kill()
    prosody.start()
    async with manager(prosody) as rooms, logged_in(prosody, ALICE) as alice:
        assert await rooms.set(fresh("lasting")) == Outcome(0, 0, 0)
        occupant = Occupant(alice, f"lasting@{MUC}")
        await occupant.join("x")
        await occupant.has_role("Alice Durand", "moderator")


@pytest.mark.parametrize("many", [600])
async def test_a_whole_chamber_is_set_at_once(prosody: Prosody, many: int) -> None:
    members = tuple(Member(f"p{n}@gov.localhost", f"Personne {n}") for n in range(many))
    async with manager(prosody) as rooms:
        assert await rooms.set(Room("chamber", "Chambre", members)) == Outcome(many, 0, 0)
        assert await rooms.set(Room("chamber", "Chambre", members[1:])) == Outcome(0, 1, 0)
