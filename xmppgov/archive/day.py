"""What closes a day: the sorted tree of its message references, and the root over sealed names.

A reference is the keyed hash of a message id, 16 bytes. That a message is among a day's is shown by
its place in the tree; that it is not, by the two neighbours between which it would stand.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import sha256
from typing import Protocol

from xmppgov.tlog.merkle import leaf_hash, tree_hash

REFERENCE_SIZE = 16  # bytes
DAY = 86_400_000  # ms
LAST_DAY = date.max.toordinal() - date(1970, 1, 1).toordinal()


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


def day_text(number: int) -> str:
    """Return a day, given in days since 1970, as `2026-11-24`; what no calendar has is its end."""
    return (date(1970, 1, 1) + timedelta(min(max(number, 0), LAST_DAY))).isoformat()


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


def names_root(names: Iterable[Named], forgotten: Mapping[int, bytes] | None = None) -> bytes:
    """Return the root over the sealed names that a day has added, in the order of pseudonyms.

    `forgotten` holds, by their places in this order, the digests of those that were destroyed.

    Raises:
        ValueError: a place is not one of this order.
    """
    rows = [name_digest(row) for row in sorted(names, key=lambda name: name.pseudonym)]
    for place, digest in sorted((forgotten or {}).items()):
        if not 0 <= place <= len(rows):
            raise ValueError("a forgotten name has no such place")
        rows.insert(place, digest)
    return tree_hash([leaf_hash(row) for row in rows])


def name_digest(row: Named) -> bytes:
    """Return the 32 bytes that stand for a sealed name in the tree of its day."""
    head = "\0".join((row.pseudonym, row.month, row.sort)).encode()
    return sha256(head + b"\0" + row.sealed).digest()
