"""Keys are trusted blindly until one is compared; after that a new device has to be, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bots import made_bot, running
from tests.keys import publish_keys
from tests.people import OmemoPerson, person
from tests.streams import logged_in
from xmppgov.bot.outbox.model import Delivery, State
from xmppgov.bot.running import Running
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import NotFound
from xmppgov.omemo.errors import NoKeys
from xmppgov.omemo.model import Reach, Warmth
from xmppgov.omemo.trust import BLINDLY_TRUSTED, DISTRUSTED, TRUSTED
from xmppgov.omemo.verification import KeyChange

PEOPLE = [f"{name}{n}@gov.localhost" for n in range(4) for name in ("alice", "bob", "bot")]
ACCOUNTS = PEOPLE
PROSODY_MODULES = ""


async def only_fingerprint(who: OmemoPerson, whom: str) -> str:
    (trust,) = (await who.omemo.trust_of(whom)).values()
    assert trust.level == BLINDLY_TRUSTED
    return trust.fingerprint


@asynccontextmanager
async def verified(
    prosody: Prosody, folder: Path, alice_jid: str, bob_jid: str
) -> AsyncIterator[tuple[OmemoPerson, OmemoPerson]]:
    """Alice, who compared the key of Bob's phone."""
    async with (
        person(prosody, alice_jid, folder) as alice,
        person(prosody, bob_jid, folder) as phone,
    ):
        await alice.send(bob_jid, "un")
        await phone.wait_for("un")
        await alice.omemo.verify(bob_jid, await only_fingerprint(alice, bob_jid))
        yield alice, phone


async def test_a_new_device_of_a_verified_person_gets_nothing_until_it_is_verified(
    prosody: Prosody, tmp_path: Path
) -> None:
    alice_jid, bob_jid, _ = PEOPLE[0:3]
    changes: list[KeyChange] = []
    async with (
        verified(prosody, tmp_path, alice_jid, bob_jid) as (alice, phone),
        person(prosody, bob_jid, tmp_path, "tablet") as tablet,
    ):
        alice.omemo.on_change = changes.append
        alice.omemo.forget(bob_jid)
        await alice.send(bob_jid, "deux")
        await phone.wait_for("deux")
        trusts = await alice.omemo.trust_of(bob_jid)
        assert sorted(trust.level for trust in trusts.values()) == [DISTRUSTED, TRUSTED]
        (change,) = changes
        assert (change.jid, change.old) == (bob_jid, None)
        assert trusts[change.device].level == DISTRUSTED
        assert (await alice.omemo.reach([bob_jid]))[bob_jid] == Reach(Warmth.WARM)
        await tablet.send(alice_jid, "croyez-moi")
        await phone.send(alice_jid, "retour")
        await alice.wait_for("retour")
        assert alice.unreadable == ["SenderDistrusted"]
        await alice.omemo.verify(bob_jid, change.new.upper())
        await alice.send(bob_jid, "trois")
        await tablet.wait_for("trois")
        assert [heard.text for heard in tablet.heard] == ["trois"]


async def test_the_sender_is_told_that_not_every_device_got_it(
    prosody: Prosody, tmp_path: Path
) -> None:
    _, bob_jid, bot_jid = PEOPLE[3:6]

    async def render(reference: str, _recipient: str) -> str:
        return reference

    async def state(bot: Running, reference: str, wanted: State) -> Delivery:
        async with bot.database.transaction() as tx:
            await bot.outbox.add(
                tx, reference=reference, recipients=[bob_jid], expires=time.time() + 600
            )
        bot.outbox.wake()
        async with asyncio.timeout(20):
            while (await bot.outbox.states(reference))[0].state is not wanted:
                await asyncio.sleep(0.05)
        return (await bot.outbox.states(reference))[0]

    async with made_bot(prosody, bot_jid, tmp_path, render=render) as bot, running(bot):
        async with person(prosody, bob_jid, tmp_path) as phone:
            assert (await state(bot, "un", State.DELIVERED)).reason is None
            (trust,) = (await bot._omemo.trust_of(bob_jid)).values()
            await bot._omemo.verify(bob_jid, trust.fingerprint)
            async with person(prosody, bob_jid, tmp_path, "tablet"):
                bot._omemo.forget(bob_jid)
                assert (await state(bot, "deux", State.DELIVERED)).reason == "unverified"
                await phone.wait_for("deux")
        await bot._omemo.distrust(bob_jid, trust.fingerprint)
        assert (await state(bot, "trois", State.UNREACHABLE)).reason == "unverified"


async def test_trust_survives_and_needs_a_known_key(prosody: Prosody, tmp_path: Path) -> None:
    alice_jid, bob_jid, _ = PEOPLE[6:9]
    async with verified(prosody, tmp_path, alice_jid, bob_jid) as (alice, _):
        with pytest.raises(NotFound):
            await alice.omemo.verify(bob_jid, "0" * 64)
    async with person(prosody, alice_jid, tmp_path) as alice:
        (trust,) = (await alice.omemo.trust_of(bob_jid)).values()
        assert trust.level == TRUSTED
        await alice.omemo.distrust(bob_jid, trust.fingerprint)
        with pytest.raises(NoKeys) as caught:
            await alice.send(bob_jid, "deux")
        assert caught.value.reason == "unverified"


async def test_another_key_on_a_known_device_is_a_new_device(
    prosody: Prosody, tmp_path: Path
) -> None:
    alice_jid, bob_jid, _ = PEOPLE[9:12]
    changes: list[KeyChange] = []
    async with logged_in(prosody, bob_jid, "xep_0060") as account:
        await publish_keys(account, usable=False)
        async with person(prosody, alice_jid, tmp_path) as alice:
            alice.omemo.on_change = changes.append
            with pytest.raises(NoKeys):  # its identity is known by now, and there is no session
                await alice.send(bob_jid, "un")
            async with alice.omemo.exclusive() as unit:
                await unit.manager.get_device_information(bob_jid)
                async with unit.commit():
                    pass
            before = (await alice.omemo.trust_of(bob_jid)).values()
            await alice.omemo.verify(bob_jid, next(iter(before)).fingerprint)
            await publish_keys(account)
            await alice.omemo.prepare([bob_jid])
            async with alice.omemo.exclusive() as unit:
                with pytest.raises(NoKeys) as caught:
                    await unit.encrypt(bob_jid, "deux")
                async with unit.commit():
                    pass
    assert caught.value.reason == "unverified"
    assert [change.old for change in changes] == [one.fingerprint for one in before]
