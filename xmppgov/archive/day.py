"""What closes a day: the sorted tree of its message references, and the root over sealed names.

A reference is the keyed hash of a message id, 16 bytes. That a message is among a day's is shown by
its place in the tree; that it is not, by the two neighbours between which it would stand.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple, Protocol

from xmppgov.i18n import Texts
from xmppgov.tlog.errors import ProofInvalid
from xmppgov.tlog.merkle import EMPTY_ROOT, inclusion_proof, leaf_hash, tree_hash, verify_inclusion

texts = Texts("xmppgov")
REFERENCE_SIZE = 16  # bytes
DAY = 86_400_000  # ms
LAST_DAY = date.max.toordinal() - date(1970, 1, 1).toordinal()
SORTS = ("ref", "oid")
"""What a message's id may be: the stanza-id of a server, or the origin-id of its sender."""


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


def day_number(text: str) -> int | None:
    """Return a day, written `2026-11-24`, in days since 1970; None where no calendar has it."""
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        return None


class Place(NamedTuple):
    """A reference at its place in a day's sorted tree, with the hashes that lead to the root."""

    place: int
    value: bytes
    path: tuple[bytes, ...]


def keyed_hash(key: bytes, sort: str, value: bytes) -> bytes:
    """Return the 16 bytes that stand for `value` under a key, with the label of its sort."""
    message = b"xmppgov/%b/v1\0%b" % (sort.encode(), value)
    return hmac.digest(key, message, "sha256")[:REFERENCE_SIZE]


def key_digest(key: bytes) -> str:
    """Return what the log holds of a day's key, in hex: no proof can name another one."""
    return sha256(b"xmppgov/day/v1\0" + key).hexdigest()


def month_after(month: str) -> str:
    """Return the month behind one: `2027-01` behind `2026-12`. Raises `ValueError` behind 9999."""
    if month >= "9999-12":
        raise ValueError("no calendar has a month behind it")
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def month_start(month: str) -> int:
    """Return the first millisecond (UTC) of a month."""
    return (date.fromisoformat(f"{month}-01") - date(1970, 1, 1)).days * DAY


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


def locate(references: Sequence[bytes], value: bytes) -> tuple[Place, ...]:
    """Show where `value` stands among a day's references, each once and in order.

    Returns its place where it is among them; else its neighbours: two, one at an edge, none in an
    empty day.
    """
    hashes = [leaf_hash(reference) for reference in references]

    def at(place: int) -> Place:
        path = inclusion_proof(place, len(hashes), lambda a, b: tree_hash(hashes[a:b]))
        return Place(place, references[place], tuple(path))

    place = bisect_left(references, value)
    if place < len(references) and references[place] == value:
        return (at(place),)
    return tuple(at(n) for n in (place - 1, place) if 0 <= n < len(references))


def stands(value: bytes, places: Sequence[Place], n: int, root: bytes) -> bool:
    """Tell whether `value` is among the `n` references with this root, as `places` show.

    Raises:
        ProofInvalid: they show neither that it is nor that it is not.
    """
    for place in places:
        verify_inclusion(place.place, n, leaf_hash(place.value), place.path, root)
    if [place.value for place in places] == [value]:
        return True
    if n == 0 and root != EMPTY_ROOT:
        raise _shows_nothing()
    _check_neighbours(value, places, n)
    return False


def _check_neighbours(value: bytes, places: Sequence[Place], n: int) -> None:
    """Refuse neighbours that are not next to each other, or not on either side of `value`."""
    before = [place for place in places if place.value < value]
    after = [place for place in places if place.value > value]
    ends = before[-1].place if before else -1, after[0].place if after else n
    if len(before) > 1 or len(after) > 1 or [*before, *after] != list(places):
        raise _shows_nothing()
    if ends[1] != ends[0] + 1:
        raise _shows_nothing()


def _shows_nothing() -> ProofInvalid:
    return ProofInvalid(
        texts("It shows neither that the message is among the day's nor that it is not.")
    )


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
