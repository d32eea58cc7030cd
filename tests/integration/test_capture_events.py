"""Every row of the event table gives one record or none, with the archive up or down first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from slixmpp.xmlstream.matcher import MatchXPath

from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import CANARY, Inbox, World, join, prepare, say, world
from tests.streams import component_section, connected, read
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.xmpp.component import Component

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
DIRECTORY, ROOM = "directory.gov.localhost", "salon@rooms.gov.localhost"
OFFLINE = {archive: f"offline-{archive}@gov.localhost" for archive in ("up", "down")}
EMPTY = {"room": None, "n": None}


@pytest.fixture(scope="module")
def prosody(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    server = Prosody(tmp_path_factory.mktemp("prosody"), Ports.free(), modules="capture")
    server.prepare()
    prepare(server)
    for jid in (ALICE, BOB, "carol@gov.localhost", "marker@gov.localhost", *OFFLINE.values()):
        server.add_account(jid, "secret")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sink() -> Sink:
    return Sink()


@pytest.fixture(params=["up", "down"])
async def here(
    prosody: Prosody, sink: Sink, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    async with world(prosody, sink, request.param) as new:
        yield new


async def test_to_a_bare_address(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    say(alice, BOB, inside=f'<body>{CANARY}</body><origin-id xmlns="urn:xmpp:sid:0" id="o1"/>')
    await inbox.get(CANARY)
    (record,) = await here.check(
        {"kind": "chat", "path": "c2s", "from": ALICE, "to": BOB, "enc": "none", "oid": "o1"}
        | {"state": "accepted"}
        | EMPTY
    )
    assert any(f'id="{record["sid"]}"' in xml for xml in inbox.xml)


async def test_to_a_full_address(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    say(alice, str(bob.boundjid), "normal")
    await inbox.get(CANARY)
    await here.check({"kind": "normal", "from": ALICE, "to": BOB, "oid": None})


async def test_offline_and_the_replay_at_login(here: World) -> None:
    alice, absent = await here.log_in(ALICE), OFFLINE[here.archive]
    say(alice, absent)
    await here.check({"kind": "chat", "from": ALICE, "to": absent})
    inbox = Inbox(await here.log_in(absent))
    await inbox.get(CANARY)
    await here.check()


async def test_to_an_unknown_user(here: World) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    say(alice, "nobody@gov.localhost")
    await inbox.get("service-unavailable")
    await here.check({"kind": "chat", "from": ALICE, "to": "nobody@gov.localhost"})


@pytest.mark.parametrize("to", [None, ALICE])
async def test_to_oneself(here: World, to: str | None) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    say(alice, to)
    await inbox.get(CANARY)
    await here.check({"kind": "chat", "from": ALICE, "to": ALICE, "path": "c2s"})


async def test_to_and_from_a_component(here: World) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    service = Component(
        component_section(here.server, "directory", "directory"),
        name="Annuaire",
        identity=("directory", "user"),
    )
    got = asyncio.Event()
    service.add_event_handler("message", lambda _: got.set())
    async with connected(service):
        say(alice, DIRECTORY)
        await asyncio.wait_for(got.wait(), 10)
        say(service, ALICE)
        await inbox.get(CANARY)
    await here.check(
        {"kind": "chat", "path": "c2s", "from": ALICE, "to": DIRECTORY},
        {"kind": "chat", "path": "component", "from": DIRECTORY, "to": ALICE},
    )


async def test_to_a_component_that_is_down(here: World) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    say(alice, DIRECTORY)
    await inbox.get("remote-server-timeout")
    await here.check({"kind": "chat", "path": "c2s", "from": ALICE, "to": DIRECTORY})


async def test_an_error_message_is_a_bounce(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    say(
        alice,
        BOB,
        "error",
        '<error type="cancel"><item-not-found '
        'xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
    )
    say(alice, str(bob.boundjid))
    await inbox.get(CANARY)
    await here.check(
        {"kind": "bounce", "from": ALICE, "to": BOB, "oid": "m1"},
        {"kind": "chat", "from": ALICE, "to": BOB},
    )


async def test_a_room_message_is_one_record(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inboxes = [Inbox(alice), Inbox(bob)]
    await join(alice, "A canari-7f3a", ROOM)
    await join(bob, "Bob canari-7f3a", ROOM)
    say(alice, ROOM, "groupchat", f"<body>{CANARY}</body>")
    for inbox in inboxes:
        await inbox.get(f"<body>{CANARY}</body>")
    (record,) = await here.check(
        {"kind": "groupchat", "path": "c2s", "from": ALICE, "to": None, "room": ROOM, "n": "2"}
    )
    assert record["sid"]
    carol = await here.log_in("carol@gov.localhost")
    history = Inbox(carol)
    await join(carol, "Carole", ROOM)
    await history.get("delay")
    await here.check()


async def test_a_subject_is_one_record(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    room = f"sujet-{here.archive}@rooms.gov.localhost"
    await join(alice, "Alice", room)
    await join(bob, "Bob", room)
    say(alice, room, "groupchat", f"<subject>{CANARY} sujet</subject>")
    await inbox.get(f"{CANARY} sujet")
    say(bob, room, "groupchat", f"<subject>{CANARY} refused</subject>")
    say(bob, room, "groupchat")
    await inbox.get(f"<body>{CANARY}")
    await here.check(
        {"kind": "subject", "path": "c2s", "from": ALICE, "room": room, "n": "2"},
        {"kind": "groupchat", "from": BOB, "room": room},
    )


async def test_a_private_message_in_a_room_is_one_record(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    await join(alice, "Alice", ROOM)
    await join(bob, "Bob", ROOM)
    say(alice, f"{ROOM}/Bob")
    await inbox.get(f"<body>{CANARY}</body>")
    await here.check({"kind": "muc-pm", "path": "c2s", "from": ALICE, "to": BOB, "room": ROOM})


async def test_invitations(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    await join(alice, "Alice", ROOM)
    say(alice, BOB, "normal", f'<x xmlns="jabber:x:conference" jid="{ROOM}" reason="{CANARY}"/>')
    await inbox.get("jabber:x:conference")
    say(
        alice,
        ROOM,
        "normal",
        '<x xmlns="http://jabber.org/protocol/muc#user">'
        f'<invite to="{BOB}"><reason>{CANARY}</reason></invite></x>',
    )
    await inbox.get("<invite")
    await here.check(
        {"kind": "invite", "path": "c2s", "from": ALICE, "to": BOB},
        {"kind": "invite", "from": ALICE, "to": BOB},
    )


async def test_a_message_by_privilege_is_one_record(here: World) -> None:
    bob = await here.log_in(BOB)
    inbox = Inbox(bob)
    service = Component(
        component_section(here.server, "governance", "rooms"),
        name="Salons",
        identity=("component", "generic"),
    )
    async with connected(service):
        say(
            service,
            here.server.domain,
            inside='<privilege xmlns="urn:xmpp:privilege:2"><forwarded xmlns="urn:xmpp:forward:0">'
            f'<message xmlns="jabber:client" from="{ALICE}" to="{BOB}" type="chat">'
            f"<body>{CANARY}</body></message></forwarded></privilege>",
        )
        await inbox.get(CANARY)
    await here.check({"kind": "chat", "path": "local", "from": ALICE, "to": BOB})


async def test_a_groupchat_message_to_a_person_is_refused_and_recorded(here: World) -> None:
    alice = await here.log_in(ALICE)
    inbox = Inbox(alice)
    say(alice, BOB, "groupchat")
    await inbox.get("service-unavailable")
    await here.check({"kind": "groupchat", "from": ALICE, "to": None, "room": BOB})


async def test_a_resend_is_a_second_record(here: World) -> None:
    alice = await here.log_in(ALICE)
    for _ in range(2):
        say(alice, BOB, inside='<body>x</body><origin-id xmlns="urn:xmpp:sid:0" id="again"/>')
    first, second = await here.check({"oid": "again"}, {"oid": "again"})
    assert first["id"] != second["id"]


async def test_carbons_and_archive_queries_add_nothing(here: World) -> None:
    alice, again = await here.log_in(ALICE), await here.log_in(ALICE + "/zwei", "xep_0280")
    await again.plugin["xep_0280"].enable()
    bob, inbox = await here.log_in(BOB), Inbox(again)
    say(alice, BOB)
    await inbox.get("urn:xmpp:carbons:2")
    again.send_raw('<iq type="set" id="q1"><query xmlns="urn:xmpp:mam:2"/></iq>')
    await inbox.get("urn:xmpp:mam:2")
    await here.check({"kind": "chat", "from": ALICE, "to": BOB})
    assert bob


async def test_published_events_add_nothing(here: World) -> None:
    alice = await here.log_in(ALICE, "xep_0163", "xep_0118")
    got = asyncio.Event()
    alice.plugin["xep_0163"].add_interest("urn:canari")
    alice.send_presence()
    alice.add_event_handler("message", lambda _: None)
    from slixmpp.xmlstream.handler import Callback

    path = "{jabber:client}message/{http://jabber.org/protocol/pubsub#event}event"
    alice.register_handler(Callback("event", MatchXPath(path), lambda _: got.set()))
    alice.send_raw(
        '<iq type="set" id="p1"><pubsub xmlns="http://jabber.org/protocol/pubsub">'
        '<publish node="urn:canari"><item><nick xmlns="urn:canari">c</nick></item></publish>'
        "</pubsub></iq>"
    )
    await asyncio.wait_for(got.wait(), 10)
    await here.check()


QUIET = {
    "chat state": '<composing xmlns="http://jabber.org/protocol/chatstates"/>',
    "marker": '<displayed xmlns="urn:xmpp:chat-markers:0" id="x"/><store xmlns="urn:xmpp:hints"/>',
    "receipt": '<received xmlns="urn:xmpp:receipts" id="x"/>',
    "state with thread": '<thread>t</thread><active xmlns="http://jabber.org/protocol/chatstates"/>',
}
OMEMO = (
    '<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="1">'
    '<key rid="2">AA==</key></header>{}</encrypted>'
)
SPOKEN = {
    "omemo": (
        OMEMO.format("<payload>AA==</payload>") + f"<body>{CANARY}</body>",
        "chat",
        "omemo:siacs",
    ),
    "keytransport": (OMEMO.format(""), "keytransport", "omemo:siacs"),
    "omemo 2": ('<encrypted xmlns="urn:xmpp:omemo:2"/>', "chat", "omemo:2"),
    "openpgp": ('<openpgp xmlns="urn:xmpp:openpgp:0">AA==</openpgp>', "chat", "openpgp:0"),
    "otr": (f"<body>?OTR:{CANARY}</body>", "chat", "otr"),
    "call": ('<propose xmlns="urn:xmpp:jingle-message:0" id="c"/>', "call", "none"),
    "reaction": (
        '<reactions xmlns="urn:xmpp:reactions:0" id="x"><reaction>+</reaction></reactions>',
        "chat",
        "none",
    ),
    "false event": (
        f'<event xmlns="http://jabber.org/protocol/pubsub#event">{CANARY}</event>',
        "chat",
        "none",
    ),
    "stuffed state": (
        f'<composing xmlns="http://jabber.org/protocol/chatstates">{CANARY}</composing>',
        "chat",
        "none",
    ),
    "false carbon": (
        f'<received xmlns="urn:xmpp:carbons:2"><forwarded xmlns="urn:xmpp:forward:0">{CANARY}'
        "</forwarded></received>",
        "chat",
        "none",
    ),
    "bare thread": (f"<thread>{CANARY}</thread>", "chat", "none"),
}


async def test_what_gives_a_record_and_what_does_not(here: World) -> None:
    alice, bob = await here.log_in(ALICE), await here.log_in(BOB)
    inbox = Inbox(bob)
    for payload in QUIET.values():
        say(alice, BOB, inside=payload)
    for payload, _, _ in SPOKEN.values():
        say(alice, BOB, inside=payload)
    await inbox.get("<message", len(QUIET) + len(SPOKEN))
    await here.check(*({"kind": kind, "enc": enc} for _, kind, enc in SPOKEN.values()))


async def test_strange_identifiers_are_digests(here: World) -> None:
    alice = await here.log_in(ALICE)
    for oid in (f"{CANARY} avec espace", CANARY * 9, f"é{CANARY}"):
        say(alice, BOB, inside=f'<body>x</body><origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>')
    records = await here.check(*[{"from": ALICE}] * 3)
    assert all(r["oid"].startswith("sha256:") and len(r["oid"]) == 71 for r in records)


async def test_no_content_reaches_the_spool_or_the_archive(prosody: Prosody, sink: Sink) -> None:
    assert len(sink.all()) > 40
    assert CANARY not in "".join(sink.batches)
    assert CANARY.encode() not in read(prosody.state / "spool")
