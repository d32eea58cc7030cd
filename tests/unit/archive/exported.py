"""A small log with witnesses, on disk, and exports of it: what tests of verifiers begin with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.archive.test_model import RECORD, ROOM
from tests.unit.tlog.notes import COSIGNERS, LOG, ORIGIN, TIME, policy
from xmppgov.archive import jcs, leaf, model
from xmppgov.archive.day import key_digest, references_root
from xmppgov.archive.disclosure import PURPOSES, disclose
from xmppgov.archive.exports.model import EntryLine, Line, Manifest, RecordLine, write_line
from xmppgov.archive.leaf import Control, EmitterStart, Gap, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.merkle import EMPTY_ROOT, inclusion_proof, leaf_hash, tree_hash
from xmppgov.tlog.note import Note
from xmppgov.tlog.tiles import Edge

EM = "1/1763864000"
DAY = "2025-11-23"
START, END = 1_763_856_000_000, 1_763_942_400_000  # of that day, in ms
NOW = END + 600_000  # when entries are written: ten minutes behind that day
KEY = bytes(range(32))
"""The key of the day's references."""


class SmallLog:
    """Entries, the records behind them, and what the log's folder holds."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.records: dict[int, tuple[dict[str, Any], bytes]] = {}

    def control(self, control: Control) -> int:
        self.leaves.append(leaf.control_leaf(control))
        return len(self.leaves) - 1

    def start(self, em: str = EM, t: int = NOW, **more: Any) -> int:
        return self.control(
            EmitterStart(v=1, kind="emitter.start", em=em, emitter="gov.example", t=t, **more)
        )

    def gap(self, first: int, last: int, em: str = EM, t: int = NOW) -> int:
        fields = {"em": em, "first": first, "last": last, "reason": "boot", "t": t}
        return self.control(Gap.model_validate({"v": 1, "kind": "gap", **fields}))

    def record(self, seq: int, base: dict[str, Any] = RECORD, em: str = EM, **changes: Any) -> int:
        fields = {**base, "es": seq, "em": em, **changes}
        secret = bytes([seq % 256]) * 32
        root = model.commitment(model.encode_fields(fields), secret)
        numbers = model.emitter_numbers(em)
        self.records[len(self.leaves)] = (fields, secret)
        self.leaves.append(leaf.data_leaf(*numbers, seq, root))
        return len(self.leaves) - 1

    def say(self, kind: str, t: int = NOW, **fields: Any) -> int:
        """Add a control entry of any kind."""
        return self.control(parse_control({"v": 1, "kind": kind, "t": t, **fields}))

    def erase(self, indexes: str, n: int, **more: Any) -> int:
        fields = {"indexes": indexes, "n": n, "held": 0, "slip": "0" * 64, "visa": "DAF 1"}
        whole = {"class": "messages", "month": "2025-11", "roles": "archivist dpo"}
        index = self.say("erase", **{**whole, **fields, **more})
        for text in indexes.split(" "):
            first, _, last = text.partition("-")
            for gone in range(int(first), int(last or first) + 1):
                self.records.pop(gone, None)
        return index

    def day(self, references: list[bytes], part: int = 1, day: str = DAY, t: int = NOW) -> int:
        root, n = references_root(references)
        fields = {"day": day, "part": part, "n": n, "root": root.hex()}
        key = key_digest(KEY) if n else ""
        return self.say("day", t, **fields, key=key, named=0, names=EMPTY_ROOT.hex())

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(ORIGIN, len(self.leaves), tree_hash(self.hashes()))

    def hashes(self) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.leaves]

    def note(self, *names: str, log: Any = LOG) -> bytes:
        text = self.checkpoint.text()
        signatures = (COSIGNERS[name].sign(text, TIME) for name in names or COSIGNERS)
        return Note(text, (log.sign(text), *signatures)).encode()

    def publish(self, folder: Path, **notes: bytes) -> Path:
        """Write tiles, bundles and notes as the log serves them; `checkpoint` by default."""
        files = Edge().append(self.leaves)
        for path, data in {**files, **(notes or {"checkpoint": self.note()})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder

    def proof(self, index: int) -> tuple[bytes, ...]:
        hashes = self.hashes()
        path = inclusion_proof(index, len(hashes), lambda a, b: tree_hash(hashes[a:b]))
        return tuple(path)

    def line(self, index: int, fields: tuple[str, ...] = PURPOSES["evidence"]) -> Line:
        if index not in self.records:
            return EntryLine(index, self.leaves[index], self.proof(index))
        record, secret = self.records[index]
        shown = disclose(record, model.encode_fields(record), secret, fields)
        return RecordLine(index, shown, self.proof(index))

    def data(self, index: int) -> bool:
        return self.leaves[index][:2] == b"\1\1"

    def export(self, covers: tuple[Range, ...] | None = None) -> list[bytes]:
        """The lines of an export of everything that is there."""
        size = len(self.leaves)
        lines = [self.line(i) for i in range(size) if i in self.records or not self.data(i)]
        records = sum(isinstance(line, RecordLine) for line in lines)
        manifest = replace(
            manifest_of(self),
            records=records,
            readable=len(lines) - records,
            covers=((0, size - 1),) if covers is None else covers,
        )
        return [write_line(manifest), *map(write_line, lines)]


def parse_control(fields: dict[str, Any]) -> Control:
    """A control entry of these fields."""
    control = parse_leaf(bytes([model.VERSION, leaf.CONTROL]) + jcs.encode(fields))
    assert not isinstance(control, leaf.DataLeaf)
    return control


def manifest_of(log: SmallLog) -> Manifest:
    """An export of the whole day that has no line yet."""
    return Manifest(
        origin=ORIGIN,
        checkpoint=log.note(),
        policy=policy().encode().decode(),
        purpose="evidence",
        watermark="0" * 32,
        made=END,
        entries=len(log.leaves),
        start=START,
        end=END,
        records=0,
        outside=0,
        readable=0,
        fields=PURPOSES["evidence"],
        rooms=(),
        units=(),
        covers=(),
    )


def small() -> SmallLog:
    """Two records, a gap, two records more, of which one is erased, a closed day."""
    log = SmallLog()
    log.start()
    log.record(1)
    log.record(2)
    log.gap(3, 5)
    log.record(6, ROOM)
    log.record(7)
    log.erase("2", 1)
    log.day([bytes([n]) * 16 for n in (1, 3, 5)])
    return log


def document(line: bytes) -> dict[str, Any]:
    """A line as JSON."""
    return dict(json.loads(line))


def text(document: dict[str, Any]) -> bytes:
    """A line of a document that was tampered with."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"
