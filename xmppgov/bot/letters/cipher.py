"""A text at rest: AES-256-GCM (NIST SP 800-38D) under a key from a file of its own.

A sealed text is `0x01 || nonce (12 bytes, random) || ciphertext || tag (16 bytes)`; the id of what
it belongs to is authenticated with it, so that a sealed text cannot be moved elsewhere.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SHORTEST_SECRET = 32  # characters of the key file
_VERSION, _NONCE = b"\x01", 12


class Cipher:
    """Seals texts and marks request bodies; independent keys from one secret (HKDF-SHA256).

    Args:
        secret: what the key file holds. Raises `ValueError` where it is too short.
        purpose: what is sealed, as `alert`; each has keys of its own.
    """

    def __init__(
        self, secret: str, purpose: str, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"shorter than {SHORTEST_SECRET} characters")
        self._aead = AESGCM(_derive(secret, f"xmppgov {purpose} text 1"))
        self._mark = _derive(secret, f"xmppgov {purpose} request 1")
        self._random = random

    def seal(self, text: str, id: str) -> bytes:
        """Return `text` sealed for what `id` names."""
        nonce = self._random(_NONCE)
        return _VERSION + nonce + self._aead.encrypt(nonce, text.encode(), id.encode())

    def open(self, sealed: bytes, id: str) -> str:
        """Return the text of what `id` names.

        Raises:
            ValueError: it was sealed under another key or for another id, or was changed.
        """
        nonce, body = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            if sealed[:1] != _VERSION or len(nonce) != _NONCE:
                raise ValueError("not a sealed text")
            return self._aead.decrypt(nonce, body, id.encode()).decode()
        except InvalidTag as error:
            raise ValueError("sealed under another key, or changed") from error

    def mark(self, body: bytes) -> bytes:
        """Return a keyed digest (32 bytes): it knows the same request again and tells no text."""
        return hmac.digest(self._mark, body, "sha256")


def _derive(secret: str, info: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode())
    return key.derive(secret.encode())
