"""What closes a day: the sorted tree of its message references, and the root over sealed names.

A reference is the keyed hash of a message id, 16 bytes. That a message is among a day's is shown by
its place in the tree; that it is not, by the two neighbours between which it would stand.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

from xmppgov.tlog.merkle import leaf_hash, tree_hash

REFERENCE_SIZE = 16  # bytes


class Named(Protocol):
    """A row of the table of pseudonyms."""

    @property
    def pseudonym(self) -> str: ...
    @property
    def month(self) -> str: ...
    @property
    def sort(self) -> str: ...
    @property
    def sealed(self) -> bytes: ...


def reference(text: str) -> bytes:
    """Return the 16 bytes of a `ref` or `oid` as a record holds it.

    Raises:
        ValueError: it is none.
    """
    try:
        value = base64.urlsafe_b64decode(text + "==")
    except binascii.Error as error:
        raise ValueError("not a reference") from error
    if len(value) != REFERENCE_SIZE or written(value) != text:
        raise ValueError("not a reference")
    return value


def written(value: bytes) -> str:
    """Write 16 bytes as a record holds them; the inverse of `reference`."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def references_root(references: Iterable[bytes]) -> tuple[bytes, int]:
    """Return the root of the sorted tree of a day's references, each once, and their number."""
    found = sorted(set(references))
    return tree_hash([leaf_hash(value) for value in found]), len(found)


def names_root(names: Iterable[Named]) -> bytes:
    """Return the root over the sealed names that a day has added, in the order of pseudonyms."""
    rows = sorted(names, key=lambda name: name.pseudonym)
    return tree_hash([leaf_hash(_name(row)) for row in rows])


def _name(row: Named) -> bytes:
    head = "\0".join((row.pseudonym, row.month, row.sort)).encode()
    return sha256(head + b"\0" + row.sealed).digest()
