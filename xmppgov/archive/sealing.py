"""Sealed boxes: HPKE (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305.

What is sealed to a public key opens only with its private key, and only under the same `info`, the
bytes that say what it is and where it belongs.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
KEY_SIZE = 32  # bytes
BLOCK = 64  # bytes; what is padded has a multiple of them
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class SealBroken(CheckFailed):
    """A sealed box does not open: another key, other `info`, or changed bytes."""


class PublicKey:
    """A public key to which anybody can seal; `raw` is its 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_SIZE:
            raise _no_key()
        self.raw = raw
        self._key = X25519PublicKey.from_public_bytes(raw)

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Return a box: 32 bytes of key, the ciphertext, 16 bytes of check value."""
        return _SUITE.encrypt(plaintext, self._key, info)


class PrivateKey:
    """The private key of a `PublicKey`; `raw` is its 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_SIZE:
            raise _no_key()
        self.raw = raw
        self._key = X25519PrivateKey.from_private_bytes(raw)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    def open(self, box: bytes, info: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            SealBroken: it was sealed to another key, under other `info`, or was changed.
        """
        try:
            return _SUITE.decrypt(box, self._key, info)
        except (InvalidTag, ValueError) as error:
            raise SealBroken(texts("It cannot be opened with this key.")) from error


def pad(text: str) -> bytes:
    """Return text in UTF-8, with zero bytes up to a multiple of `BLOCK` that hide its length.

    The text itself holds no zero byte.
    """
    data = text.encode()
    return data.ljust(-(-max(len(data), 1) // BLOCK) * BLOCK, b"\0")


def unpad(data: bytes) -> str:
    """Return what `pad` was given."""
    return data.rstrip(b"\0").decode()


def _no_key() -> SealBroken:
    return SealBroken(texts("It is no key of 32 bytes."))
