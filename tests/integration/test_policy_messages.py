"""Between people: ciphertext passes, words are refused with a sentence, signs lose their words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from tests.messages import (
    CIPHERTEXT,
    CIPHERTEXT2,
    KEY_TRANSPORT,
    Mailbox,
    body,
    mailbox,
    refusal,
    text,
)
from tests.streams import component_section, connected, logged_in
from xmppgov.demo.prosody import Prosody, notices_file
from xmppgov.xmpp.component import Component

ALERTS = "alertes@gov.localhost"
ACCOUNTS = ["alice@gov.localhost", "bob@gov.localhost", ALERTS]
PROSODY_MODULES = "policy"
ALICE, BOB, _ = ACCOUNTS
CANARY = "canary-7d1f"
pytestmark = pytest.mark.asyncio(loop_scope="module")
NOTICE = json.loads(notices_file().read_text("utf-8"))["keys-wanted"]

People = tuple[Mailbox, Mailbox]

WORDS = {
    "body": f"<body>{CANARY}</body>",
    "two bodies": f'<body>{CANARY}</body><body xml:lang="en">{CANARY}</body>',
    "subject": f"<subject>{CANARY}</subject>",
    "link": f'<x xmlns="jabber:x:oob"><url>https://example.org/{CANARY}</url></x>',
    "xhtml": '<html xmlns="http://jabber.org/protocol/xhtml-im">'
    f'<body xmlns="http://www.w3.org/1999/xhtml"><p>{CANARY}</p></body></html>',
    "thread": f"<thread>{CANARY} with spaces</thread>",
    "unknown": f'<note xmlns="urn:example:note">{CANARY}</note>',
    "pgp": f'<body>x</body><x xmlns="jabber:x:encrypted">{CANARY}</x>',
    "openpgp": f'<openpgp xmlns="urn:xmpp:openpgp:0">{CANARY}</openpgp>'
    '<store xmlns="urn:xmpp:hints"/>',
    "reaction with words": '<reactions xmlns="urn:xmpp:reactions:0" id="1">'
    f"<reaction>👍</reaction></reactions><body>{CANARY}</body>",
    "receipt with words": f'<received xmlns="urn:xmpp:receipts" id="1"/><body>{CANARY}</body>',
    "ciphertext without a header": f'<encrypted xmlns="{CIPHERTEXT.split(chr(34))[1]}">'
    f"<payload>AAEC</payload></encrypted><body>{CANARY}</body>",
    "ciphertext without a key": CIPHERTEXT.replace('<key rid="2" prekey="true">AAEC</key>', ""),
    "broken ciphertext beside a sign": CIPHERTEXT.replace(">AAEC</key>", ">no key</key>")
    + '<received xmlns="urn:xmpp:receipts" id="1"/>',
    "ciphertext whose key is words": CIPHERTEXT.replace(">AAEC</key>", ">clear words</key>"),
    "newer ciphertext without a key": CIPHERTEXT2.replace('<key rid="2" kex="true">AAEC</key>', ""),
    "correction": f'<body>{CANARY}</body><replace xmlns="urn:xmpp:message-correct:0" id="1"/>',
    "forwarded": '<forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client">'
    f"<body>{CANARY}</body></message></forwarded>",
}

SIGNS = {
    "ciphertext": CIPHERTEXT,
    "newer ciphertext": CIPHERTEXT2,
    "both": CIPHERTEXT + CIPHERTEXT2,
    "key transport": KEY_TRANSPORT,
    "chat state": '<composing xmlns="http://jabber.org/protocol/chatstates"/>',
    "receipt": '<received xmlns="urn:xmpp:receipts" id="1"/>',
    "marker": '<displayed xmlns="urn:xmpp:chat-markers:0" id="1"/>',
    "reaction": '<reactions xmlns="urn:xmpp:reactions:0" id="1"><reaction>👍🏽</reaction>'
    "<reaction>1️⃣</reaction></reactions>",
    "retraction": '<retract xmlns="urn:xmpp:message-retract:1" id="1"/>',
    "call": '<propose xmlns="urn:xmpp:jingle-message:0" id="1">'
    '<description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/></propose>',
    "invitation": '<x xmlns="jabber:x:conference" jid="grp-1@rooms.gov.localhost"/>',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(prosody: Prosody) -> AsyncIterator[People]:
    """Alice and Bob, online during the whole module."""
    async with mailbox(prosody, ALICE) as alice, mailbox(prosody, BOB) as bob:
        yield alice, bob


def names(message: ET.Element) -> list[str]:
    """Return the names of a message's children, without what the server adds."""
    added = {"{urn:xmpp:sid:0}stanza-id", "{urn:xmpp:delay}delay"}
    return [child.tag for child in message if child.tag not in added]


@pytest.mark.parametrize("case", WORDS)
async def test_words_are_refused_and_never_arrive(people: People, case: str) -> None:
    sender, recipient = people
    identity = sender.send(BOB, WORDS[case])
    assert refusal(await sender.get(identity)) == ("modify", "policy-violation")
    await recipient.get(sender.send(BOB, SIGNS["ciphertext"]))
    assert CANARY not in text(recipient.all)


@pytest.mark.parametrize("case", SIGNS)
async def test_ciphertext_and_signs_pass(people: People, case: str) -> None:
    sender, recipient = people
    arrived = await recipient.get(sender.send(BOB, SIGNS[case]))
    sent = ET.fromstring(f"<m>{SIGNS[case]}</m>")
    assert names(arrived) == [child.tag for child in sent]
    assert text(arrived).count("AAEC") == SIGNS[case].count("AAEC")
    assert text(arrived).count("reaction>") == SIGNS[case].count("reaction>")


@pytest.mark.parametrize("to", [BOB, ALICE, None], ids=["another", "own address", "no address"])
async def test_the_body_beside_ciphertext_is_ours(
    people: People, prosody: Prosody, to: str | None
) -> None:
    sender, bobs = people
    async with mailbox(prosody, ALICE) as alices:
        recipient = bobs if to == BOB else alices
        arrived = await recipient.get(sender.send(to, f"<body>{CANARY}</body>{CIPHERTEXT}"))
        assert "OMEMO" in body(arrived)
        assert CANARY not in text(recipient.all)


SMUGGLERS = {
    "subject": f"<subject>{CANARY}</subject>",
    "second body": f'<body xml:lang="en">{CANARY}</body>',
    "link": WORDS["link"],
    "xhtml": WORDS["xhtml"],
    "thread": f"<thread>{CANARY} with spaces</thread>",
    "unknown": WORDS["unknown"],
    "nickname": f'<nick xmlns="http://jabber.org/protocol/nick">{CANARY}</nick>',
    "hint": f'<store xmlns="urn:xmpp:hints">{CANARY}</store>',
    "method's name": f'<encryption xmlns="urn:xmpp:eme:0" name="{CANARY}" namespace="x"/>',
    "long attribute": f'<origin-id xmlns="urn:xmpp:sid:0" id="{CANARY * 30}"/>',
    "unknown attribute": f'<origin-id xmlns="urn:xmpp:sid:0" id="1" says="{CANARY}"/>',
    "an address's name": f'<delay xmlns="urn:xmpp:delay" from="a@b/{CANARY * 6}"/>',
    "an element's name": f'<{CANARY} xmlns="urn:xmpp:hints"/>',
    "a part's name": '<propose xmlns="urn:xmpp:jingle-message:1" id="1">'
    f'<{CANARY} xmlns="urn:xmpp:jingle:apps:rtp:1"/></propose>',
    "a part's namespace": '<x xmlns="http://jabber.org/protocol/muc#user">'
    f'<status xmlns="{CANARY}" code="100"/></x>',
    "letters as a reaction": '<reactions xmlns="urn:xmpp:reactions:0" id="1">'
    f"<reaction>{CANARY}</reaction></reactions>",
    "reason of a call": '<finish xmlns="urn:xmpp:jingle-message:0" id="1">'
    f'<reason xmlns="urn:xmpp:jingle:1"><success/><text>{CANARY}</text></reason></finish>',
    "reason of an invitation": '<x xmlns="jabber:x:conference" jid="r@rooms.gov.localhost" '
    f'reason="{CANARY}"/>',
    "between the elements": CANARY,
    "payload": CIPHERTEXT.replace("<payload>AAEC", f"<payload>{CANARY} in clear"),
    "beside the header": CIPHERTEXT.replace("<header", f"<clear>{CANARY}</clear><header"),
    "in the header": CIPHERTEXT.replace("<iv>", f"<clear>{CANARY}</clear><iv>"),
}


@pytest.mark.parametrize("case", SMUGGLERS)
async def test_nothing_readable_travels_beside_ciphertext(people: People, case: str) -> None:
    smuggled = SMUGGLERS[case]
    sender, recipient = people
    rest = "" if "<encrypted" in smuggled else CIPHERTEXT
    arrived = await recipient.get(sender.send(BOB, smuggled + rest))
    assert f"{{{CIPHERTEXT.split(chr(34))[1]}}}encrypted" in names(arrived)
    assert CANARY not in text(arrived)


async def test_no_foreign_attribute_on_the_message(people: People) -> None:
    sender, recipient = people
    arrived = await recipient.get(sender.send(BOB, CIPHERTEXT, secret=CANARY))
    assert CANARY not in text(arrived)


@pytest.mark.parametrize("inside", [CIPHERTEXT, SIGNS["chat state"]], ids=["message", "sign"])
@pytest.mark.parametrize("identity", [CANARY * 20, f"{CANARY} in words"], ids=["long", "words"])
async def test_no_words_in_the_id(people: People, inside: str, identity: str) -> None:
    sender, recipient = people
    recipient.all.clear()
    sender.stream.send_raw(f'<message to="{BOB}" type="chat" id="{identity}">{inside}</message>')
    await recipient.get(sender.send(BOB, CIPHERTEXT))
    assert len(recipient.all) == 2
    assert CANARY not in text(recipient.all)


async def test_a_retraction_loses_its_body(people: People) -> None:
    retraction = (  # as Gajim sends it
        '<retract xmlns="urn:xmpp:message-retract:1" id="1"/>'
        '<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>'
        f'<body>{CANARY}</body><store xmlns="urn:xmpp:hints"/>'
    )
    sender, recipient = people
    arrived = await recipient.get(sender.send(BOB, retraction))
    assert "{urn:xmpp:message-retract:1}retract" in names(arrived)
    assert CANARY not in text(arrived)


@pytest.mark.parametrize("kind", ["error", "headline"])
async def test_errors_and_headlines_are_not_answered_but_lose_their_words(
    people: People, kind: str
) -> None:
    error = (
        '<error type="cancel"><item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>'
        f'<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">{CANARY}</text></error>'
    )
    words = f"<body>{CANARY}</body><subject>{CANARY}</subject>"
    sender, recipient = people
    to = recipient.stream.boundjid.full
    identity = sender.send(to, words + (error if kind == "error" else ""), kind)
    arrived = await recipient.get(identity)
    assert CANARY not in text(arrived)
    assert (arrived.find("{jabber:client}error") is not None) == (kind == "error")
    refused = sender.send(BOB, f"<body>{CANARY}</body>")
    await sender.get(refused)
    assert all(message.get("id") != identity for message in sender.all)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", {"Activez"}),
        ("de", {"Activez"}),
        ("en-GB", {"Turn on"}),
        ("en", {"Activez", "Turn on"}),  # also what Prosody says of a stream without language
    ],
)
async def test_the_sentence_is_in_the_senders_language(
    prosody: Prosody, language: str, words: set[str]
) -> None:
    async with mailbox(prosody, ALICE) as sender:
        answer = await sender.get(sender.send(BOB, WORDS["body"], xml_lang=language))
        assert {word for word in ("Activez", "Turn on") if word in text(answer)} == words


async def test_an_error_elsewhere_keeps_its_language(prosody: Prosody) -> None:
    async with mailbox(prosody, ALICE) as sender:
        await sender.get(sender.send(BOB, WORDS["body"]))
        answer = await sender.get(sender.send("nobody@gov.localhost", CIPHERTEXT))
        assert refusal(answer) == ("cancel", "service-unavailable")
        assert "lang" not in ET.tostring(answer.find("{jabber:client}error"), "unicode")


async def test_a_bot_says_a_fixed_sentence(people: People, prosody: Prosody) -> None:
    _, recipient = people
    async with mailbox(prosody, ALERTS) as sender:
        extras = '<origin-id xmlns="urn:xmpp:sid:0" id="1"/><request xmlns="urn:xmpp:receipts"/>'
        for sentence in NOTICE.values():
            arrived = await recipient.get(sender.send(BOB, f"<body>{sentence}</body>{extras}"))
            assert body(arrived) == sentence
            assert "{urn:xmpp:receipts}request" in names(arrived)


@pytest.mark.parametrize(
    "children",
    [
        f"<body>{NOTICE['fr']}!</body>",
        f"<body>{NOTICE['fr']}</body><body xml:lang='en'>{CANARY}</body>",
        f"<body>{NOTICE['fr']}</body><subject>{CANARY}</subject>",
        f"<body>{NOTICE['fr']}</body>{WORDS['link']}",
        f"<body>{NOTICE['fr']}<b>{CANARY}</b></body>",
    ],
    ids=["other words", "second body", "subject", "link", "markup"],
)
async def test_a_bot_says_nothing_else(prosody: Prosody, children: str) -> None:
    async with mailbox(prosody, ALERTS) as sender:
        answer = await sender.get(sender.send(BOB, children))
        assert refusal(answer) == ("modify", "policy-violation")


async def test_nobody_else_says_the_fixed_sentences(prosody: Prosody) -> None:
    async with mailbox(prosody, ALICE) as sender:
        answer = await sender.get(sender.send(BOB, f"<body>{NOTICE['fr']}</body>"))
        assert refusal(answer) == ("modify", "policy-violation")


async def test_a_component_is_held_to_the_same(prosody: Prosody) -> None:
    section = component_section(prosody, "governance", "rooms")
    async with (
        connected(
            governance := Component(section, name="governance", identity=("component", "generic"))
        ),
        logged_in(prosody, BOB) as bob,
    ):
        sender, recipient = Mailbox(governance), Mailbox(bob)
        answer = await sender.get(sender.send(BOB, WORDS["body"]))
        assert refusal(answer) == ("modify", "policy-violation")
        arrived = await recipient.get(sender.send(BOB, f"<body>{NOTICE['fr']}</body>"))
        assert body(arrived) == NOTICE["fr"]
        other = sender.send(
            BOB, f"<body>{NOTICE['fr']}</body>", sender="x@governance.gov.localhost"
        )
        assert refusal(await sender.get(other)) == ("modify", "policy-violation")
