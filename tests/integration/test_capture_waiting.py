"""Closed: what is said is delivered when its record is on the disk; open: at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.streams import RawClient, log_in, resume
from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import Inbox, join, prepare, say, until
from tests.integration.failing_disk import MODULES, Disk
from tests.omemo_nodes import request
from tests.streams import component_section, connected, logged_in
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Member, Room
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

ALICE, BOB, CAROL = (f"{name}@gov.localhost" for name in ("alice", "bob", "carol"))
DORA = "dora@invites.gov.localhost"
NAMES = {ALICE: "Alice", BOB: "Bob", CAROL: "Carole"}
MUC, GROUP = "rooms.gov.localhost", "groupe@rooms.gov.localhost"
EXTRA = f"""
plugin_paths = {{ ENV_XMPPGOV_PROSODY .. "/modules", "{MODULES}" }}
tests_disk = ENV_XMPPGOV_STATE .. "/disk"
xmppgov_capture_level = {{ ["class:group"] = "full" }}
xmppgov_capture_fail = {{ ["invites.gov.localhost"] = "closed" }}

Component "disk.gov.localhost"
	modules_enabled = {{ "xmppgov_capture", "tests_disk" }}
"""


@dataclass
class House:
    """A server whose group is a closed room, and what its disk does."""

    server: Prosody
    disk: Disk
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def enter(self, jid: str) -> tuple[Account, Inbox]:
        """Log in, enter the group, and return the stream and what it receives."""
        account = await self.stack.enter_async_context(logged_in(self.server, jid))
        inbox = Inbox(account)
        await join(account, NAMES[jid], GROUP)
        return account, inbox

    def spool(self) -> str:
        files = sorted((self.server.state / "spool").glob("*.spool"))
        return "".join(file.read_text("utf-8") for file in files)

    def log(self) -> str:
        return (self.server.state / "log" / "prosody.log").read_text("utf-8")

    async def written(self, oid: str) -> int:
        """Wait until a record is in the spool, and return its number."""
        found: list[str] = []

        def look() -> bool:
            found[:] = re.findall(rf"record seq='(\d+)'[^\n]* oid='{oid}'", self.spool())
            return bool(found)

        await until(look)
        return int(found[0])

    def confirmed(self) -> int:
        return max(int(n) for n in ["0", *re.findall(r"^c\t(\d+)", self.spool(), re.MULTILINE)])


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    new = Prosody(tmp_path, Ports.free(), modules="capture rooms")
    new.prepare()
    prepare(new, EXTRA)
    for jid in (*NAMES, DORA):
        new.add_account(jid, "secret")
    yield new
    new.kill()


@asynccontextmanager
async def governing(server: Prosody) -> AsyncIterator[RoomsClient]:
    stream = Component(
        component_section(server, "governance", "rooms"), name="test", identity=("component", "x")
    )
    async with connected(stream):
        yield RoomsClient(stream, MUC)


def room(*jids: str) -> Room:
    return Room("groupe", "Groupe", tuple(Member(jid, NAMES[jid]) for jid in jids), "group")


@pytest.fixture
async def house(server: Prosody) -> AsyncIterator[House]:
    new = House(server, Disk(server.state / "disk"))
    server.start()
    async with governing(server) as rooms:
        await rooms.set(room(*NAMES))
    async with new.stack:
        yield new


def spoken(oid: str) -> str:
    return f'<body>b</body><origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>'


def order(inbox: Inbox) -> list[str]:
    """Return the origin-ids of the messages that came, in their order."""
    found = (re.search(r'"(o-[\w-]+)"', xml) for xml in inbox.xml)
    return [match[1] for match in found if match]


async def archived(server: Prosody, *oids: str) -> Sink:
    """Connect an archive until it has these records."""
    sink = Sink()
    async with connected(sink.component(server)):
        for oid in oids:
            await sink.wait(lambda oid=oid: sink.find(oid=oid))
    return sink


async def test_it_is_delivered_when_the_record_is_on_the_disk(house: House) -> None:
    """Others go on meanwhile, and nothing says that it has been handed on."""
    (alice, _), (bob, inbox) = await house.enter(ALICE), await house.enter(BOB)
    house.disk.hold()
    say(alice, GROUP, "groupchat", spoken("o-closed"))
    number = await house.written("o-closed")
    async with logged_in(house.server, CAROL) as carol:
        say(carol, BOB, inside=spoken("o-open"))
        await inbox.get('"o-open"')
    assert order(inbox) == ["o-open"]
    assert house.confirmed() < number
    house.disk.release()
    await inbox.get('"o-closed"')
    sink = await archived(house.server, "o-closed", "o-open")
    assert {r["state"] for r in sink.all()} == {"accepted"}
    assert bob


async def test_killed_while_it_waits_it_is_unconfirmed(house: House) -> None:
    (alice, _), (_, inbox) = await house.enter(ALICE), await house.enter(BOB)
    house.disk.hold()
    say(alice, GROUP, "groupchat", spoken("o-1"))
    await house.written("o-1")
    house.server.kill()
    assert order(inbox) == []
    house.disk.release()
    house.server.start()
    sink = await archived(house.server, "o-1")
    assert [r["state"] for r in sink.find(oid="o-1")] == ["unconfirmed"]


async def test_a_group_shares_one_sync(house: House) -> None:
    people = [await house.enter(jid) for jid in NAMES]
    house.disk.hold()
    say(people[0][0], GROUP, "groupchat", spoken("o-first"))
    await house.written("o-first")
    before = house.disk.syncs
    for n, (account, _) in enumerate(people[1:]):
        say(account, GROUP, "groupchat", spoken(f"o-{n}"))
        await house.written(f"o-{n}")
    house.disk.release()
    for _, inbox in people:
        await inbox.get('"o-', 3)
    assert house.disk.syncs - before <= 3
    assert [order(inbox) for _, inbox in people] == [["o-first", "o-0", "o-1"]] * 3


async def test_a_record_waits_for_the_timer_of_its_group_and_for_nothing_else(
    server: Prosody,
) -> None:
    """With a timer that never ends, many records are written and none is synced."""
    prepare(server, f"xmppgov_capture_sync_interval = 3600\n{EXTRA}")
    disk = Disk(server.state / "disk")
    house = House(server, disk)
    server.start()
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox = Inbox(bob)
        before = disk.syncs
        for n in range(500):
            say(alice, BOB, inside=spoken(f"o-{n}"))
        await inbox.get('"o-', 500)
        await house.written("o-499")
    assert disk.syncs == before
    assert disk.timers.count(3600) == 1  # all of them share it


async def test_records_wait_for_20_milliseconds_by_default(house: House) -> None:
    async with logged_in(house.server, ALICE) as alice, logged_in(house.server, BOB) as bob:
        inbox = Inbox(bob)
        asked, before = len(house.disk.timers), house.disk.syncs
        say(alice, BOB, inside=spoken("o-1"))
        await inbox.get('"o-1"')
        await until(lambda: house.disk.syncs > before)
    assert 0.02 in house.disk.timers[asked:]


async def test_the_order_within_a_session_holds(house: House) -> None:
    """Also of what comes in one piece, more than the server reads at once."""
    _, inbox = await house.enter(BOB)
    client = await log_in(house.server, "alice")
    client.send(
        f"<presence to='{GROUP}/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>".encode()
    )
    mine = Inbox((await house.enter(CAROL))[0])
    oids = [f"o-{n:03}" for n in range(120)]
    filler = "x" * 500
    client.send(
        "".join(
            f"<message to='{GROUP if n % 3 else BOB}' type='{'groupchat' if n % 3 else 'chat'}'>"
            f"<body>{filler}</body><origin-id xmlns='urn:xmpp:sid:0' id='{oid}'/></message>"
            for n, oid in enumerate(oids)
        ).encode()
    )
    await inbox.get('"o-', len(oids))
    assert order(inbox) == oids
    await mine.get('"o-119"')
    await client.close()


async def test_a_session_may_end_while_its_message_waits(house: House) -> None:
    """What it said before is delivered, in the room and to itself."""
    _, inbox = await house.enter(BOB)
    alice, _ = await house.enter(ALICE)
    kept = Inbox(await house.stack.enter_async_context(logged_in(house.server, f"{DORA}/stays")))
    house.disk.hold()
    async with logged_in(house.server, f"{DORA}/goes") as dora:
        say(dora, None, inside=spoken("o-self"))
        await house.written("o-self")
    say(alice, GROUP, "groupchat", spoken("o-said"))
    await house.written("o-said")
    alice.abort()
    house.disk.release()
    await inbox.get('"o-said"')
    await kept.get('"o-self"')
    sink = await archived(house.server, "o-said", "o-self")
    assert {r["state"] for r in sink.all()} == {"accepted"}


async def test_a_member_may_be_removed_while_the_message_waits(house: House) -> None:
    (alice, _), (_, inbox) = await house.enter(ALICE), await house.enter(BOB)
    house.disk.hold()
    say(alice, GROUP, "groupchat", spoken("o-last"))
    await house.written("o-last")
    async with governing(house.server) as rooms:
        await rooms.set(room(BOB, CAROL))
    house.disk.release()
    await inbox.get('"o-last"')
    (record,) = (await archived(house.server, "o-last")).find(oid="o-last")
    assert (record["from"], record["room"]) == (ALICE, GROUP)


async def _resumable(client: RawClient) -> str:
    """Ask for a stream that can be resumed (XEP-0198), and return its id."""
    client.send(b"<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    await client.reader.readuntil(b"<enabled")
    enabled = await client.reader.readuntil(b"/>")
    return enabled.split(b" id='")[1].split(b"'")[0].decode()


async def test_a_session_may_be_resumed_while_its_message_waits(house: House) -> None:
    """What it sends on the new stream comes behind what waited on the old one."""
    _, inbox = await house.enter(BOB)
    first = await log_in(house.server, "alice")
    first.send(
        f"<presence to='{GROUP}/Alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>".encode()
    )
    token = await asyncio.wait_for(_resumable(first), 10)
    house.disk.hold()
    first.send(_room_message("o-1") + _room_message("o-2"))
    await house.written("o-1")
    first.writer.transport.abort()
    second = await asyncio.wait_for(resume(house.server, "alice", token), 10)
    second.send(_room_message("o-3"))
    house.disk.release()
    await inbox.get('"o-3"')
    assert order(inbox) == ["o-1", "o-2", "o-3"]
    await second.close()


def _room_message(oid: str) -> bytes:
    return f"<message to='{GROUP}' type='groupchat'>{spoken(oid)}</message>".encode()


async def test_a_clean_stop_delivers_what_waits(house: House) -> None:
    """Nobody is online any more when the disk is ready: it is in the room's archive."""
    alice, _ = await house.enter(ALICE)
    house.disk.hold()
    say(alice, GROUP, "groupchat", spoken("o-1"))
    await house.written("o-1")
    process = house.server.process
    assert process is not None
    process.terminate()
    await until(lambda: "Shutting down..." in house.log())
    house.disk.release()
    house.server.stop()
    house.server.start()
    sink = await archived(house.server, "o-1")
    assert [r["state"] for r in sink.find(oid="o-1")] == ["accepted"]
    assert "o-1" in await asyncio.wait_for(_archive_of_the_group(house.server), 10)


async def _archive_of_the_group(server: Prosody) -> str:
    """Return all that the room's archive (XEP-0313) tells Bob."""
    client = await log_in(server, "bob")
    client.send(f"<iq type='set' id='q' to='{GROUP}'><query xmlns='urn:xmpp:mam:2'/></iq>".encode())
    found = (await client.reader.readuntil(b"<fin")).decode()
    await client.close()
    return found


async def test_what_cannot_be_synced_is_refused(house: House) -> None:
    """And has a record that is unconfirmed; afterwards everything goes on."""
    (alice, refused), (_, inbox) = await house.enter(ALICE), await house.enter(BOB)
    house.disk.fail()
    say(alice, GROUP, "groupchat", spoken("o-lost"))
    await refused.get("resource-constraint")
    assert "cannot be recorded" in "".join(refused.xml)
    say(alice, BOB, inside=spoken("o-open"))
    await inbox.get('"o-open"')
    say(alice, GROUP, "groupchat", spoken("o-gated"))
    await refused.get("resource-constraint", 2)
    house.disk.release()
    await until(lambda: "can be written again" in house.log())
    say(alice, GROUP, "groupchat", spoken("o-again"))
    await inbox.get('"o-again"')
    assert order(inbox) == ["o-open", "o-again"]
    sink = await archived(house.server, "o-lost", "o-again")
    assert [(r["oid"], r["state"]) for r in sink.all()] == [
        ("o-lost", "unconfirmed"),
        ("o-again", "accepted"),
    ]
    assert sink.holes == [{"first": "2", "last": "2", "reason": "lost"}]


async def archive_of(account: Account) -> str:
    """Return all that an account's own archive (XEP-0313) tells it."""
    inbox = Inbox(account)
    await request(account, "set", '<query xmlns="urn:xmpp:mam:2"/>')
    return "".join(inbox.xml)


async def test_what_cannot_be_synced_is_nowhere_but_with_its_sender(house: House) -> None:
    """And only the first one is: the gate stands before every archive, the sync behind one."""
    async with logged_in(house.server, DORA) as dora, logged_in(house.server, ALICE) as alice:
        refused, inbox = Inbox(dora), Inbox(alice)
        house.disk.fail()
        for n, oid in enumerate(("o-first", "o-second"), 1):
            say(dora, ALICE, inside=spoken(oid))
            await refused.get("resource-constraint", n)
        house.disk.release()
        await until(lambda: "can be written again" in house.log())
        say(dora, ALICE, inside=spoken("o-again"))
        await inbox.get('"o-again"')
        assert order(inbox) == ["o-again"]
        theirs, own = await archive_of(alice), await archive_of(dora)
    assert ["o-first" in theirs, "o-second" in theirs, "o-again" in theirs] == [False, False, True]
    assert ["o-first" in own, "o-second" in own, "o-again" in own] == [True, False, True]


async def test_what_a_component_says_waits_in_its_own_way(house: House) -> None:
    """The server waits with it: a component has no thread that could be put aside."""
    service = Component(
        component_section(house.server, "directory", "directory"),
        name="x",
        identity=("component", "x"),
    )
    async with connected(service), logged_in(house.server, DORA) as dora:
        inbox = Inbox(dora)
        before = house.disk.syncs
        say(service, DORA, inside=spoken("o-component"))
        await inbox.get('"o-component"')
        assert house.disk.syncs > before
        house.disk.fail()
        say(service, DORA, inside=spoken("o-refused"))
        await house.written("o-refused")
        house.disk.release()
        await until(lambda: "can be written again" in house.log())
        say(service, DORA, inside=spoken("o-again"))
        await inbox.get('"o-again"')
        assert order(inbox) == ["o-component", "o-again"]
