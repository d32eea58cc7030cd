"""Whom something can be encrypted for is known without asking, and stays known by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from slixmpp.xmlstream.stanzabase import StanzaBase

from tests.keys import publish_device_list
from tests.people import OmemoPerson, person
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.model import Reach, Warmth
from xmppgov.omemo.sessions import DEVICES

PEOPLE = [f"{name}{n}@gov.localhost" for n in range(4) for name in ("alice", "bob", "carol")]
ACCOUNTS = PEOPLE
PROSODY_MODULES = ""


async def reach(who: OmemoPerson, whom: str) -> Reach:
    return (await who.omemo.reach([whom]))[whom]


def deaf(who: OmemoPerson) -> list[str]:
    """Let no question for a device list leave any more; return whose were held back."""
    held: list[str] = []

    def hold(stanza: StanzaBase) -> StanzaBase | None:
        if stanza.name == "iq" and f'node="{DEVICES}"' in str(stanza):
            held.append(stanza["to"].bare)
            return None
        return stanza

    who.account.add_filter("out", hold)
    return held


async def test_reach_goes_from_unknown_to_warm(prosody: Prosody, tmp_path: Path) -> None:
    alice_jid, bob_jid, carol_jid = PEOPLE[0:3]
    async with person(prosody, alice_jid, tmp_path) as alice, person(prosody, bob_jid, tmp_path):
        assert await reach(alice, bob_jid) == Reach(Warmth.NONE, "unknown")
        await alice.omemo.prepare([bob_jid, carol_jid])
        assert (await reach(alice, bob_jid)).warmth is Warmth.KEYS
        assert await reach(alice, carol_jid) == Reach(Warmth.NONE, "keys-not-readable")
        await alice.send(bob_jid, "un")
        assert await reach(alice, bob_jid) == Reach(Warmth.WARM)


async def test_devices_without_keys_do_not_count(prosody: Prosody, tmp_path: Path) -> None:
    alice_jid, _, carol_jid = PEOPLE[3:6]
    async with logged_in(prosody, carol_jid, "xep_0060") as account:
        await publish_device_list(account, 77)
    async with person(prosody, alice_jid, tmp_path) as alice:
        await alice.omemo.prepare([carol_jid])
        assert await reach(alice, carol_jid) == Reach(Warmth.NONE, "no-bundle")


async def test_after_a_reconnect_nobody_with_a_session_is_asked_about_first(
    prosody: Prosody, tmp_path: Path
) -> None:
    alice_jid, bob_jid, _ = PEOPLE[6:9]
    async with person(prosody, bob_jid, tmp_path) as bob:
        async with person(prosody, alice_jid, tmp_path) as alice:
            await alice.send(bob_jid, "un")
            await bob.wait_for("un")
            await bob.send(alice_jid, "retour")
            await alice.wait_for("retour")
        async with person(prosody, alice_jid, tmp_path) as alice:
            held = deaf(alice)
            assert await reach(alice, bob_jid) == Reach(Warmth.WARM)
            async with asyncio.timeout(5):
                await alice.send(bob_jid, "deux")
            await bob.wait_for("deux")
            assert set(held) <= {alice_jid, bob_jid}  # behind the message, or not yet


async def test_a_device_that_appeared_meanwhile_is_found_behind_and_told(
    prosody: Prosody, tmp_path: Path
) -> None:
    alice_jid, bob_jid, _ = PEOPLE[9:12]
    async with person(prosody, bob_jid, tmp_path) as phone:
        async with person(prosody, alice_jid, tmp_path) as alice:
            await alice.send(bob_jid, "un")
        async with (
            person(prosody, bob_jid, tmp_path, "tablet") as tablet,
            person(prosody, alice_jid, tmp_path) as alice,
        ):
            appeared = asyncio.Event()
            alice.omemo.on_keys = lambda jid: appeared.set() if jid == bob_jid else None
            await alice.send(bob_jid, "deux")
            await phone.wait_for("deux")
            await asyncio.wait_for(appeared.wait(), 10)
            await alice.send(bob_jid, "trois")
            await tablet.wait_for("trois")
