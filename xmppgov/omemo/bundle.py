"""Which published OMEMO keys an encrypting client accepts (XEP-0384 0.3.0, the legacy namespace).

Pure: elements in, facts out. A bundle is usable with an identity key, a signed pre-key whose XEdDSA
signature by that identity holds, and at least one pre-key.
"""

from __future__ import annotations

import base64
import binascii
import xml.etree.ElementTree as ET

import xeddsa

NAMESPACE = "eu.siacs.conversations.axolotl"
DEVICE_LIST = f"{NAMESPACE}.devicelist"
_NS = f"{{{NAMESPACE}}}"
_KEY_TYPE = b"\x05"  # libsignal's mark of a Curve25519 key
_KEY_LENGTH, _SIGNATURE_LENGTH = 32, 64
_LARGEST_ID = 2**32 - 1
MOST_DEVICES = 32
"""So many devices of a person are written to: a message for thousands is larger than any may be."""


def bundle_node(device: int) -> str:
    """Return the name of a device's bundle node."""
    return f"{NAMESPACE}.bundles:{device}"


def devices(listing: ET.Element | None) -> tuple[int, ...]:
    """Return the device ids of a `<list/>`, each once; what is no id is left out."""
    if listing is None or listing.tag != f"{_NS}list":
        return ()
    ids = (_number(d.get("id", "")) for d in listing.findall(f"{_NS}device"))
    return tuple(dict.fromkeys(i for i in ids if i))


def _number(value: str) -> int | None:
    if not (value.isascii() and value.isdigit() and len(value) <= 10):
        return None
    number = int(value)
    return number if number <= _LARGEST_ID else None


def is_usable(bundle: ET.Element | None) -> bool:
    """Say whether a session can be built from a `<bundle/>`."""
    if bundle is None or bundle.tag != f"{_NS}bundle":
        return False
    identity = _key(bundle.findtext(f"{_NS}identityKey"))
    signed = _key(bundle.findtext(f"{_NS}signedPreKeyPublic"))
    signature = _decode(bundle.findtext(f"{_NS}signedPreKeySignature"))
    one_time = bundle.findall(f"{_NS}prekeys/{_NS}preKeyPublic")
    if identity is None or signed is None or signature is None:
        return False
    if not any(_key(k.text) and _number(k.get("preKeyId", "")) is not None for k in one_time):
        return False
    return _is_signed(identity, signed, signature)


def _is_signed(identity: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify an XEdDSA signature; its last bit says which of two Ed25519 keys is meant."""
    if len(signature) != _SIGNATURE_LENGTH:
        return False
    sign_bit = bool(signature[63] & 0x80)
    plain = signature[:63] + bytes([signature[63] & 0x7F])
    try:
        key = xeddsa.curve25519_pub_to_ed25519_pub(identity, sign_bit)
        return xeddsa.ed25519_verify(plain, key, _KEY_TYPE + signed)
    except (ValueError, xeddsa.XEdDSAException):
        return False


def _key(text: str | None) -> bytes | None:
    """Decode a public key without its mark, or return None."""
    raw = _decode(text)
    if raw is None or len(raw) != _KEY_LENGTH + 1 or raw[:1] != _KEY_TYPE:
        return None
    return raw[1:]


def _decode(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
