"""What clients verify a device by: its fingerprint, and the link that holds it. Pure.

`xmpp:alertes@gov.example?omemo-sid-27183=2d0c…` is the link that Conversations, Gajim and Dino
scan and open; a fingerprint is the identity key in its Curve25519 form, 64 hex digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

import xeddsa

from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts

texts = Texts("xmppgov.omemo")

FINGERPRINT = re.compile(r"[0-9a-f]{64}")
LARGEST_ID = 2**31 - 1
GROUP = 8
_PART = re.compile(r"omemo-sid-([1-9][0-9]{0,9})=([0-9a-f]{64})")


class KeyChange(NamedTuple):
    """Somebody who was known has a new device, or (with `old`) another key on a known one."""

    jid: str  # bare address
    device: int
    old: str | None  # fingerprints
    new: str


def fingerprint(identity_key: bytes) -> str:
    """Return the fingerprint of an identity key (Ed25519): 64 digits."""
    return xeddsa.ed25519_pub_to_curve25519_pub(identity_key).hex()


def read_fingerprint(text: str) -> str:
    """Return a fingerprint that somebody wrote, in any grouping, as its 64 digits.

    Raises:
        BadRequest: it is none.
    """
    digits = "".join(text.split()).lower()
    if not FINGERPRINT.fullmatch(digits):
        raise BadRequest(texts("A fingerprint is 64 hexadecimal digits; blanks do not count."))
    return digits


def grouped(fingerprint: str) -> str:
    """Return a fingerprint as clients show it: groups of eight digits."""
    return " ".join(fingerprint[n : n + GROUP] for n in range(0, len(fingerprint), GROUP))


def write_uri(jid: str, devices: Mapping[int, str]) -> str:
    """Return the link of the bare address `jid` with its devices: number and fingerprint."""
    parts = ";".join(f"omemo-sid-{id}={fingerprint}" for id, fingerprint in devices.items())
    return f"xmpp:{quote(jid, safe='@')}?{parts}"


def parse_uri(uri: str) -> tuple[str, dict[int, str]]:
    """Return the bare address and the devices of a link.

    Raises:
        ValueError: it is no such link, or names a device twice.
    """
    head, mark, query = uri.partition("?")
    found = [_PART.fullmatch(part) for part in query.split(";")]
    devices = {int(match[1]): match[2] for match in found if match}
    jid = unquote(head.removeprefix("xmpp:"), errors="strict")
    if not (head.startswith("xmpp:") and jid and mark and len(devices) == len(found)):
        raise ValueError("not a link to an address with OMEMO devices")
    return jid, devices
