"""Pseudonyms of people, rooms and units under the month's key, and of message ids under the day's.

A pseudonym is the first 16 bytes of HMAC-SHA256(key, label ‖ NUL ‖ value), in base64url without
padding. The label keeps a person, a room and a unit of the same name apart.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from xmppgov.archive.day import day_text, written
from xmppgov.archive.model import pads
from xmppgov.archive.sealing import PublicKey, pad
from xmppgov.archive.verify import StoredName
from xmppgov_archive.records.keys import DAY, SUFFIX, KeyRing, day_key

LONGEST_MEMORY = 50_000  # pseudonyms kept in memory


class Pseudonyms:
    """Makes pseudonyms, and seals what they stand for to the officers' key `resolving`."""

    def __init__(self, keys: KeyRing, resolving: PublicKey) -> None:
        self._keys = keys
        self._resolving = resolving
        self._made: dict[tuple[str, str, int], str] = {}
        self._stored: set[str] = set()
        self._new: dict[str, StoredName] = {}
        self._late: set[tuple[str, str]] = set()

    def of(self, sort: str, address: str, t: int) -> str:
        """Return the pseudonym of a person, room or unit in the month of `t` (ms).

        `sort` is "person", "room" or "unit".
        """
        key = (sort, address, t // DAY)
        pseudonym = self._made.get(key)
        if pseudonym is None:
            pseudonym = self._remember(key, t)
        if pseudonym not in self._stored and pseudonym not in self._new:
            self._new[pseudonym] = self._sealed(pseudonym, sort, address, t)
        return pseudonym

    def of_id(self, sort: str, value: str, t: int) -> str:
        """Return the keyed hash of a message id ("ref" or "oid") under the day's key."""
        return keyed(self._keys.of_day(t), sort, value.encode())

    def key_of(self, day: int) -> bytes | None:
        """Return the key of the ids of a day, in days since 1970, None where there is none."""
        return self._keys.find(day_key(day_text(day)).removesuffix(SUFFIX))

    def digest(self, content: bytes, t: int) -> bytes | None:
        """Return 16 bytes that are equal for equal records of the wire, under the month's key.

        None where that key is gone: what the digest was then can no longer be said.
        """
        return None if self.late(t) else self.new_digest(content, t)

    def new_digest(self, content: bytes, t: int) -> bytes:
        """Return the digest with which a record is kept that arrives now."""
        return _hmac(self._keys.of_month(t), b"xmppgov/wire/v1\0" + content)[:16]

    def late(self, t: int) -> bool:
        """Tell whether the key of the month of `t` (ms) is gone."""
        return self._keys.naming_month(t) != self._keys.month(t)

    def months_late(self) -> set[tuple[str, str]]:
        """Return the months of records that came late, with the month of their pseudonyms."""
        return self._late

    def new(self) -> tuple[StoredName, ...]:
        """Return the names that have to be stored with the records that use them."""
        return tuple(self._new.values())

    def stored(self) -> None:
        """Note that what `new` returned has been committed."""
        if len(self._stored) > LONGEST_MEMORY:
            self._stored.clear()
        self._stored.update(self._new)
        self._new.clear()
        self._late.clear()

    def forget(self) -> None:
        """Forget what was made and stored: names, or the keys under which they were made, go."""
        self._made.clear()
        self._stored.clear()
        _states.cache_clear()

    def _remember(self, key: tuple[str, str, int], t: int) -> str:
        if len(self._made) > LONGEST_MEMORY:
            self._made.clear()
        sort, address, _ = key
        if self.late(t):
            self._late.add((self._keys.month(t), self._keys.naming_month(t)))
        pseudonym = self._made[key] = keyed(self._keys.of_month(t), sort, address.encode())
        return pseudonym

    def _sealed(self, pseudonym: str, sort: str, address: str, t: int) -> StoredName:
        month = self._keys.naming_month(t)
        box = self._resolving.seal(pad(address), name_info(pseudonym, month, sort))
        return StoredName(pseudonym, month, sort, box)


def name_info(pseudonym: str, month: str, sort: str) -> bytes:
    """Return what a sealed name is bound to."""
    return b"xmppgov/name/v1\0" + "\0".join((pseudonym, month, sort)).encode()


def keyed(key: bytes, sort: str, value: bytes) -> str:
    """Return the pseudonym of `value` under `key` with the label of `sort`."""
    return written(_hmac(key, b"xmppgov/%b/v1\0%b" % (sort.encode(), value))[:16])


def _hmac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256; the key's blocks are hashed once, which halves its time."""
    inner, outer = (state.copy() for state in _states(key))
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(64)
def _states(key: bytes) -> tuple[Any, Any]:
    inner, outer = pads(key)
    return sha256(inner), sha256(outer)
