"""Messages between two servers: one record each, both ways, and one for each bounce."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.federation import OTHER_DOMAIN, federate
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import CANARY, OPEN_ROOMS, Inbox, World, join, say, world
from tests.streams import logged_in, read
from xmppgov.demo.prosody import Ports, Prosody

ALICE, BOB = "alice@gov.localhost", f"bob@{OTHER_DOMAIN}"
OUR_ROOM, THEIR_ROOM = "salon@rooms.gov.localhost", f"salon@rooms.{OTHER_DOMAIN}"

Servers = tuple[Prosody, Prosody]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Servers]:
    require_program(request.config, "prosody")
    folder = tmp_path_factory.mktemp("federation")
    ours = Prosody(folder / "ours", Ports.free(), modules="capture")
    other = Prosody(folder / "other", Ports.free(), domain=OTHER_DOMAIN, modules="")
    federate(ours, other)
    for server in (ours, other):
        file = Path(server.environment["XMPPGOV_EXTRA"])
        file.write_text(file.read_text("utf-8") + OPEN_ROOMS, "utf-8")
    for jid in (ALICE, "marker@gov.localhost"):
        ours.add_account(jid, "secret")
    other.add_account(BOB, "secret")
    ours.start()
    other.start()
    yield ours, other
    other.stop()
    ours.stop()


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(params=["up", "down"])
async def here(
    servers: Servers, sink: Sink, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    async with world(servers[0], sink, request.param) as new:
        yield new


async def test_out_and_in(here: World, servers: Servers) -> None:
    alice = await here.log_in(ALICE)
    async with logged_in(servers[1], BOB) as bob:
        received, answered = Inbox(bob), Inbox(alice)
        say(alice, BOB)
        await received.get(CANARY)
        say(bob, ALICE)
        await answered.get(CANARY)
    out, _ = await here.check(
        {"kind": "chat", "path": "s2s-out", "from": ALICE, "to": BOB},
        {"kind": "chat", "path": "s2s-in", "from": BOB, "to": ALICE},
    )
    assert out["sid"], "the sender's own archive numbered it"


async def test_bounces_both_ways(here: World, servers: Servers) -> None:
    alice = await here.log_in(ALICE)
    async with logged_in(servers[1], BOB) as bob:
        ours, theirs = Inbox(alice), Inbox(bob)
        say(alice, f"nobody@{OTHER_DOMAIN}")
        await ours.get("service-unavailable")
        say(bob, "nobody@gov.localhost")
        await theirs.get("service-unavailable")
    await here.check(
        {"kind": "chat", "path": "s2s-out", "from": ALICE},
        {"kind": "bounce", "path": "s2s-in", "to": ALICE, "oid": "m1"},
        {"kind": "chat", "path": "s2s-in", "from": BOB, "to": "nobody@gov.localhost"},
        {"kind": "bounce", "path": "s2s-out", "from": "nobody@gov.localhost", "to": BOB},
    )


async def test_a_stranger_in_our_room(here: World, servers: Servers) -> None:
    alice = await here.log_in(ALICE)
    async with logged_in(servers[1], BOB) as bob:
        ours, theirs = Inbox(alice), Inbox(bob)
        await join(alice, "Alice", OUR_ROOM)
        await join(bob, "Bob", OUR_ROOM)
        say(bob, OUR_ROOM, "groupchat", f"<body>{CANARY} dehors</body>")
        await ours.get(f"{CANARY} dehors")
        await theirs.get(f"{CANARY} dehors")
        say(alice, OUR_ROOM, "normal", '<x xmlns="http://jabber.org/protocol/muc#user">'
            f'<invite to="{BOB}"/></x>')  # fmt: skip
        await theirs.get("<invite")
    await here.check(
        {"kind": "groupchat", "path": "s2s-in", "from": BOB, "room": OUR_ROOM, "n": "2"},
        {"kind": "invite", "path": "s2s-out", "from": ALICE, "to": BOB},
    )


async def test_in_a_room_elsewhere(here: World, servers: Servers) -> None:
    alice = await here.log_in(ALICE)
    async with logged_in(servers[1], BOB) as bob:
        ours, theirs = Inbox(alice), Inbox(bob)
        await join(bob, "Bob", THEIR_ROOM)
        say(bob, THEIR_ROOM, "groupchat", "<body>avant</body>")
        await theirs.get("avant")
        await join(alice, "Alice", THEIR_ROOM)
        await ours.get("avant")
        say(alice, THEIR_ROOM, "groupchat", f"<body>{CANARY} loin</body>")
        await ours.get(f"{CANARY} loin")
        muc_user = '<body>psst</body><x xmlns="http://jabber.org/protocol/muc#user"/>'
        say(alice, f"{THEIR_ROOM}/Bob", "chat", muc_user)
        await theirs.get("psst")
        say(bob, f"{THEIR_ROOM}/Alice", "chat", muc_user)
        await ours.get("psst")
    await here.check(
        {"kind": "groupchat", "path": "s2s-out", "from": ALICE, "to": None, "room": THEIR_ROOM},
        {"kind": "groupchat", "path": "s2s-in", "from": THEIR_ROOM, "to": None, "room": THEIR_ROOM},
        {"kind": "muc-pm", "path": "s2s-out", "from": ALICE, "room": THEIR_ROOM},
        {"kind": "muc-pm", "path": "s2s-in", "to": ALICE, "room": THEIR_ROOM},
    )


async def test_a_dead_server_bounces(here: World, servers: Servers) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    servers[1].stop()
    try:
        say(alice, BOB)
        await inbox.get("remote-server-not-found")
        await here.check(
            {"kind": "chat", "path": "s2s-out", "from": ALICE, "to": BOB},
            {"kind": "bounce", "path": "s2s-in", "from": BOB, "to": ALICE, "oid": "m1"},
        )
    finally:
        servers[1].start()


async def test_no_content_leaves(servers: Servers, sink: Sink) -> None:
    assert len(sink.all()) > 20
    assert CANARY not in "".join(sink.batches)
    assert CANARY.encode() not in read(servers[0].state / "spool")
