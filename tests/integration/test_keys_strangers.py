"""A stranger on another server is refused OMEMO keys, whatever access model the client chose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require_program
from tests.federation import federated
from tests.omemo_nodes import (
    BUNDLE,
    DEVICES,
    OMEMO2_BUNDLES,
    OMEMO2_DEVICES,
    delete,
    publish,
    read,
    refused,
    subscribe,
)
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
STRANGER, FRIEND = "mallory@autre.localhost", "friend@autre.localhost"
NODES = [DEVICES, BUNDLE, OMEMO2_DEVICES, OMEMO2_BUNDLES]
Servers = tuple[Prosody, Prosody]


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Servers]:
    require_program(request.config, "prosody")
    accounts = [ALICE, BOB, STRANGER, FRIEND]
    with federated(tmp_path_factory.mktemp("federation"), "keys", accounts) as both:
        yield both


@pytest.mark.parametrize("node", NODES)
async def test_a_stranger_is_refused_an_open_node(servers: Servers, node: str) -> None:
    ours, other = servers
    async with logged_in(ours, ALICE) as alice, logged_in(other, STRANGER) as stranger:
        await delete(alice, node)
        await publish(alice, node, "open")
        assert await refused(read(stranger, ALICE, node)) == "forbidden"
        assert await refused(subscribe(stranger, ALICE, node)) == "forbidden"
