"""Pseudonyms of people, rooms and units under the month's key, and of message ids under the day's.

A pseudonym is the first 16 bytes of HMAC-SHA256(key, label ‖ NUL ‖ value), in base64url without
padding. The label keeps a person, a room and a unit of the same name apart.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from typing import NamedTuple

from xmppgov_archive.records.keys import DAY, KeyRing

LONGEST_MEMORY = 50_000  # pseudonyms kept in memory


class Name(NamedTuple):
    """A pseudonym and what it stands for; `sort` is "person", "room" or "unit"."""

    pseudonym: str
    month: str
    sort: str
    address: str


class Pseudonyms:
    """Makes pseudonyms, and notes those that the store does not know yet."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._made: dict[tuple[str, str, int], Name] = {}
        self._stored: set[str] = set()
        self._new: dict[str, Name] = {}

    def of(self, sort: str, address: str, t: int) -> str:
        """Return the pseudonym of a person, room or unit in the month of `t` (ms)."""
        key = (sort, address, t // DAY)
        name = self._made.get(key)
        if name is None:
            name = self._remember(key, t)
        if name.pseudonym not in self._stored:
            self._new[name.pseudonym] = name
        return name.pseudonym

    def of_id(self, sort: str, value: str, t: int) -> str:
        """Return the keyed hash of a message id ("ref" or "oid") under the day's key."""
        return keyed(self._keys.of_day(t), sort, value.encode())

    def digest(self, content: bytes, t: int) -> bytes:
        """Return 16 bytes that are equal for equal records of the wire, under the month's key."""
        return hmac.digest(self._keys.of_month(t), b"xmppgov/wire/v1\0" + content, "sha256")[:16]

    def new(self) -> tuple[Name, ...]:
        """Return the names that have to be stored with the records that use them."""
        return tuple(self._new.values())

    def stored(self) -> None:
        """Note that what `new` returned has been committed."""
        if len(self._stored) > LONGEST_MEMORY:
            self._stored.clear()
        self._stored.update(self._new)
        self._new.clear()

    def _remember(self, key: tuple[str, str, int], t: int) -> Name:
        if len(self._made) > LONGEST_MEMORY:
            self._made.clear()
        sort, address, _ = key
        pseudonym = keyed(self._keys.of_month(t), sort, address.encode())
        month = datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m")
        name = self._made[key] = Name(pseudonym, month, sort, address)
        return name


def keyed(key: bytes, sort: str, value: bytes) -> str:
    """Return the pseudonym of `value` under `key` with the label of `sort`."""
    digest = hmac.digest(key, b"xmppgov/%b/v1\0%b" % (sort.encode(), value), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
