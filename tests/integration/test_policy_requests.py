"""What clients may ask each other by IQ: what apps need and a call, and nothing written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.stanzabase import StanzaBase

from tests.conftest import require_program
from tests.federation import federated
from tests.omemo_nodes import condition, request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALICE, BOB, STRANGER = "alice@gov.localhost", "bob@gov.localhost", "mallory@autre.localhost"
CANARY = "canary-7f3a"
DISCO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
JINGLE, RTP = "urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1"
WORDS = f"rendez-vous {CANARY}"

QUESTIONS = {
    "ping": ('<ping xmlns="urn:xmpp:ping"/>', ""),
    "disco": (
        f'<query xmlns="{DISCO}" node="https://gajim.org#dGVzdA=="/>',
        f'<query xmlns="{DISCO}" node="https://gajim.org#dGVzdA==">'
        '<identity category="client" type="pc" name="Gajim"/>'
        f'<feature var="{JINGLE}"/></query>',
    ),
    "items": (f'<query xmlns="{ITEMS}"/>', f'<query xmlns="{ITEMS}"/>'),
    "version": (
        '<query xmlns="jabber:iq:version"/>',
        '<query xmlns="jabber:iq:version"><name>Gajim</name><version>2.4.4</version>'
        "<os>Linux</os></query>",
    ),
    "last": (
        '<query xmlns="jabber:iq:last"/>',
        '<query xmlns="jabber:iq:last" seconds="3"/>',
    ),
    "time": (
        '<time xmlns="urn:xmpp:time"/>',
        '<time xmlns="urn:xmpp:time"><tzo>+01:00</tzo><utc>2026-11-24T08:00:00Z</utc></time>',
    ),
}
SESSION = (
    f'<jingle xmlns="{JINGLE}" action="{{}}" initiator="a@b/c" sid="s1"><group '
    'xmlns="urn:xmpp:jingle:apps:grouping:0" semantics="BUNDLE"><content name="0"/></group>'
    f'<content creator="initiator" senders="both" name="0"><description xmlns="{RTP}" '
    'media="audio"><payload-type id="111" name="opus" clockrate="48000" channels="2">'
    '<parameter name="useinbandfec" value="1"/><rtcp-fb '
    'xmlns="urn:xmpp:jingle:apps:rtp:rtcp-fb:0" type="transport-cc"/></payload-type>'
    '<source xmlns="urn:xmpp:jingle:apps:rtp:ssma:0" ssrc="1"><parameter name="msid" '
    'value="my-stream audio0"/></source><rtcp-mux/></description><transport '
    'xmlns="urn:xmpp:jingle:transports:ice-udp:1" ufrag="8hhy" pwd="asd88fgpdd777uzjYhagZg">'
    '<candidate component="1" foundation="1" generation="0" id="el0747fg11" ip="10.0.1.1" '
    'network="1" port="8998" priority="2130706431" protocol="udp" type="host"/><fingerprint '
    'xmlns="urn:xmpp:jingle:apps:dtls:0" hash="sha-256" setup="actpass">02:1A:CC:54</fingerprint>'
    "</transport></content></jingle>"
)
VERIFIED = (
    f'<jingle xmlns="{JINGLE}" action="session-initiate" sid="s1"><content creator="initiator" '
    f'name="0"><description xmlns="{RTP}" media="audio"/><transport '
    'xmlns="urn:xmpp:jingle:transports:ice-udp:1"><fingerprint '
    'xmlns="http://gultsch.de/xmpp/drafts/omemo/dlj-srtp" hash="sha-256" setup="actpass">'
    '<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="1"><key rid="2">AAEC</key>'
    "<iv>AAEC</iv></header><payload>AAEC</payload></encrypted></fingerprint></transport>"
    "</content></jingle>"
)
CALLS = {
    "initiate": SESSION.format("session-initiate"),
    "accept": SESSION.format("session-accept"),
    "transport": SESSION.format("transport-info"),
    "verified": VERIFIED,
    "ringing": f'<jingle xmlns="{JINGLE}" action="session-info" sid="s1">'
    '<ringing xmlns="urn:xmpp:jingle:apps:rtp:info:1"/></jingle>',
    "end": f'<jingle xmlns="{JINGLE}" action="session-terminate" sid="s1">'
    "<reason><success/></reason></jingle>",
}
WRITTEN = {
    "unknown": f'<x xmlns="urn:example:note">{WORDS}</x>',
    "pubsub": '<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="n"><item>'
    f'<x xmlns="urn:x">{WORDS}</x></item></publish></pubsub>',
    "command": '<command xmlns="http://jabber.org/protocol/commands" node="x"><note>'
    f"{WORDS}</note></command>",
    "bits": f'<data xmlns="urn:xmpp:bob" cid="x">{WORDS}</data>',
    "roster": f'<x xmlns="http://jabber.org/protocol/rosterx"><item name="{WORDS}"/></x>',
}
ASKED = {
    "version": f'<query xmlns="jabber:iq:version"><name>{WORDS}</name></query>',
    "ping": f'<ping xmlns="urn:xmpp:ping">{WORDS}</ping>',
    "attribute": f'<ping xmlns="urn:xmpp:ping" says="{WORDS}"/>',
    "disco": f'<query xmlns="{DISCO}"><identity name="{WORDS}"/></query>',
}
People = tuple[Account, Account, Account]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Prosody, Prosody]]:
    require_program(request.config, "prosody")
    folder = tmp_path_factory.mktemp("requests")
    with federated(folder, "policy", [ALICE, BOB, STRANGER]) as both:
        yield both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(servers: tuple[Prosody, Prosody]) -> AsyncIterator[People]:
    """Alice and Bob on our server, somebody elsewhere."""
    ours, other = servers
    async with (
        logged_in(ours, ALICE) as alice,
        logged_in(ours, BOB) as bob,
        logged_in(other, STRANGER) as stranger,
    ):
        for account in (alice, bob, stranger):
            await request(account, "get", '<ping xmlns="urn:xmpp:ping"/>')
        yield alice, bob, stranger


class Answering:
    """Lets an account answer each request with `answer`, and keeps what it is asked."""

    def __init__(self, account: Account, answer: str = "") -> None:
        self.account, self.answer = account, answer
        self.asked: list[ET.Element] = []

    def __enter__(self) -> list[ET.Element]:
        match = MatchXPath("{jabber:client}iq")
        self.account.remove_handler("answering")
        self.account.register_handler(Callback("answering", match, self._answer))
        return self.asked

    def __exit__(self, *_: object) -> None:
        self.account.remove_handler("answering")

    def _answer(self, iq: StanzaBase) -> None:
        if iq["type"] in ("get", "set"):
            self.asked.append(iq.xml)
            to, identity = iq["from"], iq["id"]
            self.account.send_raw(f'<iq type="result" to="{to}" id="{identity}">{self.answer}</iq>')


def same(found: ET.Element, xml: str) -> bool:
    """Tell whether an IQ's only child is what `xml` says."""
    (child,) = found
    return ET.canonicalize(ET.tostring(child)) == ET.canonicalize(ET.tostring(ET.fromstring(xml)))


@pytest.mark.parametrize("case", QUESTIONS)
async def test_apps_find_out_about_each_other(people: People, case: str) -> None:
    question, answer = QUESTIONS[case]
    alice, bob, stranger = people
    for by, to in ((alice, bob), (alice, stranger), (stranger, bob)):
        with Answering(to, answer) as asked:
            found = await request(by, "get", question, to.boundjid.full)
        assert same(asked[-1], question)
        assert len(found) == 0 if not answer else same(found, answer)


@pytest.mark.parametrize("case", CALLS)
async def test_a_call_is_negotiated_as_it_is(people: People, case: str) -> None:
    alice, bob, stranger = people
    for by, to in ((alice, bob), (alice, stranger), (stranger, bob)):
        with Answering(to) as asked:
            await request(by, "set", CALLS[case], to.boundjid.full)
        assert same(asked[-1], CALLS[case])


@pytest.mark.parametrize("kind", ["get", "set"])
@pytest.mark.parametrize("case", WRITTEN)
async def test_nothing_else_is_asked(people: People, case: str, kind: str) -> None:
    alice, bob, stranger = people
    for by, to in ((alice, bob), (alice, stranger), (stranger, bob)):
        with Answering(to) as asked:
            with pytest.raises(IqError) as refused:
                await request(by, kind, WRITTEN[case], to.boundjid.full)
            assert condition(refused.value) == "not-acceptable"
            await request(by, "get", '<ping xmlns="urn:xmpp:ping"/>', to.boundjid.full)
        assert len(asked) == 1


@pytest.mark.parametrize("case", ASKED)
async def test_a_question_has_no_words(people: People, case: str) -> None:
    alice, bob, _ = people
    with Answering(bob) as asked:
        await request(alice, "get", ASKED[case], bob.boundjid.full)
    assert CANARY not in ET.tostring(asked[-1], "unicode")


async def test_no_words_end_a_call(people: People) -> None:
    alice, bob, _ = people
    end = CALLS["end"].replace("<success/>", f"<success/><text>{WORDS}</text>")
    with Answering(bob) as asked:
        await request(alice, "set", end, bob.boundjid.full)
    assert CANARY not in ET.tostring(asked[-1], "unicode")


@pytest.mark.parametrize(
    "words",
    [
        f"<fingerprint>{WORDS}</fingerprint>",
        f"<fingerprint>{CANARY}</fingerprint>",
        f"<fingerprint><x>{CANARY}</x></fingerprint>",
        f"<fingerprint>02:1A<x/>{CANARY}</fingerprint>",
        f"<key>{WORDS}</key>",
        f"<iv>{CANARY}</iv>",
        f"<payload>{CANARY.replace('-', '') * 60}</payload>",
    ],
)
async def test_what_a_call_negotiates_is_no_word(people: People, words: str) -> None:
    alice, bob, _ = people
    said = f'<jingle xmlns="{JINGLE}" action="session-info" sid="s1">{words}</jingle>'
    with Answering(bob) as asked:
        await request(alice, "set", said, bob.boundjid.full)
    assert CANARY.split("-")[0] not in ET.tostring(asked[-1], "unicode")


async def test_ones_own_devices_speak_freely(
    servers: tuple[Prosody, Prosody], people: People
) -> None:
    alice = people[0]
    async with logged_in(servers[0], ALICE) as other:
        with Answering(other) as asked:
            await request(alice, "set", WRITTEN["command"], other.boundjid.full)
        assert same(asked[-1], WRITTEN["command"])
