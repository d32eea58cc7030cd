"""Bots publish their device, and people look up how to verify it, over a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import oldmemo.etree
import pytest
from omemo.session_manager import SessionManager

from tests.bots import made_bot, running
from tests.directory import ask, refused, running_directory
from tests.streams import logged_in
from xmppgov.adhoc.client import CommandClient
from xmppgov.demo.prosody import Prosody
from xmppgov.directory.client import DirectoryClient
from xmppgov.directory.model import Device
from xmppgov.errors import NotAllowed
from xmppgov.omemo.sessions import NAMESPACE
from xmppgov.omemo.verification import grouped, write_uri
from xmppgov.xmpp.client import Account
from xmppgov_directory.officials import NODE

PROSODY_MODULES = "policy"
ALICE, BOT, OTHER = "alice@gov.localhost", "annuaire@gov.localhost", "alertes@gov.localhost"
ACCOUNTS = [ALICE, BOT, OTHER]
DIRECTORY = "directory.gov.localhost"
BOTS = {"annuaire": BOT, "alertes": OTHER}
DEVICES = "<devices xmlns='urn:xmppgov:directory:0'/>"


async def published(account: Account) -> Device:
    """Return the device that the bot's own account publishes to the whole world."""
    account.register_plugin("xep_0060")
    nodes = account.plugin["xep_0060"]
    listed = await nodes.get_items(BOT, f"{NAMESPACE}.devicelist")
    device = listed["pubsub"]["items"]["item"]["payload"][0].get("id")
    items = await nodes.get_items(BOT, f"{NAMESPACE}.bundles:{device}")
    payload = items["pubsub"]["items"]["item"]["payload"]
    bundle = oldmemo.etree.parse_bundle(payload, BOT, int(device))
    key = SessionManager.format_identity_key(bundle.bundle.identity_key)
    return Device(BOT, int(device), "".join(key))


async def listed(client: DirectoryClient) -> tuple[Device, ...]:
    """Return the devices, once there are some."""
    async with asyncio.timeout(15):
        while not (found := await client.devices()):
            await asyncio.sleep(0.05)
    return found


async def test_a_bot_publishes_what_people_then_compare(prosody: Prosody, tmp_path: Path) -> None:
    async with (
        running_directory(prosody, tmp_path, bots=BOTS),
        made_bot(prosody, BOT, tmp_path, directory=DIRECTORY) as made,
        running(made) as bot,
        logged_in(prosody, ALICE) as alice,
    ):
        assert bot.directory is not None
        device = await published(alice)
        assert await listed(bot.directory) == (device,)
        for language, name in (("fr", "Comptes officiels"), ("en", "Official accounts")):
            commands = CommandClient(alice, DIRECTORY, language=language)
            assert await commands.names() == {NODE: name}
            reply = await commands.run(NODE)
            uri = write_uri(BOT, {device.id: device.fingerprint})
            (row,) = reply.rows
            assert row == {
                "name": "annuaire", "jid": BOT,
                "fingerprint": grouped(device.fingerprint), "uri": uri,
            }  # fmt: skip


async def test_another_device_takes_the_place_of_the_former(
    prosody: Prosody, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_directory(prosody, tmp_path, bots=BOTS), logged_in(prosody, BOT) as account:
        client = DirectoryClient(account, DIRECTORY)
        for number, key in ((1, "a" * 64), (1, "a" * 64), (2, "b" * 64)):
            await client.publish_device(number, key)
        assert await client.devices() == (Device(BOT, 2, "b" * 64),)
    assert capsys.readouterr().out.count("a bot has another device") == 1
    # Who is no bot any more is not listed, and it is all there after a restart.
    async with (
        running_directory(prosody, tmp_path, keep=True, bots={"alertes": OTHER}),
        logged_in(prosody, BOT) as account,
    ):
        assert await DirectoryClient(account, DIRECTORY).devices() == ()
        with pytest.raises(NotAllowed):
            await DirectoryClient(account, DIRECTORY).publish_device(3, "c" * 64)
    async with (
        running_directory(prosody, tmp_path, keep=True, bots=BOTS),
        logged_in(prosody, BOT) as account,
    ):
        found = await DirectoryClient(account, DIRECTORY).devices()
        assert found == (Device(BOT, 2, "b" * 64),)


async def test_nobody_says_it_for_a_bot(prosody: Prosody, tmp_path: Path) -> None:
    key = "a" * 64
    async with running_directory(prosody, tmp_path, bots=BOTS), logged_in(prosody, ALICE) as alice:
        for jid in ("", f"jid='{BOT}'"):
            device = f"<device xmlns='urn:xmppgov:directory:0' {jid} id='1' fingerprint='{key}'/>"
            assert (await refused(alice, "set", device))[:2] == ("forbidden", "auth")
        async with logged_in(prosody, OTHER) as other:
            answer = await ask(
                other,
                "set",
                f"<device xmlns='urn:xmppgov:directory:0' jid='{BOT}' id='1' fingerprint='{key}'/>",
            )
            assert answer.get("jid") == OTHER
        assert (await refused(alice, "get", DEVICES))[0] == "forbidden"


async def test_without_bots_there_is_no_command(prosody: Prosody, tmp_path: Path) -> None:
    async with running_directory(prosody, tmp_path), logged_in(prosody, ALICE) as alice:
        assert await CommandClient(alice, DIRECTORY).names() == {}
