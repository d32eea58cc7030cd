"""Every flipped bit of public files and records is found and named; so is a dishonest log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.archive.test_model import RECORD, ROOM
from xmppgov.archive import jcs, leaf, model
from xmppgov.archive.counters import Counters
from xmppgov.archive.day import DAY, name_digest, names_root
from xmppgov.archive.leaf import Control, DayEnd, EmitterStart, Gap, KeyChange
from xmppgov.archive.log import LogCheck
from xmppgov.archive.report import MOST_KEPT, Report
from xmppgov.archive.verify import (
    COLUMNS,
    ForgottenName,
    RecordCheck,
    StoredName,
    StoredRecord,
)
from xmppgov.i18n import Text
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.note import SigningKey
from xmppgov.tlog.tiles import Edge

ORIGIN = "archive.gov.example/2026"
KEY = SigningKey(ORIGIN, bytes(range(32)))
EM = "1/1763864000"


class Archive:
    """A small archive in memory: public files by path, and the rows of the records' table."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.rows: dict[int, StoredRecord] = {}
        self.files: dict[str, bytes] = {}

    def control(self, control: Control) -> None:
        self.leaves.append(leaf.control_leaf(control))

    def start(self, em: str = EM) -> None:
        self.control(EmitterStart(v=1, kind="emitter.start", em=em, emitter="gov.example", t=1))

    def gap(self, first: int, last: int) -> None:
        self.control(Gap(v=1, kind="gap", em=EM, first=first, last=last, reason="boot", t=1))

    def record(self, seq: int, base: dict[str, Any] = RECORD) -> None:
        fields = {**base, "es": seq, "em": EM}
        secret = bytes([seq % 256]) * 32
        root = model.commitment(model.encode_fields(fields), secret)
        body, columns = jcs.encode(fields), tuple(fields.get(name) for name in COLUMNS)
        index = len(self.leaves)
        self.rows[index] = StoredRecord(index, 1, 1763864000, seq, secret, body, columns)
        self.leaves.append(leaf.data_leaf(1, 1763864000, seq, root))

    def publish(self) -> Archive:
        edge = Edge()
        self.files = edge.append(self.leaves)
        self.files["checkpoint"] = Checkpoint(ORIGIN, edge.size, edge.root()).sign(KEY)
        return self

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileInvalid(Text("xmppgov", path))
        return self.files[path]

    def verify(self, earlier: bytes | None = None) -> Report:
        log = LogCheck(key=KEY.verifier, origin=ORIGIN, read=self.read)
        if not log.open(self.files["checkpoint"]):
            return log.report
        check = RecordCheck(log.report)
        for start, entries in log.entries():
            rows = [r for i, r in self.rows.items() if start <= i < start + len(entries)]
            check.chunk(start, entries, rows, dict(enumerate(self.leaves)))
        if earlier:
            log.check_earlier(earlier)
        check.numbers(log.counters, log.counters.last, {})
        check.finish()
        return log.report


def small() -> Archive:
    archive = Archive()
    archive.start()
    for seq in (1, 2):
        archive.record(seq)
    archive.gap(3, 5)
    archive.record(6, ROOM)
    return archive.publish()


def large(size: int = 700) -> Archive:
    archive = Archive()
    archive.start()
    for seq in range(1, size):
        archive.record(seq)
    return archive.publish()


def codes(archive: Archive) -> set[str]:
    return set(archive.verify().counts)


def test_what_was_not_touched_is_as_it_was_signed() -> None:
    report = small().verify()
    assert (report.total, report.size, report.records, report.missing) == (0, 5, 3, 3)
    assert large().verify().total == 0


def test_every_bit_of_the_public_files() -> None:
    archive = small()
    assert len(archive.files) == 3
    for path, data in list(archive.files.items()):
        for position in range(len(data) * 8):
            flipped = bytearray(data)
            flipped[position // 8] ^= 1 << position % 8
            archive.files[path] = bytes(flipped)
            assert archive.verify().total, (path, position)
        archive.files[path] = data
    assert archive.verify().total == 0


def check_row(archive: Archive, row: StoredRecord) -> Report:
    report = Report(ORIGIN)
    entry = archive.leaves[row.idx]
    RecordCheck(report).chunk(row.idx, [entry], [row], {row.idx: entry})
    return report


def test_every_bit_of_the_records() -> None:
    archive = small()
    for index, row in archive.rows.items():
        assert check_row(archive, row).total == 0
        for name in ("secret", "body"):
            data = getattr(row, name)
            for position in range(len(data) * 8):
                flipped = bytearray(data)
                flipped[position // 8] ^= 1 << position % 8
                report = check_row(archive, row._replace(**{name: bytes(flipped)}))
                assert {f.where for f in report.findings} == {f"entry {index}"}, (name, position)
        for name in ("emitter", "epoch", "seq"):
            report = check_row(archive, row._replace(**{name: getattr(row, name) ^ 1}))
            assert set(report.counts) == {"record-number"}


def test_bits_of_many_tiles_are_named_by_their_file() -> None:
    archive = large()
    for path in list(archive.files):
        if path == "checkpoint":
            continue
        data = archive.files[path]
        archive.files[path] = data[:-1] + bytes([data[-1] ^ 1])
        report = archive.verify()
        named = {finding.where for finding in report.findings}
        assert path in named or "entries" in path, path
        assert report.total
        archive.files[path] = data + b"\0"
        assert path in {finding.where for finding in archive.verify().findings}, path
        del archive.files[path]
        assert path in {finding.where for finding in archive.verify().findings}, path
        archive.files[path] = data


def test_deleted_swapped_and_replayed_records() -> None:
    archive = small()
    one, two = archive.rows[1], archive.rows[2]
    del archive.rows[1]
    assert codes(archive) == {"record-missing"}
    archive.rows[1] = two._replace(idx=1)
    assert codes(archive) == {"record-number"}
    archive.rows |= {1: two._replace(idx=1), 2: one._replace(idx=2)}
    assert archive.verify().counts["record-number"] == 4
    archive.rows |= {1: two._replace(idx=1, seq=1), 2: two}
    assert "record-number" in codes(archive)
    archive.rows |= {1: one, 2: two, 3: one._replace(idx=3)}
    assert codes(archive) == {"record-extra"}


@pytest.mark.parametrize(
    ("seqs", "code"),
    [
        ([1, 3], "counter-gap"),
        ([2, 3], "counter-gap"),
        ([1, 2, 2], "counter-twice"),
        ([1, 2, 1], "counter-twice"),
    ],
)
def test_a_log_that_signs_a_missing_or_doubled_number_is_found_out(
    seqs: list[int], code: str
) -> None:
    archive = Archive()
    archive.start()
    for seq in seqs:
        archive.record(seq)
    assert codes(archive.publish()) == {code}


def test_a_log_that_forges_a_gap_is_found_out() -> None:
    for first, last in ((2, 3), (1, 1), (5, 9)):
        archive = Archive()
        archive.start()
        archive.record(1)
        archive.record(2)
        archive.gap(first, last)
        assert codes(archive.publish()) <= {"counter-twice", "counter-gap"}
        assert archive.verify().total


def test_epochs_are_opened_once_and_before_use() -> None:
    archive = Archive()
    archive.record(1)
    assert codes(archive.publish()) == {"counter-unopened"}
    archive = Archive()
    archive.start()
    archive.start()
    assert codes(archive.publish()) == {"emitter-twice", "epoch-changed"}


def test_an_entry_that_is_none_is_named() -> None:
    archive = small()
    archive.leaves.append(b"\1\2{}")
    assert codes(archive.publish()) == {"entry-invalid"}


def test_a_fork_behind_a_kept_checkpoint_is_found() -> None:
    kept = large(300).files["checkpoint"]
    assert large(700).verify(kept).total == 0
    assert large(300).verify(kept).total == 0
    assert set(large(200).verify(kept).counts) == {"history"}
    other = Archive()
    other.start("1/1763864000")
    for seq in range(1, 700):
        other.record(seq, ROOM)
    assert set(other.publish().verify(kept).counts) == {"history"}
    assert set(other.verify(b"nothing").counts) == {"history"}


def test_another_key_or_log_is_refused() -> None:
    archive = small()
    size, root = 5, archive.verify().root
    for note in (
        Checkpoint(ORIGIN, size, root).sign(SigningKey(ORIGIN, bytes(32))),
        Checkpoint("other", size, root).sign(KEY),
    ):
        archive.files["checkpoint"] = note
        assert codes(archive) == {"checkpoint-invalid"}
    archive.files["checkpoint"] = b"rubbish"
    assert codes(archive) == {"checkpoint-invalid"}


def test_findings_are_counted_beyond_those_kept() -> None:
    report = Report(ORIGIN)
    for n in range(MOST_KEPT + 5):
        report.add("code", str(n), Text("xmppgov", "x"))
    assert (report.total, len(report.findings)) == (MOST_KEPT + 5, MOST_KEPT)


def test_tables_that_follow_from_the_log_are_compared() -> None:
    report = Report(ORIGIN)
    check = RecordCheck(report)
    archive = small()
    check.chunk(
        0, list(archive.leaves), list(archive.rows.values()), dict(enumerate(archive.leaves))
    )
    log = Counters(report)
    for index, entry in enumerate(archive.leaves):
        log.follow(index, leaf.parse_leaf(entry))
    epoch = (1, 1763864000)
    check.numbers(log, {epoch: 6}, {})
    check.numbers(log, {epoch: 8}, {epoch: [(7, 8)]})
    check.servers({1: "gov.example"}, {1: "gov.example"})
    check.gaps({3: (EM, 3, 5, "boot")}, 5)
    assert report.total == 0
    check.numbers(log, {epoch: 7, (2, 7): 1}, {epoch: [(2, 2)]})
    check.servers({1: "gov.example"}, {1: "evil.example"})
    check.gaps({3: (EM, 3, 6, "boot"), 4: (EM, 6, 6, "lost")}, 5)
    assert report.counts == {
        "epoch-changed": 2,
        "counter-gap": 1,
        "emitter-changed": 1,
        "gap-forged": 2,
    }


def name(n: int, month: str = "2025-11") -> StoredName:
    return StoredName(f"pseudonym-{n}", month, "person", bytes([n]) * 112)


def day_end(names: list[StoredName]) -> DayEnd:
    return DayEnd(
        v=1,
        kind="day",
        t=1,
        day="2025-11-23",
        part=1,
        n=0,
        root="00" * 32,
        key="",
        named=len(names),
        names=names_root(names).hex(),
    )


def destroyed(name: str) -> KeyChange:
    return KeyChange(v=1, kind="key", t=1, name=name, fate="destroyed", public="")


def check_names(
    kept: list[StoredName], gone: list[ForgottenName], *controls: Control, record: bool = False
) -> dict[str, int]:
    archive = Archive()
    archive.start()
    if record:
        archive.record(1)
    archive.control(day_end([name(n) for n in range(6)]))
    for control in controls:
        archive.control(control)
    report = Report(ORIGIN)
    check = RecordCheck(report)
    entries = archive.leaves
    check.chunk(0, entries, list(archive.rows.values()), dict(enumerate(entries)))
    day = 2 if record else 1
    check.names({day: kept}, {day: gone})
    return dict(report.counts)


def forgotten(*places: int, month: str = "2025-11") -> list[ForgottenName]:
    return [ForgottenName(n, month, name_digest(name(n))) for n in places]


def test_names_may_be_forgotten_where_an_entry_says_so() -> None:
    every = [name(n) for n in range(6)]
    assert check_names(every, []) == {}
    assert check_names(every[:5], []) == {"pseudonym-changed": 1}
    say = destroyed("names-2025-11")
    assert check_names(every[:5], [], say) == {"pseudonym-changed": 1}
    for places in ((5,), (0,), (0, 2, 4), range(6)):
        kept = [row for n, row in enumerate(every) if n not in places]
        assert check_names(kept, forgotten(*places), say) == {}
        assert check_names(kept, forgotten(*places)) == {"pseudonym-missing": 1}


def test_what_is_left_of_a_day_s_names_is_still_what_was_signed() -> None:
    say = destroyed("names-2025-11")
    kept = [name(1), name(3)]
    gone = forgotten(0, 2, 4, 5)
    assert check_names(kept, gone, say) == {}
    for other in (
        [name(1), name(3)._replace(sealed=b"another address")],
        [name(1), name(3)._replace(sort="room")],
        [name(1)],
    ):
        assert check_names(other, gone, say) == {"pseudonym-changed": 1}
    for places in ((0, 2, 4, 6), (-1, 0, 2, 4)):
        moved = [ForgottenName(p, "2025-11", g.digest) for p, g in zip(places, gone, strict=True)]
        assert check_names(kept, moved, say) == {"pseudonym-changed": 1}


def test_names_of_records_that_are_there_are_never_forgotten() -> None:
    month = "2025-11"
    assert RECORD["t"] // DAY == 20415  # in that month
    every = [name(n) for n in range(6)]
    assert check_names(every, [], record=True) == {}
    found = check_names([], forgotten(*range(6)), destroyed(f"names-{month}"), record=True)
    assert found == {"pseudonym-missing": 1}
    found = check_names([], forgotten(*range(6)), destroyed("names-2025-10"), record=True)
    assert found == {"pseudonym-missing": 1}
