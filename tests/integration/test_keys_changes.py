"""Each change of somebody's OMEMO nodes is told to the listeners (urn:xmppgov:keys:0)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from slixmpp import Iq
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.omemo_nodes import (
    BUNDLE,
    DEVICES,
    OMEMO2_BUNDLES,
    OMEMO2_DEVICES,
    OWNER,
    delete,
    publish,
    purge,
    read,
    request,
    retract,
)
from tests.streams import component_section, connected, logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

ALICE, LEAVER, FRESH = "alice@gov.localhost", "leaver@gov.localhost", "fresh@gov.localhost"
ACCOUNTS = [ALICE, LEAVER, FRESH]
PROSODY_MODULES = "keys"
PROSODY_EXTRA = """
VirtualHost "gov.localhost"
modules_enabled = { "user_account_management" }
"""
CHANGED = "{urn:xmppgov:keys:0}changed"


class Listener:
    """What the governance component is told: (sending host, whose nodes changed)."""

    def __init__(self, prosody: Prosody) -> None:
        section = component_section(prosody, "governance", "rooms")
        identity = ("component", "generic")
        self.stream = Component(section, name="governance", identity=identity)
        self.changes: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        matcher = MatchXPath(f"{{{self.stream.default_ns}}}iq/{CHANGED}")
        self.stream.register_handler(Callback("changed", matcher, self._note))

    def _note(self, iq: Iq) -> None:
        self.changes.put_nowait((iq["from"].full, iq.xml[0].attrib["jid"]))
        iq.reply().send()

    async def next(self) -> tuple[str, str]:
        """Return the next change; wait for it."""
        return await asyncio.wait_for(self.changes.get(), 10)

    async def forget(self) -> None:
        """Forget what was told so far: the server tells a change before it answers a later ping."""
        await self.stream.plugin["xep_0199"].ping("gov.localhost")
        while not self.changes.empty():
            self.changes.get_nowait()


@asynccontextmanager
async def listening(prosody: Prosody) -> AsyncIterator[Listener]:
    """A connected listener."""
    listener = Listener(prosody)
    async with connected(listener.stream):
        yield listener


async def configure(account: Account, node: str) -> None:
    """Write the configuration of the account's own node, which may empty it."""
    form = (
        '<x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE">'
        "<value>http://jabber.org/protocol/pubsub#node_config</value></field>"
        '<field var="pubsub#persist_items"><value>0</value></field></x>'
    )
    await request(
        account,
        "set",
        f'<pubsub xmlns="{OWNER}"><configure node="{node}">{form}</configure></pubsub>',
    )


@pytest.mark.parametrize("node", [DEVICES, BUNDLE, OMEMO2_DEVICES, OMEMO2_BUNDLES])
@pytest.mark.parametrize("change", [publish, retract, purge, configure, delete])
async def test_every_change_is_told(
    prosody: Prosody, node: str, change: Callable[[Account, str], Awaitable[None]]
) -> None:
    async with listening(prosody) as listener, logged_in(prosody, ALICE) as alice:
        await delete(alice, node)
        await publish(alice, node)
        await listener.forget()
        await change(alice, node)
        assert await listener.next() == ("gov.localhost", ALICE)


async def test_it_is_told_after_the_change(prosody: Prosody) -> None:
    async with listening(prosody) as listener, logged_in(prosody, ALICE) as alice:
        await delete(alice, DEVICES)
        await listener.forget()
        publishing = asyncio.create_task(publish(alice, DEVICES))
        await listener.next()
        assert await read(listener.stream, ALICE, DEVICES) == ["current"]
        await publishing


async def test_other_nodes_are_not_told(prosody: Prosody) -> None:
    async with listening(prosody) as listener, logged_in(prosody, ALICE) as alice:
        await listener.forget()
        await publish(alice, "urn:example:diary")
        await publish(alice, f"{DEVICES}.draft")
        await listener.stream.plugin["xep_0199"].ping("gov.localhost")
        assert listener.changes.empty()


async def test_a_deleted_account_is_told(prosody: Prosody) -> None:
    async with listening(prosody) as listener, logged_in(prosody, LEAVER, "xep_0199") as leaver:
        await leaver.plugin["xep_0199"].ping("gov.localhost")
        await listener.forget()
        await request(leaver, "set", '<query xmlns="jabber:iq:register"><remove/></query>')
        assert await listener.next() == ("gov.localhost", LEAVER)


async def test_ones_own_missing_device_list_is_empty(prosody: Prosody) -> None:
    async with logged_in(prosody, FRESH) as fresh:
        assert await read(fresh, None, DEVICES) == []
        assert await read(fresh, FRESH, DEVICES) == []
        await publish(fresh, DEVICES)
        assert await read(fresh, None, DEVICES) == ["current"]
