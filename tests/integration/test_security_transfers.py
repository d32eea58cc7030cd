"""Files between people go by encrypted messages: no way in clear beside them; calls go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

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
ALLOWED = 'VirtualHost "gov.localhost"\nxmppgov_policy_plaintext_domains = { "autre.localhost" }\n'
IBB, SI = "http://jabber.org/protocol/ibb", "http://jabber.org/protocol/si"
S5B, RTP = "http://jabber.org/protocol/bytestreams", "urn:xmpp:jingle:apps:rtp:1"
FILES = "urn:xmpp:jingle:apps:file-transfer:5"
TRANSPORTS = "urn:xmpp:jingle:transports:"
CANARY = "canary-7f3a"


def jingle(inside: str, action: str = "session-initiate") -> str:
    """Return Jingle (XEP-0166) of an action."""
    return f'<jingle xmlns="urn:xmpp:jingle:1" action="{action}" sid="s1">{inside}</jingle>'


def content(description: str, transport: str) -> str:
    """Return one content of a Jingle session."""
    return f'<content creator="initiator" name="c">{description}{transport}</content>'


FILE = f'<description xmlns="{FILES}"><file><name>{CANARY}</name></file></description>'
SOUND = f'<description xmlns="{RTP}" media="audio"/>'
ICE = f'<transport xmlns="{TRANSPORTS}ice-udp:1"/>'
IN_BAND = f'<transport xmlns="{TRANSPORTS}ibb:1" block-size="4096" sid="x"/>'
TRANSFERS = {
    "open": f'<open xmlns="{IBB}" block-size="4096" sid="{CANARY}"/>',
    "data": f'<data xmlns="{IBB}" seq="0" sid="x">{CANARY}</data>',
    "close": f'<close xmlns="{IBB}" sid="{CANARY}"/>',
    "si": f'<si xmlns="{SI}" id="a" profile="{SI}/profile/file-transfer">'
    f'<file xmlns="{SI}/profile/file-transfer" name="{CANARY}" size="1"/></si>',
    "socks": f'<query xmlns="{S5B}" sid="{CANARY}"/>',
    "link": f'<query xmlns="jabber:iq:oob"><url>https://{CANARY}.example/</url></query>',
    "jingle file": jingle(content(FILE, ICE)),
    "jingle file added": jingle(content(SOUND, ICE) + content(FILE, ICE), "content-add"),
    "jingle in band": jingle(content(SOUND, IN_BAND)),
    "transport replaced": jingle(content("", IN_BAND), "transport-replace"),
    "jingle received": jingle(f'<received xmlns="{FILES}" name="{CANARY}"/>', "session-info"),
    "other use": jingle(content(f'<description xmlns="urn:example:{CANARY}"/>', ICE)),
}
CALLS = {
    "call": jingle(content(SOUND, ICE)),
    "transport": jingle(content("", ICE), "transport-info"),
    "ringing": jingle('<ringing xmlns="urn:xmpp:jingle:apps:rtp:info:1"/>', "session-info"),
    "end": jingle("<reason><success/></reason>", "session-terminate"),
}
Trio = tuple[Account, Account, Account]


@pytest.fixture(scope="module", params=[False, True], ids=["not allowed", "allowed"])
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[bool, Prosody, Prosody]]:
    """Whether the other server may have what is in clear, and both servers."""
    require_program(request.config, "prosody")
    folder, extra = tmp_path_factory.mktemp("transfers"), ALLOWED if request.param else ""
    with federated(folder, "policy", [ALICE, BOB, STRANGER], extra=extra) as (ours, other):
        yield request.param, ours, other


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trio(servers: tuple[bool, Prosody, Prosody]) -> AsyncIterator[Trio]:
    """Alice and Bob on our server, somebody on another; each answers every request."""
    _, ours, other = servers
    async with (
        logged_in(ours, ALICE) as alice,
        logged_in(ours, BOB) as bob,
        logged_in(other, STRANGER) as stranger,
    ):
        for account in (alice, bob, stranger):
            _answer_everything(account)
            await request(account, "get", '<ping xmlns="urn:xmpp:ping"/>')
        yield alice, bob, stranger


def _answer_everything(account: Account) -> None:
    def answer(iq: StanzaBase) -> None:
        if iq["type"] in ("get", "set"):
            iq.reply().send()  # type: ignore[attr-defined]

    account.register_handler(Callback("every request", MatchXPath("{jabber:client}iq"), answer))


async def outcome(sender: Account, recipient: Account, child: str) -> str:
    """Return "arrived", or the condition with which a request was refused."""
    try:
        await request(sender, "set", child, recipient.boundjid.full)
    except IqError as error:
        texts = [e.text for e in error.iq.xml.iter() if e.tag.endswith("}text")]
        assert texts
        assert "clair" in str(texts[0])
        return condition(error)
    return "arrived"


@pytest.mark.parametrize("case", TRANSFERS)
async def test_no_transfer_between_colleagues(trio: Trio, case: str) -> None:
    alice, bob, _ = trio
    assert await outcome(alice, bob, TRANSFERS[case]) == "not-acceptable"


@pytest.mark.parametrize("case", CALLS)
async def test_calls_go_on(trio: Trio, case: str) -> None:
    alice, bob, stranger = trio
    for recipient in (bob, stranger):
        assert await outcome(alice, recipient, CALLS[case]) == "arrived"
    assert await outcome(stranger, alice, CALLS[case]) == "arrived"


@pytest.mark.parametrize("outward", [True, False], ids=["outward", "inward"])
@pytest.mark.parametrize("case", ["open", "si", "jingle file"])
async def test_transfers_between_servers(
    servers: tuple[bool, Prosody, Prosody], trio: Trio, case: str, outward: bool
) -> None:
    alice, _, stranger = trio
    sender, recipient = (alice, stranger) if outward else (stranger, alice)
    expected = "arrived" if servers[0] else "not-acceptable"
    assert await outcome(sender, recipient, TRANSFERS[case]) == expected


@pytest.mark.parametrize("kind", ["result", "error"])
async def test_no_answer_is_answered(trio: Trio, kind: str) -> None:
    alice, bob, _ = trio
    arrived: list[str] = []
    bob.add_filter("in", lambda s: arrived.append(str(s)) or s)  # type: ignore[func-returns-value]
    inside = TRANSFERS["data"] + ("<error type='cancel'><gone/></error>" if kind == "error" else "")
    heard: list[str] = []
    alice.add_filter("in", lambda s: heard.append(str(s)) or s)  # type: ignore[func-returns-value]
    alice.send_raw(f'<iq type="{kind}" id="no-{kind}" to="{bob.boundjid.full}">{inside}</iq>')
    await request(alice, "get", '<ping xmlns="urn:xmpp:ping"/>')
    await request(bob, "get", '<ping xmlns="urn:xmpp:ping"/>')
    assert not any(f'id="no-{kind}"' in stanza for stanza in arrived + heard)
