"""People with one OMEMO device each, who count what they receive and decrypt nothing."""

from __future__ import annotations

import asyncio
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from oldmemo.etree import parse_bundle
from omemo.bundle import Bundle

from bench.streams import RawClient, log_in
from tests.keys import DEVICE, bundle, device_list
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.bundle import DEVICE_LIST, bundle_node

PUBSUB = "http://jabber.org/protocol/pubsub"
PRE_KEYS = 20


@dataclass
class Recipients:
    """Everybody's streams and keys."""

    clients: list[RawClient] = field(default_factory=list)
    bundles: dict[str, tuple[int, Bundle]] = field(default_factory=dict)

    def least_received(self) -> int:
        """Return how many messages everybody has at least."""
        return min(client.received for client in self.clients)

    async def until_all_received(self, count: int) -> float:
        """Return the moment (perf_counter) at which everybody had `count` messages."""
        while any(client.received < count for client in self.clients):
            await asyncio.sleep(0.002)
        return time.perf_counter()


def _publish(node: str, payload: ET.Element) -> bytes:
    written = ET.tostring(payload, encoding="unicode")
    return (
        f"<iq type='set' id='k'><pubsub xmlns='{PUBSUB}'><publish node='{node}'>"
        f"<item id='current'>{written}</item></publish></pubsub></iq>"
    ).encode()


async def _join(prosody: Prosody, user: str, people: Recipients) -> None:
    client = await log_in(prosody, user)
    keys = bundle(pre_keys=PRE_KEYS)
    client.send(_publish(bundle_node(DEVICE), keys))
    client.send(_publish(DEVICE_LIST, device_list(DEVICE)))
    for _ in range(2):
        await client.reader.readuntil(b"</iq>")
    jid = client.jid.split("/")[0]
    client.token = b"</encrypted>"
    people.clients.append(client)
    people.bundles[jid] = (DEVICE, parse_bundle(keys, jid, DEVICE))


@asynccontextmanager
async def recipients(prosody: Prosody, users: list[str]) -> AsyncIterator[Recipients]:
    """`users`, online with published keys and counting during the block."""
    people = Recipients()
    for user in users:
        await _join(prosody, user, people)
    counting = [asyncio.create_task(client.count()) for client in people.clients]
    try:
        yield people
    finally:
        for task in counting:
            task.cancel()
        await asyncio.gather(*(client.close() for client in people.clients))
