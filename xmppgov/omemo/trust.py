"""Blind trust before verification: whom a bot encrypts to without anybody having compared a key.

https://gultsch.de/trust.html. A new device is trusted as long as no device of the same person was
ever verified; each such decision leaves a line in the log. After that the person's new devices get
nothing, and are not believed, until they are verified too; those that are known stay.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import structlog
from omemo.types import DeviceInformation
from slixmpp_omemo.base_session_manager import TrustLevel

from xmppgov.errors import NotFound
from xmppgov.i18n import Texts
from xmppgov.omemo.store import OmemoStore
from xmppgov.omemo.verification import KeyChange, fingerprint, read_fingerprint

log = structlog.get_logger()
texts = Texts("xmppgov.omemo")

UNDECIDED = TrustLevel.UNDECIDED.value
TRUSTED = TrustLevel.TRUSTED.value
BLINDLY_TRUSTED = TrustLevel.BLINDLY_TRUSTED.value
DISTRUSTED = TrustLevel.DISTRUSTED.value


class Trust(NamedTuple):
    """What is thought of a device: its fingerprint, and one of the levels above."""

    fingerprint: str
    level: str


def trust_of(store: OmemoStore, jid: str) -> dict[int, Trust]:
    """Return what is thought of the listed devices of `jid` whose keys are known."""
    keys = {device: store.identity_key(jid, device) for device in store.devices(jid)}
    return {
        device: Trust(fingerprint(_bytes(key)), store.trust(jid, key) or UNDECIDED)
        for device, key in keys.items()
        if key is not None
    }


def is_verified(store: OmemoStore, jid: str) -> bool:
    """Whether anybody ever compared a key of `jid`: new ones are then not trusted blindly."""
    return not store.judged(jid) <= {UNDECIDED, BLINDLY_TRUSTED}


def stand_aside(store: OmemoStore, jid: str) -> list[int]:
    """Return the listed devices of `jid` that get nothing, since nobody verified them."""
    keys = {device: store.identity_key(jid, device) for device in store.devices(jid)}
    return [d for d, key in keys.items() if key and store.trust(jid, key) == DISTRUSTED]


def key_of(store: OmemoStore, jid: str, wanted: str) -> bytes:
    """Return the identity key of `jid` with a fingerprint.

    Raises:
        BadRequest: it is no fingerprint.
        NotFound: no device that is known has it.
    """
    digits = read_fingerprint(wanted)
    for key in map(_bytes, store.identity_keys(jid)):
        if fingerprint(key) == digits:
            return key
    raise NotFound(
        texts(
            "No device of {jid} is known that has this fingerprint;"
            " compare it again, or write to the person first.",
            jid=jid,
        )
    )


def key_change(jid: str, device: int, old: str | None, new: str) -> KeyChange:
    """Return the change of a device's identity key, as it is stored, by its fingerprints."""
    before = None if old is None else fingerprint(_bytes(old))
    return KeyChange(jid, device, before, fingerprint(_bytes(new)))


def record_key_change(change: KeyChange) -> None:
    """Log that somebody has a new key."""
    log.info("a key is new", jid=change.jid, device=change.device, replaced=change.old is not None)


def record_blind_trust(devices: Iterable[DeviceInformation]) -> None:
    """Log how many devices of whom were trusted blindly, and which."""
    known = list(devices)
    for jid, count in sorted(Counter(d.bare_jid for d in known).items()):
        ids = sorted(d.device_id for d in known if d.bare_jid == jid)
        log.info("devices trusted blindly", jid=jid, count=count, devices=ids)


def _bytes(key: str) -> bytes:
    return base64.urlsafe_b64decode(key)
