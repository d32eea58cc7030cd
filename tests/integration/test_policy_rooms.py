"""Into a room goes ciphertext alone, whoever sends and from wherever; no private messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.conftest import require_program
from tests.federation import federated
from tests.messages import CIPHERTEXT, Mailbox, body, mailbox, refusal, text
from tests.omemo_nodes import request
from xmppgov.demo.prosody import Prosody

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALICE, BOB, STRANGER = "alice@gov.localhost", "bob@gov.localhost", "mallory@autre.localhost"
ROOM = "salon@rooms.gov.localhost"
CANARY = "canary-90ab"
EXTRA = """
VirtualHost "gov.localhost"
xmppgov_policy_plaintext_domains = { "autre.localhost" }
Component "rooms.gov.localhost" "muc"
restrict_room_creation = false
muc_room_default_members_only = false
muc_room_default_change_subject = true
xmppgov_policy_plaintext_domains = { "autre.localhost" }
"""
Room = tuple[Mailbox, Mailbox, Mailbox]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Prosody, Prosody]]:
    require_program(request.config, "prosody")
    accounts = [ALICE, BOB, STRANGER]
    folder = tmp_path_factory.mktemp("federation")
    with federated(folder, "policy", accounts, extra=EXTRA) as both:
        yield both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(servers: tuple[Prosody, Prosody]) -> AsyncIterator[Room]:
    """Alice, who made the room, Bob, and somebody of another server, all in it."""
    ours, other = servers
    async with (
        mailbox(ours, ALICE) as alice,
        mailbox(ours, BOB) as bob,
        mailbox(other, STRANGER) as stranger,
    ):
        for box in (alice, bob, stranger):
            await join(box, box.stream.boundjid.user)
        yield alice, bob, stranger


async def join(box: Mailbox, nick: str) -> None:
    """Enter the room (XEP-0045), and open it if it is new."""
    presence = box.stream.make_presence(pto=f"{ROOM}/{nick}")
    presence.xml.append(element('<x xmlns="http://jabber.org/protocol/muc"/>'))
    presence.send()
    await box.until(lambda message: message.find("{jabber:client}subject") is not None)
    if nick == "alice":
        form = '<x xmlns="jabber:x:data" type="submit"/>'
        owner = f'<query xmlns="http://jabber.org/protocol/muc#owner">{form}</query>'
        await request(box.stream, "set", owner, ROOM)


WORDS = {
    "body": f"<body>{CANARY}</body>",
    "subject": f"<subject>{CANARY}</subject>",
    "link": f'<x xmlns="jabber:x:oob"><url>https://example.org/{CANARY}</url></x>',
}


@pytest.mark.parametrize("case", WORDS)
@pytest.mark.parametrize("sender", [0, 2], ids=["own", "other server"])
async def test_words_do_not_enter(room: Room, sender: int, case: str) -> None:
    author, bob = room[sender], room[1]
    identity = author.send(ROOM, WORDS[case], "groupchat")
    answer = await author.until(
        lambda message: message.get("id") == identity and message.get("type") == "error"
    )
    assert refusal(answer) == ("modify", "policy-violation")
    assert ("salon" in text(answer)) or ("room" in text(answer))
    await bob.get(author.send(ROOM, CIPHERTEXT, "groupchat"))
    assert CANARY not in text(bob.all)


@pytest.mark.parametrize("sender", [0, 2], ids=["own", "other server"])
async def test_the_rooms_archive_has_our_sentence(room: Room, sender: int) -> None:
    author, bob = room[sender], room[1]
    words = f"<body>{CANARY}</body><subject>{CANARY}</subject>"
    arrived = await bob.get(author.send(ROOM, words + CIPHERTEXT, "groupchat"))
    assert "OMEMO" in body(arrived)
    assert CANARY not in text(bob.all)
    await request(bob.stream, "set", '<query xmlns="urn:xmpp:mam:2"/>', ROOM)
    kept = text([m for m in bob.all if m.find("{urn:xmpp:mam:2}result") is not None])
    assert "OMEMO" in kept
    assert CANARY not in kept


@pytest.mark.parametrize("sender", [0, 2], ids=["own", "other server"])
@pytest.mark.parametrize("children", [CIPHERTEXT, f"<body>{CANARY}</body>"])
async def test_no_private_messages(room: Room, sender: int, children: str) -> None:
    author, bob = room[sender], room[1]
    answer = await author.get(author.send(f"{ROOM}/bob", children))
    assert refusal(answer) == ("modify", "policy-violation")
    await bob.get(author.send(ROOM, CIPHERTEXT, "groupchat"))
    assert CANARY not in text(bob.all)


@pytest.mark.parametrize(
    "sign",
    [
        '<reactions xmlns="urn:xmpp:reactions:0" id="1"><reaction>👍</reaction></reactions>',
        '<retract xmlns="urn:xmpp:message-retract:1" id="1"/>',
        '<displayed xmlns="urn:xmpp:chat-markers:0" id="1"/>',
        '<composing xmlns="http://jabber.org/protocol/chatstates"/>',
    ],
)
async def test_signs_enter(room: Room, sign: str) -> None:
    alice, bob, _ = room
    arrived = await bob.get(alice.send(ROOM, sign, "groupchat"))
    assert element(sign).tag in [child.tag for child in arrived]


async def test_an_invitation_loses_its_reason(room: Room) -> None:
    alice, bob, _ = room
    invitation = (
        f'<x xmlns="http://jabber.org/protocol/muc#user"><invite to="{BOB}">'
        f"<reason>{CANARY}</reason></invite></x>"
    )
    alice.send(ROOM, invitation, "normal")
    await bob.until(lambda message: "muc#user}invite" in str([e.tag for e in message.iter()]))
    assert CANARY not in text(bob.all)


def element(xml: str):  # type: ignore[no-untyped-def]
    """Parse an XML fragment of our own."""
    from xml.etree import ElementTree as ET

    return ET.fromstring(xml)
