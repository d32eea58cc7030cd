"""Whose keys count as usable, by what their servers answer."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Iterable

import pytest

from tests.keys import bundle, device_list
from xmppgov.errors import NotAllowed, NotFound, Unreachable, XmppgovError
from xmppgov.i18n import Text
from xmppgov.omemo.bundle import DEVICE_LIST, bundle_node
from xmppgov.rooms.model import Keys, Readiness, Reason
from xmppgov_rooms.readiness import KeyCheck

TEXT = Text("xmppgov_rooms", "no answer")
JID = "alice@x"


class Nodes:
    """Published nodes; an error stands for the answer that it is made of."""

    def __init__(self, nodes: dict[str, ET.Element | XmppgovError | None]) -> None:
        self.nodes = nodes
        self.busy = self.most = 0

    async def node(self, _jid: str, node: str) -> ET.Element | None:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        answer = self.nodes.get(node, NotFound(TEXT))
        if isinstance(answer, XmppgovError):
            raise answer
        return answer


async def nobody_known(_jids: Iterable[str]) -> dict[str, bool]:
    return {}


async def check(nodes: Nodes, *jids: str, accounts=nobody_known) -> dict[str, Readiness]:
    keys = KeyCheck(ask_node=nodes.node, ask_accounts=accounts, concurrency=2)
    found: dict[str, Readiness] = {}
    async for part in keys.check(jids):
        found.update(part)
    return found


@pytest.mark.parametrize(
    ("nodes", "keys", "reason"),
    [
        ({}, Keys.MISSING, Reason.NO_DEVICE_LIST),
        ({DEVICE_LIST: None}, Keys.MISSING, Reason.EMPTY_DEVICE_LIST),
        ({DEVICE_LIST: device_list()}, Keys.MISSING, Reason.EMPTY_DEVICE_LIST),
        ({DEVICE_LIST: device_list(*range(1, 34))}, Keys.MISSING, Reason.TOO_MANY_DEVICES),
        ({DEVICE_LIST: NotAllowed(TEXT)}, Keys.MISSING, Reason.NOT_READABLE),
        ({DEVICE_LIST: Unreachable(TEXT)}, Keys.UNKNOWN, Reason.NO_ANSWER),
        ({DEVICE_LIST: device_list(1)}, Keys.MISSING, Reason.NO_BUNDLE),
        ({DEVICE_LIST: device_list(1), bundle_node(1): None}, Keys.MISSING, Reason.NO_BUNDLE),
        (
            {DEVICE_LIST: device_list(1), bundle_node(1): bundle(signed=False)},
            Keys.MISSING,
            Reason.BROKEN_BUNDLE,
        ),
        (
            {DEVICE_LIST: device_list(1, 2), bundle_node(2): Unreachable(TEXT)},
            Keys.UNKNOWN,
            Reason.NO_ANSWER,
        ),
        ({DEVICE_LIST: device_list(1, 2), bundle_node(2): bundle()}, Keys.USABLE, Reason.NONE),
    ],
)
async def test_what_is_found(nodes: dict, keys: Keys, reason: Reason) -> None:
    assert await check(Nodes(nodes), JID) == {JID: Readiness(keys, reason)}


async def test_whoever_has_no_account_is_not_asked() -> None:
    async def accounts(jids: Iterable[str]) -> dict[str, bool]:
        return dict.fromkeys(jids, False)

    nodes = Nodes({})
    found = await check(nodes, JID, accounts=accounts)
    assert found[JID].keys is Keys.NO_ACCOUNT
    assert nodes.most == 0


async def test_not_too_many_are_asked_at_once() -> None:
    nodes = Nodes({DEVICE_LIST: device_list(1), bundle_node(1): bundle()})
    found = await check(nodes, *(f"p{n}@x" for n in range(20)))
    assert {r.keys for r in found.values()} == {Keys.USABLE}
    assert nodes.most == 2
