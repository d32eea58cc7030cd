"""Messages between this server and others: in clear only where the operator allows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from tests.conftest import require_program
from tests.federation import federated
from tests.messages import CIPHERTEXT, Mailbox, body, mailbox, refusal, text
from tests.omemo_nodes import DEVICES, publish, request, subscribe
from xmppgov.demo.prosody import Prosody

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALICE, STRANGER = "alice@gov.localhost", "mallory@autre.localhost"
OUR_ROOM, THEIR_ROOM = "salon@rooms.gov.localhost", "salon@rooms.autre.localhost"
CANARY = "canary-c3d2"
ROOMS = """
Component "rooms.{domain}" "muc"
restrict_room_creation = false
muc_room_default_members_only = false
muc_room_default_change_subject = true
"""
ALLOWED = 'VirtualHost "gov.localhost"\nxmppgov_policy_plaintext_domains = { "autre.localhost" }\n'
Servers = tuple[Prosody, Prosody]
Pair = tuple[Mailbox, Mailbox]


@pytest.fixture(scope="module", params=[False, True], ids=["not allowed", "allowed"])
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[bool, Servers]]:
    """Whether clear messages to and from the other server are allowed, and both servers."""
    require_program(request.config, "prosody")
    folder, extra = tmp_path_factory.mktemp("federation"), ALLOWED if request.param else ""
    other_extra = ROOMS.format(domain="autre.localhost")
    accounts = [ALICE, STRANGER]
    with federated(folder, "policy", accounts, extra=extra, other_extra=other_extra) as both:
        yield request.param, both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(servers: tuple[bool, Servers]) -> AsyncIterator[Pair]:
    """Alice on our server and somebody on another."""
    ours, other = servers[1]
    async with mailbox(ours, ALICE) as alice, mailbox(other, STRANGER) as stranger:
        yield alice, stranger


@pytest.mark.parametrize("outward", [True, False], ids=["outward", "inward"])
async def test_words_between_servers(
    servers: tuple[bool, Servers], pair: Pair, outward: bool
) -> None:
    sender, recipient = pair if outward else pair[::-1]
    identity = sender.send(recipient.stream.boundjid.bare, f"<body>{CANARY}</body>")
    if servers[0]:
        assert body(await recipient.get(identity)) == CANARY
    else:
        answer = await sender.get(identity)
        assert refusal(answer) == ("modify", "policy-violation")
        await recipient.get(sender.send(recipient.stream.boundjid.bare, CIPHERTEXT))
        assert CANARY not in text(recipient.all)


async def test_a_remote_error_explains_itself_and_says_no_more(
    servers: tuple[bool, Servers], pair: Pair
) -> None:
    alice, stranger = pair
    reason = '<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">because-2f</text>'
    condition = '<gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
    children = f'<error type="cancel">{condition}{reason}</error><body>{CANARY}</body>'
    arrived = await alice.get(stranger.send(alice.stream.boundjid.full, children, "error"))
    assert "because-2f" in text(arrived)
    assert (CANARY in text(arrived)) == servers[0]


async def test_pep_events_of_contacts_arrive(pair: Pair) -> None:
    alice, stranger = pair
    await publish(stranger.stream, "urn:example:mood", "open")
    await subscribe(alice.stream, STRANGER, "urn:example:mood")
    await publish(stranger.stream, "urn:example:mood", "open", "another")
    await alice.until(lambda message: 'id="another"' in text(message))
    await publish(stranger.stream, DEVICES)


SHAPES = {
    "event": '<event xmlns="http://jabber.org/protocol/pubsub#event"/>',
    "result": f'<result xmlns="urn:xmpp:mam:2"><forwarded xmlns="urn:xmpp:forward:0">'
    f'<message xmlns="jabber:client">{CIPHERTEXT}</message></forwarded></result>',
}


@pytest.mark.parametrize("kind", ["chat", "headline"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_nobody_speaks_like_a_server(
    servers: tuple[bool, Servers], pair: Pair, shape: str, kind: str
) -> None:
    """Such messages give no record."""
    if servers[0]:
        pytest.skip("what the operator allows to be clear is not looked into")
    alice, stranger = pair
    stranger.send(alice.stream.boundjid.full, SHAPES[shape], kind)
    identity = stranger.send(alice.stream.boundjid.full, SHAPES[shape] + CIPHERTEXT, kind)
    await alice.get(identity)
    said = [m for m in alice.all if m.get("from") == stranger.stream.boundjid.full]
    assert f"}}{shape}" not in " ".join(e.tag for message in said for e in message)


async def test_a_room_elsewhere(pair: Pair) -> None:
    alice, stranger = pair
    for box, nick in ((stranger, "mallory"), (alice, "alice")):
        presence = box.stream.make_presence(pto=f"{THEIR_ROOM}/{nick}")
        presence.xml.append(ET.fromstring('<x xmlns="http://jabber.org/protocol/muc"/>'))
        presence.send()
        await box.until(lambda message: message.find("{jabber:client}subject") is not None)
        if box is stranger:
            form = '<x xmlns="jabber:x:data" type="submit"/>'
            owner = f'<query xmlns="http://jabber.org/protocol/muc#owner">{form}</query>'
            await request(box.stream, "set", owner, THEIR_ROOM)
    stranger.send(THEIR_ROOM, f"<body>{CANARY}-room</body>", "groupchat")
    stranger.send(THEIR_ROOM, f"<subject>{CANARY}-room</subject>", "groupchat")
    words = f"<body>{CANARY}-room</body>"
    await alice.get(stranger.send(THEIR_ROOM, words + CIPHERTEXT, "groupchat"))
    assert f"{CANARY}-room" not in text(alice.all)
    await request(alice.stream, "set", '<query xmlns="urn:xmpp:mam:2"/>', THEIR_ROOM)
    results = [m for m in alice.all if m.find("{urn:xmpp:mam:2}result") is not None]
    assert "encrypted" in text(results)
    assert f"{CANARY}-room" not in text(results)
