"""An account's own OMEMO nodes (XEP-0384 0.3, XEP-0163): its bundle, then its device list.

Nodes of other OMEMO versions would make clients prefer a protocol that is not spoken here, and
bundles that nobody has the keys of would be encrypted for; both are deleted.
"""

from __future__ import annotations

from typing import Any

import structlog
from omemo.types import DeviceList
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

from xmppgov.omemo.sessions import BUNDLES, Wire

log = structlog.get_logger()
OTHER_VERSIONS = "urn:xmpp:omemo:"


async def publish(
    stream: ClientXMPP, wire: Wire, *, bundle: Any, device: int, listed: DeviceList, sole: bool
) -> None:
    """Make the server's nodes those of `device`; `listed` is the device list that it has now.

    The list comes last: whoever sees the device can fetch its bundle.

    Raises:
        omemo.session_manager.XMPPInteractionFailed: the server refused or did not answer.
    """
    own = stream.boundjid.bare
    if await wire.bundle(own, device) != bundle:
        await wire.publish_bundle(bundle)
    wanted = {device} if sole else {*listed, device}
    if set(listed) != wanted:
        await wire.publish_device_list(dict.fromkeys(wanted))
    await _delete_strays(stream, {f"{BUNDLES}{d}" for d in wanted})


async def _delete_strays(stream: ClientXMPP, wanted: set[str]) -> None:
    pubsub = stream.plugin["xep_0060"]
    for node in await _own_nodes(stream):
        stray = node.startswith(BUNDLES) and node not in wanted
        if stray or node.startswith(OTHER_VERSIONS):
            try:
                await pubsub.delete_node(stream.boundjid.bare, node)
            except (IqError, IqTimeout) as error:
                log.warning("a stray node stays", node=node, error=type(error).__name__)


async def _own_nodes(stream: ClientXMPP) -> list[str]:
    try:
        items = await stream.plugin["xep_0030"].get_items(stream.boundjid.bare, local=False)
    except (IqError, IqTimeout):
        return []
    return [node for _, node, _ in items["disco_items"]["items"] if node]
