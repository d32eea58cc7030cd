"""What the archive decides: which numbers may come next, and what of the wire a record keeps."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from xmppgov.archive import jcs
from xmppgov.archive.batch import (
    ENCRYPTIONS,
    KINDS,
    MESSAGES,
    SCOPES,
    Batch,
    CountedMessage,
    Hole,
    Item,
    WireRecord,
    reach,
)
from xmppgov.archive.derived import UNKNOWN_UNIT
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import Refusal
from xmppgov.archive.ranges import Range
from xmppgov.archive.request import CONFLICT
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.rest import Content

_PLAIN = ("kind", "id", "t", "scope", "es", "state", "n", "enc", "size", "domain")


class Label(NamedTuple):
    """What a record is kept under: its retention class and its legal basis."""

    class_: str
    basis: str


Labels = Mapping[str, Label]
"""The label of each family of kinds: "msg", "file", "room", "alert", "dir"."""


def family(kind: str) -> str:
    """Return the family of a record's kind."""
    return kind.partition(".")[0]


def foreign(batch: Batch, allowed: Collection[str]) -> bool:
    """Tell whether a batch has a kind of records that its emitter may not send.

    Only who sends messages sends those that are only counted.
    """
    counts = set(allowed) >= MESSAGES
    return any(
        item.kind not in allowed if isinstance(item, WireRecord) else not counts
        for item in batch.items
        if not isinstance(item, Hole)
    )


def next_number(batch: Batch, last: int) -> int | None:
    """Return the number that the batch should begin with, or None where it continues `last`."""
    return last + 1 if batch.first > last + 1 else None


def fresh(batch: Batch, last: int) -> Iterator[Item]:
    """Yield what of a batch lies behind `last`; a hole that reaches over it is cut."""
    for item in batch.items:
        if reach(item)[1] > last:
            yield item if not isinstance(item, Hole) else _cut(item, last + 1)


def _cut(hole: Hole, first: int) -> Hole:
    return hole._replace(first=max(hole.first, first))


def contradiction(
    batch: Batch,
    last: int,
    kept: Mapping[int, Content],
    gaps: Iterable[Range],
    erased: Iterable[Range],
    names: Pseudonyms,
) -> int | None:
    """Return the first number up to `last` that the batch gives other content than is committed.

    `kept` holds what is committed for numbers with a record, `gaps` the committed holes,
    `erased` the numbers of records that were erased: what they were can no longer be said. A number
    in none of them was a message that is only counted.
    """
    holes, gone = list(gaps), list(erased)
    for item in batch.items:
        first, final = reach(item)
        if first > last:
            break
        if isinstance(item, WireRecord):
            known = _outside(first, first, gone) is not None
            odd = known and not _same(item, kept.get(first), names)
        elif isinstance(item, CountedMessage):
            odd = first in kept or _outside(first, first, [*holes, *gone]) is None
        else:
            found = _outside(first, min(final, last), holes)
            first, odd = found or first, found is not None
        if odd:
            return first
    return None


def conflict(em: str, seq: int, t: int) -> Refusal:
    """Return the entry that says that number `seq` of an emitter's epoch came with other content.

    It is a refusal that names nobody's request: its hash is that of the number.
    """
    number: dict[str, Value] = {"v": 1, "kind": "conflict", "em": em, "es": seq}
    fields = {"request": sha256(jcs.encode(number)).hexdigest(), "purpose": CONFLICT}
    return Refusal.model_validate({"v": 1, "kind": "refusal", "t": t, **fields, "role": "nobody"})


def _same(wire: WireRecord, kept: Content | None, names: Pseudonyms) -> bool:
    """Tell whether a record of the wire is the one that is kept.

    Where the month's key is gone, so is what the digest was made with; then everything that a
    record holds beside names is compared, its random id among it.
    """
    if kept is None:
        return False
    digest = names.digest(wire.content(), wire.t)
    if digest is not None:
        return hmac.compare_digest(digest, kept.digest)
    body = jcs.decode(kept.body)
    return _plain(wire) == {name: body[name] for name in _PLAIN if name in body}


def to_record(
    wire: WireRecord, *, em: str, unit: str | None, labels: Labels, names: Pseudonyms
) -> dict[str, Value]:
    """Return the record of schema v1 for a record of the wire (docs/protocol/archive.md)."""
    t, kind = wire.t, KINDS[wire.kind]
    label = labels[family(kind)]
    record: dict[str, Value] = _plain(wire) | {
        "v": 1,
        "from": names.of("person", wire.sender, t),
        "org": UNKNOWN_UNIT if unit is None else names.of("unit", unit, t),
        "class": label.class_,
        "basis": label.basis,
        "em": em,
    }
    if wire.to is not None:
        record["to"] = names.of("person", wire.to, t)
    if wire.room is not None:
        record["room"] = names.of("room", wire.room, t)
    if wire.sid is not None:
        record["ref"] = names.of_id("ref", wire.sid, t)
    if wire.oid is not None:
        record["oid"] = names.of_id("oid", wire.oid, t)
    return record


def _plain(wire: WireRecord) -> dict[str, Value]:
    """Return the fields of `_PLAIN` of a record: those for which no key is needed."""
    found: dict[str, Value] = {
        "kind": KINDS[wire.kind],
        "id": wire.id,
        "t": wire.t,
        "scope": SCOPES[wire.path],
        "es": wire.seq,
        "state": wire.state,
    }
    if wire.n is not None:
        found["n"] = wire.n
    if wire.enc is not None:
        found["enc"] = ENCRYPTIONS[wire.enc]
    if wire.size is not None:
        found["size"] = round_up(wire.size)
    if found["scope"] != "internal":
        found["domain"] = remote_domain(wire)
    return found


def round_up(size: int) -> int:
    """Return the smallest power of two that is at least `size` bytes, and at least 1."""
    return 1 << max(size - 1, 0).bit_length()


def remote_domain(wire: WireRecord) -> str:
    """Return the domain of the other side of a message between servers."""
    other = wire.sender if wire.path == "s2s-in" else wire.to or wire.room or ""
    return unicodedata.normalize("NFC", other.rpartition("@")[2])[:255]


def _outside(first: int, last: int, holes: list[Range]) -> int | None:
    """Return the first number of [first, last] that is in none of `holes`, which are in order."""
    for low, high in holes:
        if low <= first <= high:
            first = high + 1
    return first if first <= last else None
