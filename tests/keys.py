"""OMEMO keys for tests: device lists and bundles of real key material (XEP-0384 0.3.0)."""

from __future__ import annotations

import base64
import os
import xml.etree.ElementTree as ET

import xeddsa

from tests.omemo_nodes import OWNER, PUBSUB, request
from xmppgov.omemo.bundle import DEVICE_LIST, NAMESPACE, bundle_node
from xmppgov.xmpp.client import Account

DEVICE = 31415


def _published(key: bytes) -> str:
    return base64.b64encode(b"\x05" + key).decode()


def _private() -> bytes:
    return xeddsa.seed_to_priv(os.urandom(32))


def bundle(*, pre_keys: int = 2, signed: bool = True) -> ET.Element:
    """Make a `<bundle/>` of fresh keys; with `signed=False` the signature is another key's."""
    identity, signer = _private(), _private()
    public = xeddsa.priv_to_ed25519_pub(identity)
    pre_key = xeddsa.priv_to_curve25519_pub(_private())
    signature = bytearray(
        xeddsa.ed25519_priv_sign(identity if signed else signer, b"\x05" + pre_key, os.urandom(64))
    )
    signature[63] |= public[31] & 0x80  # which of two Ed25519 keys the Curve25519 key stands for
    one_time = "".join(
        f'<preKeyPublic preKeyId="{n}">'
        f"{_published(xeddsa.priv_to_curve25519_pub(_private()))}</preKeyPublic>"
        for n in range(1, pre_keys + 1)
    )
    return ET.fromstring(
        f'<bundle xmlns="{NAMESPACE}">'
        f'<signedPreKeyPublic signedPreKeyId="1">{_published(pre_key)}</signedPreKeyPublic>'
        f"<signedPreKeySignature>{base64.b64encode(bytes(signature)).decode()}</signedPreKeySignature>"
        f"<identityKey>{_published(xeddsa.ed25519_pub_to_curve25519_pub(public))}</identityKey>"
        f"<prekeys>{one_time}</prekeys></bundle>"
    )


def device_list(*ids: int) -> ET.Element:
    """Make a `<list/>` of devices."""
    devices = "".join(f'<device id="{i}"/>' for i in ids)
    return ET.fromstring(f'<list xmlns="{NAMESPACE}">{devices}</list>')


async def publish_item(account: Account, node: str, payload: ET.Element) -> None:
    """Publish one item to the account's own `node`, as a client does that wants it open."""
    written = ET.tostring(payload, encoding="unicode")
    await request(
        account,
        "set",
        f'<pubsub xmlns="{PUBSUB}"><publish node="{node}"><item id="current">{written}</item>'
        '</publish><publish-options><x xmlns="jabber:x:data" type="submit">'
        f'<field var="FORM_TYPE" type="hidden"><value>{PUBSUB}#publish-options</value></field>'
        '<field var="pubsub#access_model"><value>open</value></field>'
        "</x></publish-options></pubsub>",
    )


async def publish_keys(account: Account, *, device: int = DEVICE, usable: bool = True) -> None:
    """Publish a device's bundle and a device list that names it alone."""
    await publish_item(account, bundle_node(device), bundle(signed=usable))
    await publish_item(account, DEVICE_LIST, device_list(device))


async def publish_device_list(account: Account, *ids: int) -> None:
    """Publish a device list."""
    await publish_item(account, DEVICE_LIST, device_list(*ids))


async def delete_node(account: Account, node: str) -> None:
    """Delete one of the account's own nodes."""
    await request(account, "set", f'<pubsub xmlns="{OWNER}"><delete node="{node}"/></pubsub>')
