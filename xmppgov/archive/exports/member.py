"""A member's proof that a message was logged on a day, or was not (docs/protocol/exports.md).

For each part of the day it holds the log's `day` entry, and where the message's references stand in
the sorted tree whose root that entry has, or between which two neighbours they would stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from xmppgov.archive.day import (
    REFERENCE_SIZE,
    SORTS,
    Place,
    key_digest,
    keyed_hash,
    reference,
    stands,
)
from xmppgov.archive.disclosure import Disclosure
from xmppgov.archive.document import (
    base64_of,
    digest,
    digests,
    malformed,
    number,
    octets,
    only,
    read,
    take,
    write,
)
from xmppgov.archive.exports.model import EntryLine, RecordLine, leads
from xmppgov.archive.exports.verify import Opens
from xmppgov.archive.leaf import DayEnd, parse_leaf
from xmppgov.archive.model import RecordInvalid
from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import ProofInvalid

texts = Texts("xmppgov")
FORMAT = "xmppgov-member-proof/1"
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a day: the log's entry, and by sort ("ref", "oid") where a reference stands."""

    entry: EntryLine
    places: Mapping[str, tuple[Place, ...]]


@dataclass(frozen=True, slots=True)
class MemberProof:
    """A message's `id` on a `day` (UTC), whose `key` is disclosed; `records` are the message's."""

    day: str
    id: str
    key: bytes
    checkpoint: bytes
    parts: tuple[Part, ...]
    records: tuple[RecordLine, ...] = ()

    @property
    def present(self) -> bool:
        """Whether it says that the message was logged; `verify` tells whether that is true."""
        sought = references(self.key, self.id)
        places = ((s, part.places[s]) for part in self.parts for s in SORTS)
        return any(place.value == sought[s] for s, found in places for place in found)

    def encode(self) -> bytes:
        """Write the file."""
        document = {
            "format": FORMAT,
            "day": self.day,
            "id": self.id,
            "key": base64_of(self.key),
            "checkpoint": self.checkpoint.decode(),
            "parts": [_part_document(part) for part in self.parts],
            "records": [record.document() for record in self.records],
        }
        return write(document) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> MemberProof:
        """Read what `encode` writes. Raises `DocumentInvalid`."""
        document = read(data)
        only(document, ("format", "day", "id", "key", "checkpoint", "parts", "records"))
        day, id, note = (take(document, name, str) for name in ("day", "id", "checkpoint"))
        if document["format"] != FORMAT:
            raise malformed()
        return cls(
            day,
            id,
            digest(document["key"]),
            note.encode("utf-8", "surrogatepass"),
            tuple(map(_part, take(document, "parts", list))),
            tuple(map(_record, take(document, "records", list))),
        )

    def verify(self, opens: Opens) -> bool:
        """Tell whether the message was logged on this day, in the parts that the proof shows.

        Raises:
            CheckFailed: the checkpoint is not signed as required, or the proof shows nothing.
        """
        checkpoint = opens(self.checkpoint)
        sought = references(self.key, self.id)
        found: set[str] = set()
        for turn, part in enumerate(self.parts, 1):
            end = self._end(part, turn, checkpoint)
            root = bytes.fromhex(end.root)
            found |= {s for s in SORTS if stands(sought[s], part.places[s], end.n, root)}
        if not self.parts:
            raise _shows_nothing()
        for record in self.records:
            same = any(_shows(record.disclosure, sort, sought[sort]) for sort in found)
            if not same or not leads(record, checkpoint.size, checkpoint.root):
                raise ProofInvalid(texts("A record of the proof is not this message's."))
        return bool(found)

    def _end(self, part: Part, turn: int, checkpoint: Checkpoint) -> DayEnd:
        try:
            end = parse_leaf(part.entry.entry)
        except RecordInvalid as error:
            raise _shows_nothing() from error
        if not isinstance(end, DayEnd) or (end.day, end.part) != (self.day, turn):
            raise _shows_nothing()
        if (end.n or end.key) and end.key != key_digest(self.key):
            raise ProofInvalid(texts("The day has another key than the proof."))
        if not leads(part.entry, checkpoint.size, checkpoint.root):
            raise _shows_nothing()
        return end


def references(key: bytes, id: str) -> dict[str, bytes]:
    """Return what a message's id is under a day's key, by sort."""
    return {sort: keyed_hash(key, sort, id.encode()) for sort in SORTS}


def as_recorded(id: str) -> str:
    """Return a message's id as a server records it: odd or long ones as their SHA-256."""
    if _PLAIN.fullmatch(id):
        return id
    return "sha256:" + sha256(id.encode()).hexdigest()


def _shows(disclosure: Disclosure, sort: str, value: bytes) -> bool:
    shown = disclosure.value(sort)
    try:
        return isinstance(shown, str) and reference(shown) == value
    except ValueError:
        return False


def _part_document(part: Part) -> dict[str, Any]:
    places = {sort: [_place_document(p) for p in part.places[sort]] for sort in SORTS}
    return {**part.entry.document(), **places}


def _place_document(place: Place) -> dict[str, Any]:
    path = [base64_of(hash_) for hash_ in place.path]
    return {"index": place.place, "value": base64_of(place.value), "proof": path}


def _part(document: Any) -> Part:
    only(document, ("index", "entry", "proof", *SORTS))
    index, entry = number(document, "index"), octets(document["entry"])
    places = {sort: tuple(map(_place, take(document, sort, list))) for sort in SORTS}
    return Part(EntryLine(index, entry, digests(document, "proof")), places)


def _place(document: Any) -> Place:
    only(document, ("index", "value", "proof"))
    value = octets(document["value"])
    if len(value) != REFERENCE_SIZE:
        raise malformed()
    return Place(number(document, "index"), value, digests(document, "proof"))


def _record(document: Any) -> RecordLine:
    only(document, ("index", "shown", "hidden", "proof"))
    proof = digests(document, "proof")
    return RecordLine(number(document, "index"), Disclosure.parse(document), proof)


def _shows_nothing() -> ProofInvalid:
    return ProofInvalid(texts("It has not the parts of the day as the log has them."))
