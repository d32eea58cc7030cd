"""Nobody avoids a record or writes somebody else into one; capture alone, without the policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.conftest import require_program
from tests.federation import OTHER_DOMAIN, federated
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import OPEN_ROOMS, World, world
from tests.messages import CIPHERTEXT, LEGACY, Mailbox, refusal, text
from tests.omemo_nodes import request
from tests.streams import component_section, connected, logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.component import Component

ALICE, BOB, EVE = "alice@gov.localhost", "bob@gov.localhost", f"eve@{OTHER_DOMAIN}"
CAROL = "carol@gov.localhost"
SERVICE = f"directory.{OTHER_DOMAIN}"  # elsewhere, and it says what it likes
ROOM = f"salon@{SERVICE}"
MUC_USER = "http://jabber.org/protocol/muc#user"
EMPTY = f'<x xmlns="{MUC_USER}"/>'
DELAY = '<delay xmlns="urn:xmpp:delay" from="{}" stamp="2020-01-01T00:00:00Z"/>'
END = '<body>end</body><origin-id xmlns="urn:xmpp:sid:0" id="end"/>'
pytestmark = pytest.mark.asyncio(loop_scope="module")
Servers = tuple[Prosody, Prosody]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Servers]:
    require_program(request.config, "prosody")
    accounts = (ALICE, BOB, EVE, "marker@gov.localhost")
    folder = tmp_path_factory.mktemp("forgery")
    with federated(folder, "capture", accounts, "", OPEN_ROOMS) as both:
        yield both


class Ground:
    """The archive's view, and everybody who speaks: Alice and Bob here, Eve and a service there."""

    def __init__(self, here: World, *boxes: Mailbox) -> None:
        self.here = here
        self.alice, self.bob, self.eve, self.service = boxes

    async def said(self, by: Mailbox, to: Mailbox, inside: str, kind: str = "chat") -> None:
        """Send one message to a device, and one more behind it; wait until that has arrived."""
        device = str(to.stream.boundjid)
        raw(by, device, inside, kind)
        await to.get(by.send(device, END))

    async def one(self, **expected: str | None) -> None:
        """Assert that what was said gave one record, besides the one for the end."""
        await self.here.check(expected, {"oid": "end"})

    async def none(self) -> None:
        await self.here.check({"oid": "end"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(servers: Servers) -> AsyncIterator[Ground]:
    ours, other = servers
    section = component_section(other, "directory", "directory")
    service = Component(section, name="anything", identity=("conference", "text"))
    service.plugin["xep_0030"].add_identity("conference", "text", jid=ROOM)
    async with (
        world(ours, Sink(), "up") as here,
        logged_in(ours, ALICE) as alice,
        logged_in(ours, BOB) as bob,
        logged_in(other, EVE) as eve,
        connected(service),
    ):
        for account in (alice, bob, eve):
            await request(account, "get", '<ping xmlns="urn:xmpp:ping"/>')
        yield Ground(here, *(Mailbox(stream) for stream in (alice, bob, eve, service)))


def raw(by: Mailbox, to: str, inside: str, kind: str = "chat") -> None:
    """Send a message as it is written, with the id `raw`."""
    sender = f'from="{SERVICE}"' if isinstance(by.stream, Component) else ""
    by.stream.send_raw(f'<message {sender} to="{to}" type="{kind}" id="raw">{inside}</message>')


def invitation(name: str, who: str) -> str:
    return f'<x xmlns="{MUC_USER}"><{name} from="{who}"/></x>'


FORGED = "x&#10;r&#9;1&#9;id&#9;1&#9;chat&#9;c2s&#9;carol&#9;bob&#10;"


@pytest.mark.parametrize("who", [CAROL, FORGED, f"a{FORGED}@b", "blank in@a b"])
@pytest.mark.parametrize("name", ["invite", "decline"])
async def test_an_invitation_is_its_senders(ground: Ground, name: str, who: str) -> None:
    await ground.said(ground.alice, ground.bob, invitation(name, who))
    await ground.one(kind="invite", **{"from": ALICE, "to": BOB})
    await ground.said(ground.eve, ground.bob, invitation(name, who))
    await ground.one(kind="invite", **{"from": EVE, "to": BOB})
    await ground.said(ground.alice, ground.eve, invitation(name, who))
    await ground.one(kind="invite", **{"from": ALICE, "to": EVE})
    await ground.said(ground.service, ground.bob, invitation(name, who))
    await ground.one(kind="invite", **{"from": SERVICE, "to": BOB})


async def test_a_room_elsewhere_names_its_own_people(ground: Ground) -> None:
    await ground.said(ground.service, ground.bob, invitation("invite", f"Zoe@{OTHER_DOMAIN}/x"))
    await ground.one(kind="invite", **{"from": f"zoe@{OTHER_DOMAIN}", "to": BOB})


@pytest.mark.parametrize(
    "to", ["bob@gov .localhost", "gov localhost", "bob@gov\u00a0localhost", "bob@gov&#10;localhost"]
)
async def test_an_address_that_nobody_has_is_refused(ground: Ground, to: str) -> None:
    alice = ground.alice
    alice.all.clear()
    raw(alice, to, CIPHERTEXT)
    answer = await alice.get("raw")
    assert refusal(answer) == ("modify", "jid-malformed")
    await ground.said(alice, ground.bob, CIPHERTEXT)
    await ground.one(enc="omemo:siacs")


@pytest.mark.parametrize("outwards", [False, True])
async def test_an_alleged_replay_is_recorded(ground: Ground, outwards: bool) -> None:
    by, to = (ground.alice, ground.eve) if outwards else (ground.eve, ground.alice)
    bare = str(by.stream.boundjid.bare)
    await ground.said(by, to, CIPHERTEXT + DELAY.format(bare), "groupchat")
    await ground.one(kind="groupchat", room=EVE, enc="omemo:siacs")


MUC = "http://jabber.org/protocol/muc"
INSIDE = f'<x xmlns="{MUC_USER}"><item affiliation="member" role="participant"/>{{}}</x>'


async def enter(by: Mailbox, room: str) -> None:
    by.stream.send_raw(f'<presence to="{room}/Alice"><x xmlns="{MUC}"/></presence>')
    await request(by.stream, "get", '<ping xmlns="urn:xmpp:ping"/>')


async def show(by: Mailbox, to: Mailbox, room: str, status: str) -> None:
    """Send the presence of an occupant to a device, and wait until it has come."""
    seen = asyncio.Event()

    def see(presence: object) -> None:
        if str(presence["from"]) == f"{room}/Alice":  # type: ignore[index]
            seen.set()

    to.stream.add_event_handler("presence_available", see)
    sender = f'from="{room}/Alice" ' if isinstance(by.stream, Component) else ""
    inside = INSIDE.format(status)
    by.stream.send_raw(f'<presence {sender}to="{to.stream.boundjid}">{inside}</presence>')
    await asyncio.wait_for(seen.wait(), 5)
    to.stream.del_event_handler("presence_available", see)


SELF = '<status code="110"/>'


async def test_a_room_that_was_entered_replays_until_its_subject(ground: Ground) -> None:
    """And only as soon as it has shown that the session is inside."""
    alice, service = ground.alice, ground.service
    said, as_room = CIPHERTEXT + DELAY.format(ROOM), {"sender": f"{ROOM}/Eve"}
    device = str(alice.stream.boundjid)
    recorded = {"kind": "groupchat", "from": ROOM, "room": ROOM}

    async def room_says(inside: str) -> None:
        await alice.get(service.send(device, inside, "groupchat", **as_room))

    await room_says(said)
    await ground.here.check(recorded)
    await enter(alice, ROOM)
    await room_says(said)
    await ground.here.check(recorded)
    await show(service, alice, ROOM, "")
    await room_says(said)
    await ground.here.check(recorded)
    await show(service, alice, ROOM, SELF)
    await room_says(said)
    await room_says("<subject/>")
    await ground.here.check()
    await show(service, alice, ROOM, SELF)
    await room_says(said)
    await ground.here.check(recorded)
    await alice.get(service.send(device, f"<body>psst</body>{EMPTY}", **as_room))
    await ground.here.check({"kind": "muc-pm", "to": ALICE, "room": ROOM})


async def test_a_person_who_plays_a_room_replays_nothing(ground: Ground, servers: Servers) -> None:
    """Alice enters Eve's account, and Eve, as "Alice", shows her that she is inside."""
    alice = ground.alice
    await enter(alice, EVE)
    async with logged_in(servers[1], f"{EVE}/Alice") as stream:
        eve = Mailbox(stream)
        await show(eve, alice, EVE, SELF)
        for inside in (CIPHERTEXT, "<body>words</body>"):
            await ground.said(eve, alice, inside + DELAY.format(EVE), "groupchat")
            await ground.one(kind="groupchat", room=EVE)
        await ground.said(eve, alice, CIPHERTEXT + EMPTY)
        await ground.one(kind="chat", room=None)


@pytest.mark.parametrize("outwards", [False, True])
async def test_a_person_is_no_room(ground: Ground, outwards: bool) -> None:
    by, to = (ground.alice, ground.eve) if outwards else (ground.eve, ground.alice)
    await ground.said(by, to, CIPHERTEXT + EMPTY)
    bare = str(to.stream.boundjid.bare)
    await ground.one(kind="chat", to=bare, room=None)


EVENT = '<event xmlns="http://jabber.org/protocol/pubsub#event"><items node="n">{}</items></event>'
FORWARDED = '<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client">{}</message>'
RESULT = f'<result xmlns="urn:xmpp:mam:2" id="1">{FORWARDED}</forwarded></result>'
CARBON = f'<received xmlns="urn:xmpp:carbons:2">{FORWARDED}</forwarded></received>'
HIDDEN = {
    "beside an event": EVENT.format("") + CIPHERTEXT,
    "in an event": EVENT.format(f"<item>{CIPHERTEXT}</item>"),
    "in a result": RESULT.format(CIPHERTEXT),
    "in a carbon": CARBON.format(CIPHERTEXT),
    "in a forward": f"{FORWARDED.format(CIPHERTEXT)}</forwarded>",
    "beside a result": RESULT.format("") + CIPHERTEXT,
    "in an id": f'<origin-id xmlns="urn:xmpp:sid:0">{CIPHERTEXT}</origin-id>',
}
SPOKEN = {
    "between": "words",
    "thread": '<thread>two words</thread><active xmlns="http://jabber.org/protocol/chatstates"/>',
    "error": "<error>words</error>",
    "room": f'<x xmlns="{MUC_USER}"><item>words</item></x>',
    "result": RESULT.format("<body>words</body>"),
    "state": '<active xmlns="http://jabber.org/protocol/chatstates">words</active>',
    "privilege": '<privilege xmlns="urn:xmpp:privilege:2">words</privilege>',
}


SAYS = "rendez-vous-a-huit-heures;" * 20
BESIDE = {
    "html": '<html xmlns="http://jabber.org/protocol/xhtml-im"><body '
    'xmlns="http://www.w3.org/1999/xhtml">words</body></html>',
    "thread": "<thread>two words</thread>",
    "text": "words",
    "attribute": f'<store xmlns="urn:xmpp:hints" says="{SAYS}"/>',
    "second": EVENT.format("<item><x xmlns='urn:x'>words</x></item>"),
    "header": '<headers xmlns="http://jabber.org/protocol/shim">'
    '<header name="SubID">two words</header></headers>',
    "namespace": '<headers xmlns="http://jabber.org/protocol/shim">'
    f'<header xmlns="{SAYS}" name="SubID">4F2A</header></headers>',
    "address": '<addresses xmlns="http://jabber.org/protocol/address">'
    f'<address type="replyto" jid="x@y/{SAYS}"/></addresses>',
}


@pytest.mark.parametrize("case", BESIDE)
async def test_nothing_stands_beside_an_event(ground: Ground, case: str) -> None:
    event = EVENT.format("<item><nick xmlns='urn:canari'>c</nick></item>")
    await ground.said(ground.service, ground.alice, event + BESIDE[case], "headline")
    await ground.one(kind="normal", **{"from": SERVICE})


async def test_what_servers_put_beside_an_event_gives_no_record(ground: Ground) -> None:
    event = EVENT.format("<item><nick xmlns='urn:canari'>c</nick></item>")
    beside = (
        f'<addresses xmlns="http://jabber.org/protocol/address"><address type="replyto" '
        f'jid="{SERVICE}/tablet"/></addresses><headers xmlns="http://jabber.org/protocol/shim">'
        '<header name="SubID">4F2A</header></headers>' + DELAY.format(SERVICE)
    )
    await ground.said(ground.service, ground.alice, event + beside, "headline")
    await ground.none()


STATE = '<active xmlns="http://jabber.org/protocol/chatstates"{}/>'
SIGNS = {
    "attribute of a state": STATE.format(f' says="{SAYS}"'),
    "attribute of a hint": f'<store xmlns="urn:xmpp:hints" says="{SAYS}"/>',
    "stamp": f'<delay xmlns="urn:xmpp:delay" stamp="{SAYS}"/>',
    "whose delay": f'<delay xmlns="urn:xmpp:delay" from="{SAYS[:40]}"/>',
    "receipt": f'<received xmlns="urn:xmpp:receipts" id="{SAYS}"/>',
    "marker": f'<displayed xmlns="urn:xmpp:chat-markers:0" id="1" sender="{{to}}/{SAYS}"/>',
    "marker of another": '<displayed xmlns="urn:xmpp:chat-markers:0" id="1" sender="a@b"/>',
    "origin": f'<origin-id xmlns="urn:xmpp:sid:0" id="{SAYS}"/>',
    "element": '<rendez-vous-a-huit-heures xmlns="urn:xmpp:hints"/>',
    "many": "<thread>t</thread>" * 2 + STATE.format(""),
    "room": f'<x xmlns="{MUC_USER}" says="{SAYS}"/>',
    "namespace": f'<x xmlns="{MUC_USER}"><status xmlns="{SAYS}" code="100"/></x>',
    "state": f'{STATE.format("")}<x xmlns="{MUC_USER}"><status xmlns="{SAYS}" code="100"/></x>',
}


@pytest.mark.parametrize("case", SIGNS)
async def test_no_sign_speaks(ground: Ground, case: str) -> None:
    for by, to in (
        (ground.alice, ground.bob),
        (ground.alice, ground.eve),
        (ground.eve, ground.alice),
        (ground.service, ground.alice),
    ):
        bare = str(to.stream.boundjid.bare)
        await ground.said(by, to, SIGNS[case].format(to=bare))
        await ground.one(kind="chat", to=bare)


ON_STANZA = {
    "id": f'id="{SAYS}"',
    "words": 'id="two words"',
    "language": f'xml:lang="{SAYS}"',
    "type": f'type="{SAYS}"',
    "unknown": f'says="{SAYS}"',
}


@pytest.mark.parametrize("case", ON_STANZA)
async def test_no_attribute_of_a_sign_speaks(ground: Ground, case: str) -> None:
    alice, bob = ground.alice, ground.bob
    device = str(bob.stream.boundjid)
    alice.stream.send_raw(f'<message to="{device}" {ON_STANZA[case]}>{STATE.format("")}</message>')
    await bob.get(alice.send(device, END))
    await ground.one(**{"from": ALICE, "to": BOB})


async def test_no_resource_speaks(ground: Ground) -> None:
    alice, bob = ground.alice, ground.bob
    state = STATE.format("")
    alice.stream.send_raw(f'<message to="{BOB}/{SAYS}" type="chat">{state}</message>')
    await bob.get(alice.send(str(bob.stream.boundjid), END))
    await ground.one(kind="chat", to=BOB)


# As Conversations, Dino, Gajim, Converse.js, Profanity and servers send them.
QUIET = {
    "state": STATE.format("") + '<no-store xmlns="urn:xmpp:hints"/>',
    "state in a thread": STATE.format("") + "<thread>8d7f9e-3a</thread>",
    "state with an id": STATE.format("")
    + '<origin-id xmlns="urn:xmpp:sid:0" id="b6d2"/><no-copy xmlns="urn:xmpp:hints"/>',
    "receipt": '<received xmlns="urn:xmpp:receipts" id="8f1c-44"/><store xmlns="urn:xmpp:hints"/>',
    "marker": '<displayed xmlns="urn:xmpp:chat-markers:0" id="$a:matrix.org" '
    'sender="{to}/Jean de la Tour"/><store xmlns="urn:xmpp:hints"/>',
    "delayed": STATE.format("") + '<delay xmlns="urn:xmpp:delay" from="{domain}" '
    'stamp="2026-11-24T08:00:00.123Z"/>',
    "numbered": STATE.format("") + '<stanza-id xmlns="urn:xmpp:sid:0" by="{by}" id="1763"/>'
    '<occupant-id xmlns="urn:xmpp:occupant-id:0" id="ZGQ3MjYwM2RlZWM5MGEz+/="/>',
}


@pytest.mark.parametrize("case", QUIET)
async def test_signs_of_real_apps_give_no_record(ground: Ground, case: str) -> None:
    for by, to in ((ground.alice, ground.bob), (ground.eve, ground.alice)):
        bare, mine = str(to.stream.boundjid.bare), str(by.stream.boundjid.bare)
        sign = QUIET[case].format(to=bare, by=mine, domain=mine.split("@")[1])
        await ground.said(by, to, sign)
        await ground.none()


@pytest.mark.parametrize("case", [*HIDDEN, *SPOKEN])
async def test_what_carries_something_has_a_record(ground: Ground, case: str) -> None:
    inside = (HIDDEN | SPOKEN)[case]
    for by, to in (
        (ground.alice, ground.bob),
        (ground.alice, ground.eve),
        (ground.eve, ground.alice),
        (ground.service, ground.alice),
    ):
        await ground.said(by, to, inside)
        await ground.one(kind="chat", to=str(to.stream.boundjid.bare))


async def test_an_event_elsewhere_is_an_accounts_and_not_a_devices(ground: Ground) -> None:
    devices = f"<item><list xmlns='{LEGACY}'><device id='1'/></list></item>"
    event = EVENT.format("<item><nick xmlns='urn:canari'>c</nick></item>")
    for true in (event, EVENT.format(devices)):
        await ground.said(ground.service, ground.alice, true, "headline")
        await ground.none()
    await ground.said(ground.eve, ground.alice, event, "headline")
    await ground.one(kind="normal", **{"from": EVE})


async def test_a_room_says_that_it_has_changed(ground: Ground) -> None:
    status = f'<x xmlns="{MUC_USER}"><status code="104"/></x>'
    await ground.said(ground.service, ground.alice, status, "groupchat")
    await ground.none()


async def test_ciphertext_that_is_published_has_a_record(servers: Servers, ground: Ground) -> None:
    """The event goes to the publisher's own devices as to anybody else's."""
    async with logged_in(servers[0], ALICE, "xep_0163") as alice:
        alice.plugin["xep_0163"].add_interest("urn:canari")
        alice.send_presence()
        inbox = Mailbox(alice)
        publish = f'<publish node="urn:canari"><item>{CIPHERTEXT}</item></publish>'
        pubsub = f'<pubsub xmlns="http://jabber.org/protocol/pubsub">{publish}</pubsub>'
        await request(alice, "set", pubsub)
        await inbox.until(lambda message: "urn:canari" in text(message))
    await ground.here.check({"from": ALICE, "to": ALICE, "path": "local", "enc": "omemo:siacs"})
