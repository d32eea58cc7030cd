"""What is recorded depends on domain, class and room; a chamber may have an archive of its own."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from slixmpp.exceptions import IqError

from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import CANARY, Inbox, join, prepare, say
from tests.streams import component_section, connected, logged_in, read
from xmppgov.archive.emitter.verdicts.model import Verdict
from xmppgov.archive.emitter.verdicts.stanza import POLICY, parse_verdict
from xmppgov.demo.certificates import make_certificates
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Member, Room
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.refusal import refusal

ALICE, BOB, EVE = "alice@gov.localhost", "bob@gov.localhost", "eve@invites.gov.localhost"
SENATOR, COLLEAGUE = "senator@senat.localhost", "colleague@senat.localhost"
MUC, SENATE = "rooms.gov.localhost", "archive-senat.gov.localhost"
MARKERS = 3  # messages that mark the end of what was said, in one test
_numbers = itertools.count(1)
ROOMS = {
    "groupe": "group",
    "groupe-ouvert": "group",
    "commission": "committee",
    "cabinet": "cabinet",
    "libre": "",
}
EXTRA = f"""
local file = io.open(ENV_XMPPGOV_STATE .. "/secrets/archive")
local secret = file:read("l")
file:close()

xmppgov_capture_level = {{
	["groupe-ouvert@{MUC}"] = "full", ["class:cabinet"] = "none",
	["invites.gov.localhost"] = "none", ["senat.localhost"] = "counts",
}}
xmppgov_capture_archive = {{
	["*"] = "archive.gov.localhost", ["senat.localhost"] = "{SENATE}",
	["class:committee"] = "{SENATE}",
}}

VirtualHost "senat.localhost"

Component "{SENATE}"
	component_secret = secret
	modules_enabled = {{ "xmppgov_capture" }}
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    new = Prosody(tmp_path_factory.mktemp("p"), Ports.free(), modules="capture rooms")
    make_certificates(new.state, [new.domain, "invites.gov.localhost", "senat.localhost"])
    new.prepare()
    prepare(new, EXTRA)
    for jid in (ALICE, BOB, EVE, SENATOR, COLLEAGUE):
        new.add_account(jid, "secret")
    new.start()
    yield new
    new.stop()


@dataclass
class Archive:
    """What an archive was told since the last look."""

    sink: Sink = field(default_factory=Sink)
    seen: int = 0
    counted: int = 0

    def news(self) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """Return the new records, and the new numbers that are only counted."""
        records = [r for r in self.sink.all() if not r.get("oid", "").startswith("marker")]
        counted = self.sink.counted
        new = records[self.seen :], counted[self.counted :]
        self.seen, self.counted = len(records), len(counted)
        return new


@dataclass
class World:
    """A server with the archive for everything, and the Senate's."""

    server: Prosody
    main: Archive = field(default_factory=Archive)
    senate: Archive = field(default_factory=Archive)

    async def speak(self, room: str) -> None:
        """Alice says something in a room, and Bob hears it."""
        address = f"{room}@{MUC}"
        async with logged_in(self.server, ALICE) as alice, logged_in(self.server, BOB) as bob:
            inbox = Inbox(bob)
            await join(alice, "Alice", address)
            await join(bob, "Bob", address)
            say(alice, address, "groupchat")
            await inbox.get(CANARY)
        await self._mark(ALICE, BOB, self.main.sink)

    async def write(self, sender: str, recipient: str) -> None:
        """Somebody writes to somebody."""
        async with (
            logged_in(self.server, sender) as one,
            logged_in(self.server, recipient) as other,
        ):
            inbox = Inbox(other)
            say(one, recipient)
            await inbox.get(CANARY)
        await self._mark(ALICE, BOB, self.main.sink)

    async def _mark(self, sender: str, recipient: str, sink: Sink) -> None:
        """Wait until the archive has everything up to now."""
        oid = f"marker-{next(_numbers)}"
        async with logged_in(self.server, sender) as account:
            mark = f'<origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>'
            say(account, recipient, inside=f"<body>b</body>{mark}")
            await sink.wait(lambda: sink.find(oid=oid))


@pytest.fixture(scope="module")
def ground(server: Prosody) -> World:
    return World(server)


@pytest_asyncio.fixture
async def world(ground: World) -> AsyncIterator[World]:
    server = ground.server
    governance = Component(
        component_section(server, "governance", "rooms"), name="test", identity=("component", "x")
    )
    async with (
        connected(ground.main.sink.component(server)),
        connected(ground.senate.sink.component(server, "archive-senat")),
        connected(governance),
    ):
        members = (Member(ALICE, "Alice"), Member(BOB, "Bob"))
        for id, kind in ROOMS.items():
            await RoomsClient(governance, MUC).set(Room(id, id, members, kind))
        yield ground


async def test_a_group_is_only_counted(world: World) -> None:
    await world.speak("groupe")
    records, (counted,) = world.main.news()
    assert records == []
    assert counted.keys() == {"seq", "room"}
    assert counted["room"] == f"groupe@{MUC}"
    line = read(world.server.state / "spool").decode().split(f"counted seq='{counted['seq']}'")[1]
    assert line.split("\t")[0] == f" room='groupe@{MUC}'"


async def test_a_room_may_differ_from_its_class(world: World) -> None:
    await world.speak("groupe-ouvert")
    (record,), counted = world.main.news()
    assert (record["from"], record["room"]) == (ALICE, f"groupe-ouvert@{MUC}")
    assert counted == []


async def test_a_room_without_a_class_is_as_its_domain(world: World) -> None:
    await world.speak("libre")
    (record,), counted = world.main.news()
    assert (record["room"], counted) == (f"libre@{MUC}", [])


async def test_of_what_is_left_out_nothing_is_written(world: World) -> None:
    """Not even a number: whoever looks sees no gap."""
    before = sum(world.main.sink.last.values())
    await world.speak("cabinet")
    await world.write(EVE, ALICE)
    await world.write(ALICE, EVE)
    assert world.main.news() == world.senate.news() == ([], [])
    assert sum(world.main.sink.last.values()) - before == MARKERS


async def test_two_domains_record_the_less_of_the_two(world: World) -> None:
    """Each in the archive of the sender's domain; nobody, and no room, is in it."""
    await world.write(ALICE, SENATOR)
    await world.write(EVE, SENATOR)
    await world.write(SENATOR, EVE)
    await world.write(SENATOR, ALICE)
    await world.write(SENATOR, COLLEAGUE)
    records, counted = world.main.news()
    assert (records, [c.keys() for c in counted]) == ([], [{"seq"}])
    sink = world.senate.sink
    await sink.wait(lambda: len(sink.counted) == 2)
    records, counted = world.senate.news()
    assert (records, [c.keys() for c in counted]) == ([], [{"seq"}, {"seq"}])


async def test_a_class_may_have_an_archive_of_its_own(world: World) -> None:
    """With its own spool, epoch and numbers."""
    sink = world.senate.sink
    await world.speak("commission")
    await sink.wait(lambda: sink.find(room=f"commission@{MUC}"))
    (record,), _ = world.senate.news()
    assert (record["from"], record["state"]) == (ALICE, "accepted")
    assert world.main.news() == ([], [])
    own = world.server.state / "spool" / SENATE
    assert f"commission@{MUC}".encode() in read(own)
    assert f"commission@{MUC}" not in "".join(p.read_text() for p in own.parent.glob("*.spool"))
    assert sink.conflicts == world.main.sink.conflicts == 0


GOVERNANCE = "governance.gov.localhost"
HOLDS = [
    (GOVERNANCE, {"room": f"groupe@{MUC}"}, Verdict("counts", "archive.gov.localhost")),
    (GOVERNANCE, {"room": f"cabinet@{MUC}"}, Verdict("none", "archive.gov.localhost")),
    (GOVERNANCE, {"room": f"commission@{MUC}"}, Verdict("full", SENATE)),
    (
        GOVERNANCE,
        {"from": "gov.localhost", "to": "gov.localhost"},
        Verdict("full", "archive.gov.localhost"),
    ),
    (
        GOVERNANCE,
        {"from": "gov.localhost", "to": "senat.localhost"},
        Verdict("counts", "archive.gov.localhost"),
    ),
    (GOVERNANCE, {"from": "senat.localhost", "to": "gov.localhost"}, Verdict("counts", SENATE)),
    (
        GOVERNANCE,
        {"from": "elsewhere.example", "to": "gov.localhost"},
        Verdict("full", "archive.gov.localhost"),
    ),
    (
        "invites.gov.localhost",  # the host that is asked counts, too
        {"from": "gov.localhost", "to": "gov.localhost"},
        Verdict("none", "archive.gov.localhost"),
    ),
]


async def _asked(account: Account, host: str, where: dict[str, str]) -> Verdict | None:
    iq = account.make_iq_get(ito=host)
    iq.append(ET.Element(POLICY, where))
    return parse_verdict((await iq.send(timeout=10)).xml[0])


async def test_a_service_is_told_what_holds(world: World) -> None:
    """As it is recorded, with the same words: rooms, two domains, and the host itself."""
    async with logged_in(world.server, ALICE) as account:
        for host, where, verdict in HOLDS:
            assert await _asked(account, host, where) == verdict, where


async def test_of_what_is_not_there_nobody_can_say_what_holds(world: World) -> None:
    async with logged_in(world.server, ALICE) as account:
        for where, condition in (
            ({"room": f"nobody@{MUC}"}, "item-not-found"),
            ({"room": MUC}, "item-not-found"),
            ({"room": "x@elsewhere.example"}, "item-not-found"),
            ({"from": "gov.localhost"}, "bad-request"),
            ({}, "bad-request"),
        ):
            with pytest.raises(IqError) as refused:
                await _asked(account, GOVERNANCE, where)
            assert refusal(refused.value).condition == condition
