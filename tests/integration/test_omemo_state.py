"""The OMEMO state and the disk are one: what was not committed has not happened."""

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.bots import made_bot, running
from tests.people import OmemoPerson, person
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.errors import NoKeys, Undecryptable
from xmppgov.omemo.sessions import BUNDLES, DEVICES, NAMESPACE

ALICE, BOB, BOT = "alice@gov.localhost", "bob@gov.localhost", "bot@gov.localhost"
ACCOUNTS = [ALICE, BOB, BOT]
PROSODY_MODULES = ""


async def fill_the_disk(someone: OmemoPerson) -> None:
    """Let the person's database grow no further, with less room than a message needs."""
    database = someone.omemo.database
    row = await database.fetch_one("PRAGMA page_count")
    await database.fetch_one(f"PRAGMA max_page_count = {row[0] + 1}")


async def make_room(someone: OmemoPerson) -> None:
    await someone.omemo.database.fetch_one("PRAGMA max_page_count = 1000000")


async def test_a_failed_commit_sends_nothing_and_the_next_message_is_read(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with person(prosody, ALICE, tmp_path) as alice, person(prosody, BOB, tmp_path) as bob:
        await alice.send(BOB, "un")
        await bob.wait_for("un")
        await bob.send(ALICE, "retour")
        await alice.wait_for("retour")
        await fill_the_disk(alice)
        with pytest.raises(sqlite3.OperationalError, match="full"):  # noqa: PT012
            async with alice.omemo.exclusive() as unit:
                await unit.encrypt(BOB, "perdu")
                async with unit.commit() as tx:
                    await tx.execute("INSERT INTO omemo VALUES ('ballast', hex(zeroblob(99999)))")
        await make_room(alice)
        await alice.send(BOB, "deux")
        await bob.wait_for("deux")
        await bob.send(ALICE, "encore")
        await alice.wait_for("encore")
        assert [heard.text for heard in bob.heard] == ["un", "deux"]
        assert not bob.unreadable


async def test_a_message_whose_commit_failed_can_be_read_again(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with person(prosody, ALICE, tmp_path) as alice, person(prosody, BOB, tmp_path) as bob:
        await bob.omemo.prepare([ALICE])
        await alice.omemo.prepare([BOB])
        async with alice.omemo.exclusive() as unit:
            element = await unit.encrypt(BOB, "une fois")
            async with unit.commit():
                pass
        with pytest.raises(RuntimeError):  # noqa: PT012
            async with bob.omemo.exclusive() as unit:
                assert await unit.decrypt(ALICE, element) == "une fois"
                async with unit.commit():
                    raise RuntimeError("the effect failed")
        async with bob.omemo.exclusive() as unit:
            assert await unit.decrypt(ALICE, element) == "une fois"
            async with unit.commit():
                pass
        async with bob.omemo.exclusive() as unit:
            with pytest.raises(Undecryptable):
                await unit.decrypt(ALICE, element)


async def publish(server: Prosody, jid: str, node: str, payload: ET.Element) -> None:
    async with logged_in(server, jid, "xep_0060") as account:
        await account.plugin["xep_0060"].publish(jid, node, "current", payload)


async def nodes(server: Prosody, jid: str) -> set[str]:
    async with logged_in(server, jid, "xep_0030") as account:
        items = await account.plugin["xep_0030"].get_items(jid, local=False)
        return {node for _, node, _ in items["disco_items"]["items"]}


async def test_a_bot_takes_strays_off_the_server(prosody: Prosody, tmp_path: Path) -> None:
    stray_list = ET.Element(f"{{{NAMESPACE}}}list")
    ET.SubElement(stray_list, f"{{{NAMESPACE}}}device", {"id": "77"})
    await publish(prosody, BOT, DEVICES, stray_list)
    await publish(prosody, BOT, f"{BUNDLES}77", ET.Element(f"{{{NAMESPACE}}}bundle"))
    await publish(prosody, BOT, "urn:xmpp:omemo:2:devices", ET.Element("{urn:xmpp:omemo:2}devices"))
    async with made_bot(prosody, BOT, tmp_path) as bot, running(bot):
        left = {name for name in await nodes(prosody, BOT) if "omemo" in name or "axolotl" in name}
        assert len(left) == 2
        assert DEVICES in left
        assert f"{BUNDLES}77" not in left


async def test_a_device_that_vanished_is_not_encrypted_for(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with person(prosody, ALICE, tmp_path) as alice:
        async with person(prosody, BOB, tmp_path, "old"):
            await alice.send(BOB, "un")
            old = alice.omemo.store.devices(BOB)
        async with logged_in(prosody, BOB, "xep_0060") as account:
            empty = ET.Element(f"{{{NAMESPACE}}}list")
            await account.plugin["xep_0060"].publish(BOB, DEVICES, "current", empty)
        alice.omemo.forget(BOB)
        with pytest.raises(NoKeys) as caught:
            await alice.send(BOB, "deux")
        assert caught.value.reason == "no-device"
        async with person(prosody, BOB, tmp_path, "new") as bob:
            alice.omemo.forget(BOB)
            await alice.send(BOB, "trois")
            await bob.wait_for("trois")
            keys = (key for message in bob.wire for key in message.iter(f"{{{NAMESPACE}}}key"))
            devices = {int(key.get("rid", "0")) for key in keys}
            assert set(alice.omemo.store.devices(BOB)) <= devices
            assert not devices & set(old)
