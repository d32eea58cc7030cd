"""Why a message could not be encrypted or decrypted; nothing here holds any of its content."""

from __future__ import annotations

from xmppgov.errors import LocalFault, RemoteFault
from xmppgov.i18n import Texts

texts = Texts("xmppgov")


class NoKeys(LocalFault):
    """Nothing can be encrypted for somebody.

    `reason` is `no-device` (no device list, or an empty one), `no-bundle` (devices, but none whose
    keys can be had), `unverified` (a verified person has only devices that nobody verified) or
    `keys-not-readable` (the device list cannot be fetched: refused, or the server does not answer).
    """

    def __init__(self, jid: str, reason: str) -> None:
        super().__init__(
            texts("Nothing can be encrypted for {jid}: {reason}.", jid=jid, reason=reason)
        )
        self.jid = jid
        self.reason = reason


class Disconnected(LocalFault):
    """The connection was lost while keys were fetched."""

    def __init__(self) -> None:
        super().__init__(texts("The connection was lost."))


class Undecryptable(RemoteFault):
    """A message cannot be decrypted: not meant for this device, malformed, or seen before.

    `broken` is the device with which there seems to be no common session any more.
    """

    def __init__(self, jid: str, reason: str, broken: int | None = None) -> None:
        super().__init__(
            texts("A message of {jid} cannot be decrypted: {reason}.", jid=jid, reason=reason)
        )
        self.reason = reason
        self.broken = broken
