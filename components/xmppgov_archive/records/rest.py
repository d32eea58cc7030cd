"""Records at rest: each is encrypted under the key of its month and its retention class.

Destroying that key destroys every copy of its records, backups included. The box also says where it
belongs: one that was moved to another row does not open. A row names its key where it is another
one: that of a legal hold, or of a later generation (`keys`).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from xmppgov.archive.model import SECRET_SIZE
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts
from xmppgov_archive.records.keys import KeyRing, body_name

texts = Texts("xmppgov_archive")
DIGEST_SIZE, NONCE_SIZE = 16, 12  # bytes


class BoxBroken(CheckFailed):
    """A record's box does not open: it was changed or moved, or its key is gone."""


class Content(NamedTuple):
    """What a box holds: the keyed digest of the wire record, the secret, the canonical body."""

    digest: bytes
    secret: bytes
    body: bytes


class AtRest:
    """Seals and opens the boxes of records with the keys of `keys`."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._ciphers: dict[bytes, ChaCha20Poly1305] = {}

    def seal(self, index: int, t: int, class_: str, content: Content) -> tuple[bytes, str | None]:
        """Return the box of the record at `index` with time `t` (ms) and a retention class.

        With it comes the name of its key, None where that is the month's and class's first.
        """
        name = self._keys.body(t, class_)
        first = name == body_name(self._keys.month(t), class_)
        return self.seal_under(name, index, content), None if first else name

    def seal_under(self, name: str, index: int, content: Content) -> bytes:
        """Return the box of the record at `index` under the key of a name."""
        nonce = os.urandom(NONCE_SIZE)
        cipher = self._cipher(self._keys.of(name))
        return nonce + cipher.encrypt(nonce, b"".join(content), index.to_bytes(8, "big"))

    def open(self, index: int, t: int, class_: str, box: bytes, name: str | None) -> Content:
        """Return what the box of the record at `index` holds; `name` is as `seal` gave it.

        Raises:
            BoxBroken: it was changed or moved, or its key is gone.
        """
        key = self._keys.find(name or body_name(self._keys.month(t), class_))
        if key is None:
            raise BoxBroken(texts("The key of this record is gone."))
        return open_box(self._cipher(key), index, box)

    def key_of(self, index: int, t: int, class_: str, box: bytes, name: str | None) -> str:
        """Return the name of the key under which a record lies. Raises as `open`."""
        self.open(index, t, class_, box, name)
        return name or body_name(self._keys.month(t), class_)

    def destroy(self, name: str) -> None:
        """Destroy a key and what was made of it. Raises `OSError`; do it again then."""
        self._ciphers.clear()
        self._keys.destroy(name)

    def _cipher(self, key: bytes) -> ChaCha20Poly1305:
        cipher = self._ciphers.get(key)
        if cipher is None:
            cipher = self._ciphers[key] = ChaCha20Poly1305(key)
        return cipher


def open_box(cipher: ChaCha20Poly1305, index: int, box: bytes) -> Content:
    """Return what the box of the record at `index` holds. Raises `BoxBroken`."""
    try:
        data = cipher.decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], index.to_bytes(8, "big"))
    except (InvalidTag, ValueError) as error:
        raise BoxBroken(texts("The record's box was changed or moved.")) from error
    middle = DIGEST_SIZE + SECRET_SIZE
    return Content(data[:DIGEST_SIZE], data[DIGEST_SIZE:middle], data[middle:])
