"""What a client writes into a message cannot forge, tear or avoid its record."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.messages import CIPHERTEXT, Mailbox, mailbox
from tests.omemo_nodes import STANZAS
from xmppgov.demo.prosody import Prosody

ALICE, BOB, CAROL = (f"{name}@gov.localhost" for name in ("alice", "bob", "carol"))
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = "capture policy"
MUC_USER = "http://jabber.org/protocol/muc#user"
pytestmark = pytest.mark.asyncio(loop_scope="module")
People = tuple[Mailbox, Mailbox]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(prosody: Prosody) -> AsyncIterator[People]:
    """Alice and Bob, online during the whole module."""
    async with mailbox(prosody, ALICE) as alice, mailbox(prosody, BOB) as bob:
        yield alice, bob


def spool(server: Prosody) -> list[str]:
    """Return the lines of the spool."""
    files = sorted((server.state / "spool").iterdir())
    return [line for file in files for line in file.read_text("utf-8").split("\n")]


def records(server: Prosody) -> list[dict[str, str]]:
    """Return the records of the spool, by the names that they have on the wire."""
    items = [line.rsplit("\t", 1)[0] for line in spool(server) if line.startswith("record ")]
    return [dict(ET.fromstring(f"<{item}/>").attrib) for item in items]


async def sent_raw(people: People, xml: str) -> None:
    """Send one message of Alice's as it is, and wait until the server has handled it."""
    alice, bob = people
    alice.stream.send_raw(xml)
    await bob.get(alice.send(BOB, CIPHERTEXT))


@pytest.mark.parametrize("name", ["invite", "decline"])
async def test_nobody_is_made_to_have_invited(prosody: Prosody, people: People, name: str) -> None:
    before = len(records(prosody))
    invitation = f'<x xmlns="{MUC_USER}"><{name} from="{CAROL}"/></x>'
    await sent_raw(people, f'<message to="{BOB}" id="inv">{invitation}</message>')
    first, _ = records(prosody)[before:]
    assert (first["kind"], first["from"]) == ("invite", ALICE)
    assert CAROL not in "".join(spool(prosody))


async def test_no_line_is_slipped_into_the_spool(prosody: Prosody, people: People) -> None:
    before = len(records(prosody))
    text = (
        f"record seq='{before + 1}' id='x' t='1' kind='chat' path='c2s' from='{CAROL}' to='{BOB}'"
    )
    line = f"{text}\t{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]}"
    slipped = f"x\n{line}\n".replace("\t", "&#9;").replace("\n", "&#10;").replace("'", "&apos;")
    invitation = f'<x xmlns="{MUC_USER}"><invite from="{slipped}"/></x>'
    await sent_raw(people, f'<message to="{BOB}">{invitation}</message>')
    assert [record["from"] for record in records(prosody)[before:]] == [ALICE, ALICE]


@pytest.mark.parametrize("to", ["bob@gov .localhost", "gov localhost", "bob@gov\u00a0localhost"])
async def test_a_domain_with_a_blank_is_refused(prosody: Prosody, people: People, to: str) -> None:
    alice, before = people[0], len(records(prosody))
    answer = await alice.get(alice.send(to, CIPHERTEXT))
    assert answer.find(f"{{jabber:client}}error/{{{STANZAS}}}jid-malformed") is not None
    assert len(records(prosody)) == before


async def test_an_alleged_replay_of_a_room_is_recorded(prosody: Prosody, people: People) -> None:
    alice, before = people[0], len(records(prosody))
    delay = f'<delay xmlns="urn:xmpp:delay" from="{ALICE}" stamp="2020-01-01T00:00:00Z"/>'
    nowhere = "somebody@nowhere.invalid/phone"
    await alice.get(alice.send(nowhere, CIPHERTEXT + delay, "groupchat"))
    assert [r["kind"] for r in records(prosody)[before:]] == ["groupchat", "bounce"]
