"""What clients may answer by IQ: what they were asked, once, and without words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath
from slixmpp.xmlstream.stanzabase import StanzaBase

from tests.conftest import require_program
from tests.federation import federated
from tests.integration.test_policy_requests import CANARY, WORDS, WRITTEN, same
from tests.omemo_nodes import request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALICE, BOB, STRANGER = "alice@gov.localhost", "bob@gov.localhost", "mallory@autre.localhost"
ROOM = "salon@rooms.gov.localhost"
EXTRA = """
Component "rooms.gov.localhost" "muc"
restrict_room_creation = false
muc_room_default_members_only = false
"""
PING, LAST = '<ping xmlns="urn:xmpp:ping"/>', '<query xmlns="jabber:iq:last" seconds="3"/>'
DISCO = '<query xmlns="http://jabber.org/protocol/disco#info"/>'
MOST_OPEN = 500  # as the module has it


class Client:
    """An account that keeps the IQs that it gets, and answers questions only where it is told."""

    def __init__(self, account: Account) -> None:
        self.account, self.jid = account, account.boundjid.full
        self.arrived: list[ET.Element] = []
        match = MatchXPath("{jabber:client}iq")
        account.register_handler(Callback("arriving", match, self._keep))

    def _keep(self, iq: StanzaBase) -> None:
        self.arrived.append(iq.xml)

    def send(self, kind: str, identity: str, to: str, inside: str) -> None:
        self.account.send_raw(f'<iq type="{kind}" id="{identity}" to="{to}">{inside}</iq>')

    async def get(self, identity: str) -> ET.Element:
        """Wait for the IQ of this id."""
        return await self.find(lambda iq: iq.get("id") == identity)

    async def find(self, wanted: Callable[[ET.Element], bool]) -> ET.Element:
        """Wait for such an IQ."""
        async with asyncio.timeout(10):
            while not (found := list(filter(wanted, self.arrived))):
                await asyncio.sleep(0.01)
        return found[0]

    def got(self, identity: str) -> list[ET.Element]:
        return [iq for iq in self.arrived if iq.get("id") == identity]


class Talk:
    """Questions and answers between two clients, each under an id of its own."""

    def __init__(self, asker: Client, asked: Client, name: str) -> None:
        self.asker, self.asked, self.name = asker, asked, name

    async def ask(self, identity: str, question: str = PING) -> None:
        self.asker.send("get", self.name + identity, self.asked.jid, question)
        await self.asked.get(self.name + identity)

    def answer(self, identity: str, inside: str = LAST, kind: str = "result") -> None:
        self.asked.send(kind, self.name + identity, self.asker.jid, inside)

    async def answers(self, identity: str) -> list[ET.Element]:
        """Return the answers that have come of what was said so far."""
        await self.ask("end-" + identity)
        self.answer("end-" + identity)
        await self.asker.get(f"{self.name}end-{identity}")
        return self.asker.got(self.name + identity)


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Prosody, Prosody]]:
    require_program(request.config, "prosody")
    folder = tmp_path_factory.mktemp("answers")
    with federated(folder, "policy", [ALICE, BOB, STRANGER], extra=EXTRA) as both:
        yield both


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(servers: tuple[Prosody, Prosody]) -> AsyncIterator[dict[str, Client]]:
    """Alice and Bob on our server, somebody elsewhere."""
    ours, other = servers
    async with (
        logged_in(ours, ALICE) as alice,
        logged_in(ours, BOB) as bob,
        logged_in(other, STRANGER) as stranger,
    ):
        for account in (alice, bob, stranger):
            await request(account, "get", PING)
        yield {
            "alice": Client(alice),
            "bob": Client(bob),
            "stranger": Client(stranger),
        }


@pytest.fixture(params=["alice bob", "alice stranger", "stranger bob"])
def talk(clients: dict[str, Client], request: pytest.FixtureRequest) -> Talk:
    asker, asked = request.param.split()
    return Talk(clients[asker], clients[asked], request.node.name)


CLEARED = {
    "last": f'<query xmlns="jabber:iq:last" seconds="3">{WORDS}</query>',
    "long": f'<query xmlns="jabber:iq:version"><name>{CANARY * 9}</name></query>',
    "error": '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text '
    f'xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">{WORDS}</text></error>',
    "text": WORDS,
    **WRITTEN,
}


@pytest.mark.parametrize("kind", ["result", "error"])
@pytest.mark.parametrize("case", CLEARED)
async def test_an_answer_has_no_words(talk: Talk, kind: str, case: str) -> None:
    await talk.ask("q")
    talk.answer("q", f"{CLEARED[case]}<x/>", kind)
    (answer,) = await talk.answers("q")
    assert CANARY not in ET.tostring(answer, "unicode")


STANZAS = 'xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"'
JINGLE_ERRORS = 'xmlns="urn:xmpp:jingle:errors:1"'
ERRORS = {
    "feature": f'<error type="cancel"><feature-not-implemented {STANZAS}/></error>',
    "code": f'<error code="503" type="cancel"><service-unavailable {STANZAS}/></error>',
    "call": f'<error type="cancel"><item-not-found {STANZAS}/><unknown-session {JINGLE_ERRORS}/>'
    "</error>",
    "tie": f'<error type="cancel"><conflict {STANZAS}/><tie-break {JINGLE_ERRORS}/></error>',
    "blocked": f'<error type="cancel"><not-acceptable {STANZAS}/>'
    '<blocked xmlns="urn:xmpp:blocking:errors"/></error>',
}


def arrived(error: str) -> str:
    """Return an error as it arrives on a client's stream."""
    return error.replace("<error", '<error xmlns="jabber:client"')


@pytest.mark.parametrize("case", ERRORS)
async def test_an_error_of_an_app_arrives(talk: Talk, case: str) -> None:
    await talk.ask("q")
    talk.answer("q", ERRORS[case], "error")
    (answer,) = await talk.answers("q")
    assert same(answer, arrived(ERRORS[case]))


NO_ERRORS = {
    "name": f"<{CANARY} {STANZAS}/>",
    "namespace": f'<gone xmlns="urn:{CANARY}"/>',
    "no namespace": f"<{CANARY}/>",
    "attribute": f'<gone {STANZAS} id="{CANARY}"/>',
    "inside": f"<gone {STANZAS}><{CANARY}/></gone>",
    "text": f"<text {STANZAS}>{CANARY}</text>",
    "more": f"<gone {STANZAS}/><conflict {STANZAS}/>",
}


@pytest.mark.parametrize("case", NO_ERRORS)
async def test_an_error_has_one_known_condition(talk: Talk, case: str) -> None:
    await talk.ask("q")
    long, by = CANARY, f"somebody@gov.localhost/{CANARY}"
    started = f'<error type="{long}" code="{long}" by="{by}" id="{long}">'
    talk.answer("q", f"{started}{NO_ERRORS[case]}</error>{ERRORS['code']}", "error")
    (answer,) = await talk.answers("q")
    (error,) = answer
    assert CANARY not in ET.tostring(answer, "unicode")
    assert len(error) <= 1
    assert not error.attrib


async def test_an_error_says_whose_it_is(talk: Talk) -> None:
    await talk.ask("q")
    server = talk.asked.jid.split("/")[0].split("@")[1]
    error = f'<error type="wait" by="{server}"><conflict {STANZAS}/></error>'
    talk.answer("q", error, "error")
    (answer,) = await talk.answers("q")
    assert same(answer, arrived(error))


async def test_a_language_is_no_text(talk: Talk) -> None:
    await talk.ask("q")
    talk.asked.account.send_raw(
        f'<iq type="result" id="{talk.name}q" to="{talk.asker.jid}" xml:lang="{WORDS}"/>'
    )
    (answer,) = await talk.answers("q")
    assert CANARY not in ET.tostring(answer, "unicode")


@pytest.mark.parametrize("kind", ["result", "error"])
async def test_an_answer_that_nobody_asked_for_does_not_arrive(talk: Talk, kind: str) -> None:
    talk.answer("unasked", kind=kind)
    assert await talk.answers("unasked") == []


async def test_a_question_is_answered_once(talk: Talk) -> None:
    await talk.ask("q")
    talk.answer("q")
    talk.answer("q", kind="error")
    (answer,) = await talk.answers("q")
    assert answer.get("type") == "result"


async def test_nobody_else_answers(clients: dict[str, Client], talk: Talk) -> None:
    await talk.ask("q")
    (other,) = (one for one in clients.values() if one not in (talk.asker, talk.asked))
    between = Talk(talk.asker, other, talk.name)
    between.answer("q")
    assert await between.answers("q") == []
    talk.answer("q")
    assert len(await talk.answers("q")) == 1


async def test_the_newest_questions_are_remembered(talk: Talk) -> None:
    for number in range(MOST_OPEN + 1):
        talk.asker.send("get", f"{talk.name}{number}", talk.asked.jid, PING)
    await talk.ask("newest")
    for identity in ("0", "9", "newest"):
        talk.answer(identity)
    assert await talk.answers("0") == []
    assert len(await talk.answers("9")) == len(await talk.answers("newest")) == 1


async def test_a_server_says_that_a_client_is_gone(talk: Talk) -> None:
    gone = talk.asked.jid.split("/")[0] + "/gone"
    talk.asker.send("get", f"{talk.name}gone", gone, PING)
    assert (await talk.asker.get(f"{talk.name}gone")).get("type") == "error"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(clients: dict[str, Client]) -> str:
    """A room of our server with all of them in it, under the names that they have here."""
    form = '<x xmlns="jabber:x:data" type="submit"/>'
    for name, one in clients.items():
        presence = one.account.make_presence(pto=f"{ROOM}/{name}")
        presence.xml.append(ET.fromstring('<x xmlns="http://jabber.org/protocol/muc"/>'))
        presence.send()
        if name == "alice":
            owner = f'<query xmlns="http://jabber.org/protocol/muc#owner">{form}</query>'
            await request(one.account, "set", owner, ROOM)
        await request(one.account, "get", DISCO, ROOM)
    return ROOM


@pytest.mark.parametrize("names", ["alice bob", "alice stranger", "stranger bob"])
async def test_who_is_in_a_room_is_asked_through_it(
    clients: dict[str, Client], room: str, names: str
) -> None:
    asker, asked = names.split()
    for identity in (f"{names} first", f"{names} second"):
        clients[asker].send("get", identity, f"{room}/{asked}", PING)
        question = await clients[asked].find(lambda iq: iq.get("from") == f"{room}/{asker}")
        for _ in range(2):
            clients[asked].send("result", question.get("id", ""), f"{room}/{asker}", LAST)
        clients[asked].arrived.remove(question)
        assert (await clients[asker].get(identity)).get("type") == "result"
    assert len(clients[asker].got(f"{names} first")) == 1
