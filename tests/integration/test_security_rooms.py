"""A room carries nobody's words: not by a declined invitation either."""

from __future__ import annotations

from tests.messages import mailbox, text
from tests.omemo_nodes import STANZAS
from tests.streams import component_section, connected
from xmppgov.demo.prosody import Prosody
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Room
from xmppgov.xmpp.component import Component

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = "policy rooms"
MUC = "rooms.gov.localhost"
CANARY = "canary-40ef"
DECLINE = f'<x xmlns="http://jabber.org/protocol/muc#user"><decline to="{BOB}"/></x>'


async def test_a_room_does_not_pass_on_a_refusal(prosody: Prosody) -> None:
    section = component_section(prosody, "governance", "rooms")
    governance = Component(section, name="test", identity=("component", "generic"))
    async with connected(governance):
        await RoomsClient(governance, MUC).set(Room("grp-1", "Groupe Horizon"))
    # The room would name who declined by the full address, whose end is the client's choice.
    async with mailbox(prosody, f"{ALICE}/{CANARY}") as alice, mailbox(prosody, BOB) as bob:
        answer = await alice.get(alice.send(f"grp-1@{MUC}", DECLINE, "normal"))
        assert answer.find(f"{{jabber:client}}error/{{{STANZAS}}}not-allowed") is not None
        await bob.get(bob.send(BOB, '<paused xmlns="http://jabber.org/protocol/chatstates"/>'))
        assert CANARY not in text(bob.all)
