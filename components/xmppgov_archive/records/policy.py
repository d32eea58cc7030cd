"""What the archive decides: which numbers may come next, and what of the wire a record keeps."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from xmppgov.archive.batch import ENCRYPTIONS, KINDS, SCOPES, Batch, Hole, WireRecord
from xmppgov.archive.jcs import Value
from xmppgov_archive.records.pseudonyms import Pseudonyms

UNKNOWN_UNIT = "unknown"


class Labels(NamedTuple):
    """What the operator says of every record: its retention class and its legal basis."""

    retention_class: str
    basis: str


def next_number(batch: Batch, last: int) -> int | None:
    """Return the number that the batch should begin with, or None where it continues `last`."""
    return last + 1 if batch.first > last + 1 else None


def fresh(batch: Batch, last: int) -> Iterator[WireRecord | Hole]:
    """Yield what of a batch lies behind `last`; a hole that reaches over it is cut."""
    for item in batch.items:
        if isinstance(item, WireRecord):
            if item.seq > last:
                yield item
        elif item.last > last:
            yield item._replace(first=max(item.first, last + 1))


def contradiction(
    batch: Batch,
    last: int,
    digests: Mapping[int, bytes],
    gaps: Iterable[tuple[int, int]],
    names: Pseudonyms,
) -> int | None:
    """Return the first number up to `last` that the batch gives other content than is committed.

    `digests` holds what is committed for numbers with a record, `gaps` the committed holes.
    """
    holes = list(gaps)
    for item in batch.items:
        if isinstance(item, WireRecord):
            if item.seq <= last and digests.get(item.seq) != names.digest(item.content(), item.t):
                return item.seq
        else:
            odd = _outside(item.first, min(item.last, last), holes)
            if odd is not None:
                return odd
    return None


def to_record(
    wire: WireRecord, *, em: str, unit: str | None, labels: Labels, names: Pseudonyms
) -> dict[str, Value]:
    """Return the record of schema v1 for a record of the wire (docs/protocol/archive.md)."""
    t = wire.t
    record: dict[str, Value] = {
        "v": 1,
        "kind": KINDS[wire.kind],
        "id": wire.id,
        "t": t,
        "from": names.of("person", wire.sender, t),
        "org": UNKNOWN_UNIT if unit is None else names.of("unit", unit, t),
        "class": labels.retention_class,
        "basis": labels.basis,
        "scope": SCOPES[wire.path],
        "enc": ENCRYPTIONS[wire.enc],
        "size": round_up(wire.size),
        "em": em,
        "es": wire.seq,
        "state": wire.state,
    }
    if wire.to is not None:
        record["to"] = names.of("person", wire.to, t)
    if wire.room is not None:
        record["room"] = names.of("room", wire.room, t)
    if wire.n is not None:
        record["n"] = wire.n
    if wire.sid is not None:
        record["ref"] = names.of_id("ref", wire.sid, t)
    if wire.oid is not None:
        record["oid"] = names.of_id("oid", wire.oid, t)
    if record["scope"] != "internal":
        record["domain"] = remote_domain(wire)
    return record


def round_up(size: int) -> int:
    """Return the smallest power of two that is at least `size` bytes, and at least 1."""
    return 1 << max(size - 1, 0).bit_length()


def remote_domain(wire: WireRecord) -> str:
    """Return the domain of the other side of a message between servers."""
    other = wire.sender if wire.path == "s2s-in" else wire.to or wire.room or ""
    return unicodedata.normalize("NFC", other.rpartition("@")[2])[:255]


def _outside(first: int, last: int, holes: list[tuple[int, int]]) -> int | None:
    """Return the first number of [first, last] that is in none of `holes`, which are in order."""
    for low, high in holes:
        if low <= first <= high:
            first = high + 1
    return first if first <= last else None
