"""OMEMO nodes for tests, by plain pubsub IQs (XEP-0060, XEP-0163): no client library's opinion."""

from __future__ import annotations

from collections.abc import Coroutine
from xml.etree import ElementTree as ET

from slixmpp.exceptions import IqError

from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

LEGACY = "eu.siacs.conversations.axolotl"
DEVICES, BUNDLE = f"{LEGACY}.devicelist", f"{LEGACY}.bundles:31415"
OMEMO2_DEVICES, OMEMO2_BUNDLES = "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles"
PUBSUB = "http://jabber.org/protocol/pubsub"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
OWNER = f"{PUBSUB}#owner"
PAYLOADS = {
    DEVICES: f'<list xmlns="{LEGACY}"><device id="31415"/></list>',
    BUNDLE: f'<bundle xmlns="{LEGACY}"><identityKey>AAAA</identityKey></bundle>',
}
OTHER_PAYLOAD = '<thing xmlns="urn:example:thing"/>'


def condition(error: IqError) -> str:
    """Return the condition of an error (a component's stanzas have another namespace)."""
    found = next(e for e in error.iq.xml.iter() if e.tag.startswith(f"{{{STANZAS}}}"))
    return found.tag.split("}")[1]


async def request(
    stream: Account | Component, kind: str, child: str, to: str | None = None
) -> ET.Element:
    """Send an IQ of `kind` (get or set) whose child is the XML `child`; return the answer's XML."""
    iq = stream.make_iq(ito=to, itype=kind)
    if isinstance(stream, Component):
        iq["from"] = stream.boundjid
    iq.append(ET.fromstring(child))
    return (await iq.send(timeout=10)).xml


async def publish(
    account: Account, node: str, model: str = "presence", item: str = "current"
) -> None:
    """Publish one item to the account's own `node` with the access model `model`."""
    await request(
        account,
        "set",
        f'<pubsub xmlns="{PUBSUB}"><publish node="{node}"><item id="{item}">'
        f"{PAYLOADS.get(node, OTHER_PAYLOAD)}</item></publish><publish-options>"
        '<x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden">'
        f"<value>{PUBSUB}#publish-options</value></field>"
        f'<field var="pubsub#access_model"><value>{model}</value></field></x>'
        "</publish-options></pubsub>",
    )


async def retract(account: Account, node: str, item: str = "current") -> None:
    """Take one item back from the account's own `node`."""
    await request(
        account,
        "set",
        f'<pubsub xmlns="{PUBSUB}"><retract node="{node}" notify="true">'
        f'<item id="{item}"/></retract></pubsub>',
    )


async def purge(account: Account, node: str) -> None:
    """Empty the account's own `node`."""
    await request(account, "set", f'<pubsub xmlns="{OWNER}"><purge node="{node}"/></pubsub>')


async def delete(account: Account, node: str) -> None:
    """Delete the account's own `node`, if there is one."""
    try:
        await request(account, "set", f'<pubsub xmlns="{OWNER}"><delete node="{node}"/></pubsub>')
    except IqError as error:
        if condition(error) != "item-not-found":
            raise


async def read(stream: Account | Component, owner: str | None, node: str) -> list[str]:
    """Return the ids of the items of `owner`'s node (own node: None)."""
    answer = await request(
        stream, "get", f'<pubsub xmlns="{PUBSUB}"><items node="{node}"/></pubsub>', owner
    )
    return [item.attrib["id"] for item in answer.iter(f"{{{PUBSUB}}}item")]


async def subscribe(stream: Account | Component, owner: str, node: str) -> None:
    """Subscribe to `owner`'s node."""
    await request(
        stream,
        "set",
        f'<pubsub xmlns="{PUBSUB}">'
        f'<subscribe node="{node}" jid="{stream.boundjid.bare}"/></pubsub>',
        owner,
    )


async def refused(attempt: Coroutine[None, None, object]) -> str:
    """Return the condition of the error with which `attempt` is answered."""
    try:
        await attempt
    except IqError as error:
        return condition(error)
    raise AssertionError("it was not refused")
