"""The lines of an export that verifies (docs/protocol/exports.md): a manifest, then one an index.

Each line is a JSON object. Indexes ascend. A record is a `Disclosure` with its place in the log; an
entry is one of the log's readable ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xmppgov.archive import ranges
from xmppgov.archive.disclosure import Disclosure
from xmppgov.archive.document import (
    base64_of,
    digests,
    malformed,
    number,
    octets,
    only,
    read,
    take,
    write,
)
from xmppgov.archive.leaf import DATA
from xmppgov.archive.model import FIELDS, VERSION
from xmppgov.archive.ranges import Range
from xmppgov.tlog.errors import ProofInvalid
from xmppgov.tlog.merkle import leaf_hash, verify_inclusion

FORMAT = "xmppgov-export/1"
RECORD = bytes([VERSION, DATA])
"""How the log's entry of a record begins."""
ALWAYS = ("v", "t", "em", "es")
"""What a record in an export always shows."""
_TEXTS = ("origin", "checkpoint", "policy", "purpose", "watermark")
_NUMBERS = ("made", "entries", "start", "end", "records", "outside", "readable")
_NAMES = {"format", *_TEXTS, *_NUMBERS, "fields", "rooms", "units", "covers"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says of itself; its first line.

    `checkpoint` is the signed note that every proof leads to, `policy` the policy file that it
    satisfied (for information: whoever verifies brings their own, empty where there is none).
    `entries` is how many entries of the log the export has looked at. Shown are the records from
    `start` to before `end` (ms), in `rooms` and of `units` (pseudonyms) where these are not empty.
    Every index of `covers` has a line, or an entry that says that it was erased. Without rooms and
    units it is one range, at whose ends are those of the log, or records of other times. Lines are
    `records`, `outside` of the times asked for, and `readable` entries.
    """

    origin: str
    checkpoint: bytes
    policy: str
    purpose: str
    watermark: str
    made: int
    entries: int
    start: int
    end: int
    records: int
    outside: int
    readable: int
    fields: tuple[str, ...]
    rooms: tuple[str, ...]
    units: tuple[str, ...]
    covers: tuple[Range, ...]

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        flat = {name: getattr(self, name) for name in (*_TEXTS, *_NUMBERS)}
        lists = {name: list(getattr(self, name)) for name in ("fields", "rooms", "units")}
        covers = ranges.write(self.covers)
        checkpoint = self.checkpoint.decode()
        return {"format": FORMAT, **flat, "checkpoint": checkpoint, **lists, "covers": covers}

    @classmethod
    def parse(cls, document: Any) -> Manifest:
        """Read what `document` writes. Raises `DocumentInvalid`."""
        only(document, _NAMES)
        if document["format"] != FORMAT:
            raise malformed()
        values: dict[str, Any] = {name: take(document, name, str) for name in _TEXTS}
        values |= {name: number(document, name) for name in _NUMBERS}
        values |= {name: _strings(document, name) for name in ("fields", "rooms", "units")}
        values["covers"] = _ranges(take(document, "covers", str))
        if not set(ALWAYS) <= set(values["fields"]) <= set(FIELDS):
            raise malformed()
        values["checkpoint"] = values["checkpoint"].encode("utf-8", "surrogatepass")
        return cls(**values)

    @property
    def whole(self) -> bool:
        """Whether it says that it has everything of its times."""
        return not self.rooms and not self.units


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record at its index; `outside` of the times asked for it is there to leave no gap."""

    index: int
    disclosure: Disclosure
    proof: tuple[bytes, ...]
    outside: bool = False

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        mark = {"outside": True} if self.outside else {}
        proof = list(map(base64_of, self.proof))
        return {"index": self.index, **mark, **self.disclosure.document(), "proof": proof}

    def leaf(self) -> bytes:
        """Return the entry that the log must have at this index."""
        return self.disclosure.leaf()


@dataclass(frozen=True, slots=True)
class EntryLine:
    """A readable entry of the log at its index."""

    index: int
    entry: bytes
    proof: tuple[bytes, ...]

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        proof = list(map(base64_of, self.proof))
        return {"index": self.index, "entry": base64_of(self.entry), "proof": proof}

    def leaf(self) -> bytes:
        """Return the entry that the log must have at this index."""
        return self.entry


Line = RecordLine | EntryLine


def parse_line(data: bytes) -> Line:
    """Read one line behind the manifest. Raises `DocumentInvalid`."""
    document = read(data)
    if "entry" in document:
        only(document, ("index", "entry", "proof"))
        index, proof = number(document, "index"), digests(document, "proof")
        entry = octets(document["entry"])
        if entry[:2] == RECORD:  # which shows nothing of its record, and would hide it
            raise malformed()
        return EntryLine(index, entry, proof)
    outside = "outside" in document
    if outside and document.pop("outside") is not True:
        raise malformed()
    only(document, ("index", "shown", "hidden", "proof"))
    index, proof = number(document, "index"), digests(document, "proof")
    return RecordLine(index, Disclosure.parse(document), proof, outside)


def parse_manifest(data: bytes) -> Manifest:
    """Read the first line. Raises `DocumentInvalid`."""
    return Manifest.parse(read(data))


def write_line(line: Manifest | Line) -> bytes:
    """Write a line with its end."""
    return write(line.document()) + b"\n"


def leads(line: Line, size: int, root: bytes) -> bool:
    """Tell whether a line's proof leads from its entry to the root of the tree of `size`."""
    try:
        verify_inclusion(line.index, size, leaf_hash(line.leaf()), line.proof, root)
    except ProofInvalid:
        return False
    return True


def _strings(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = take(document, name, list)
    if not all(type(value) is str for value in values):
        raise malformed()
    return tuple(values)


def _ranges(text: str) -> tuple[Range, ...]:
    try:
        return tuple(ranges.read(text)) if text else ()
    except ValueError as error:
        raise malformed() from error
