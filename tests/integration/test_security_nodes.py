"""One account's PEP nodes (XEP-0163) stay few: each new one costs the whole server's time."""

from __future__ import annotations

import pytest

from tests.omemo_nodes import DEVICES, LEGACY, OWNER, PUBSUB, delete, publish, refused, request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody

ALICE, BOB, CAROL = (f"{name}@gov.localhost" for name in ("alice", "bob", "carol"))
ACCOUNTS = [ALICE, BOB, CAROL]
PROSODY_MODULES = "keys"
PROSODY_EXTRA = """
VirtualHost "gov.localhost"
xmppgov_keys_max_nodes = 12
xmppgov_keys_max_bundles = 5
"""


def bundle(device: int) -> str:
    """Return the node of a device's bundle."""
    return f"{LEGACY}.bundles:{device}"


async def test_a_new_node_beyond_the_limit_is_refused(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice:
        for number in range(12):
            await publish(alice, f"urn:example:{number}")
        assert await refused(publish(alice, "urn:example:more")) == "resource-constraint"
        create = f'<pubsub xmlns="{PUBSUB}"><create node="urn:example:other"/></pubsub>'
        assert await refused(request(alice, "set", create)) == "resource-constraint"
        instant = f'<pubsub xmlns="{PUBSUB}"><create/></pubsub>'
        assert await refused(request(alice, "set", instant)) == "resource-constraint"
        await publish(alice, "urn:example:3")
        await publish(alice, DEVICES)
        await publish(alice, bundle(1))
        await publish(alice, "urn:xmpp:bookmarks:1")
        await delete(alice, "urn:example:3")
        await delete(alice, "urn:xmpp:bookmarks:1")
        await publish(alice, "urn:example:more")


async def test_devices_that_are_there_go_on(prosody: Prosody) -> None:
    async with logged_in(prosody, BOB) as bob:
        for device in range(1, 6):
            await publish(bob, bundle(device))
        assert await refused(publish(bob, bundle(6))) == "resource-constraint"
        for device in range(1, 6):
            await publish(bob, bundle(device))
        await publish(bob, DEVICES)
        await delete(bob, bundle(1))
        await publish(bob, bundle(6))


@pytest.mark.parametrize("length", [255, 256])
async def test_the_name_of_a_node_is_short(prosody: Prosody, length: int) -> None:
    async with logged_in(prosody, CAROL) as carol:
        node = "n" * length
        create = request(carol, "set", f'<pubsub xmlns="{PUBSUB}"><create node="{node}"/></pubsub>')
        if length > 255:
            assert await refused(create) == "not-acceptable"
        else:
            await create
            await request(
                carol, "get", f'<pubsub xmlns="{OWNER}"><configure node="{node}"/></pubsub>'
            )
