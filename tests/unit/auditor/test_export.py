"""Exports that were tampered with: both verifiers find the same, whatever was done to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import xmppgov_verify
from tests.unit.archive.exported import SmallLog, document, small, text
from tests.unit.auditor.both import Case, agree
from tests.unit.tlog.notes import COSIGNERS
from xmppgov.archive.exports.model import write_line
from xmppgov.archive.exports.verify import ExportCheck

Lines = list[bytes]
LOST = {"line-invalid", "record-missing", "export-count"}
CHANGED = {"record-changed", "export-count"}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, small())


def test_an_export_of_everything_explains_each_index(case: Case) -> None:
    case.give("export", small().export())
    assert agree(case) == set()
    fact = case.theirs()["facts"][1]
    assert fact | {"1": "present", "2": "erased by leaf 6", "4-5": "present"} == fact


def delete(n: int) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:n], *lines[n + 1 :]]


def edit(n: int, **changes: object) -> Callable[[Lines], Lines]:
    return lambda lines: [
        text(document(line) | changes) if i == n else line for i, line in enumerate(lines)
    ]


def shown(n: int, name: str, value: object) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        line = document(lines[n])
        line["shown"][name][0] = value
        return [*lines[:n], text(line), *lines[n + 1 :]]

    return change


RECORD, GAP, ERASE, END = 2, 3, 6, 7
"""Line numbers, from the manifest's 0: entries 1, 3, 6, and 7, the day's end."""
TAMPERINGS: dict[str, tuple[Callable[[Lines], Lines], set[str]]] = {
    "a record deleted": (delete(RECORD), {"record-missing", "export-count"}),
    "a gap deleted": (delete(GAP), {"record-missing", "export-count"}),
    "the erasure deleted": (delete(ERASE), {"record-missing", "export-count"}),
    "the last line deleted": (lambda lines: lines[:-1], {"record-missing", "export-count"}),
    "two swapped": (
        lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]],
        {"line-order", "record-missing", "export-count"},
    ),
    "one replayed": (lambda lines: [*lines, lines[2]], {"line-order"}),
    "one doubled": (lambda lines: [*lines[:3], lines[2], *lines[3:]], {"line-order"}),
    "one replayed at another place": (
        lambda lines: [*lines[:4], text(document(lines[2]) | {"index": 4}), *lines[5:]],
        CHANGED,
    ),
    "a value changed": (shown(RECORD, "size", 4096), CHANGED),
    "a time changed": (shown(RECORD, "t", 1763864012346), CHANGED),
    "an emitter changed": (shown(RECORD, "em", "2/1763864000"), CHANGED),
    "no emitter": (shown(RECORD, "em", "x"), LOST),
    "a number that is none": (shown(RECORD, "es", True), LOST),
    "a huge emitter": (shown(RECORD, "em", "99999/1"), LOST),
    "a field left out": (
        lambda lines: [*lines[:2], _without(lines[2]), *lines[3:]],
        LOST,
    ),
    "not JSON": (lambda lines: [*lines, b"{]\n"], {"line-invalid"}),
    "a key twice": (lambda lines: [*lines, b'{"index":1,"index":2}\n'], {"line-invalid"}),
    "a list": (lambda lines: [*lines, b"[]\n"], {"line-invalid"}),
    "marked outside": (edit(RECORD, outside=True), {"scope-wrong", "export-count"}),
    "marked oddly": (edit(RECORD, outside=1), LOST),
    "an unknown field": (edit(RECORD, x=1), LOST),
    "a negative index": (edit(RECORD, index=-1), LOST),
    "an index of another type": (edit(RECORD, index="2"), LOST),
    "an index behind the log": (
        edit(END, index=8), {"line-order", "record-missing", "export-count"},
    ),
    "no proof": (edit(RECORD, proof=[]), CHANGED),
    "a proof of another form": (edit(RECORD, proof=["AAAA"]), LOST),
    "other days": (edit(0, start=0, end=5), {"scope-wrong"}),
    "other rooms": (edit(0, rooms=["X" * 22], covers=""), {"scope-wrong"}),
    "other units": (edit(0, units=["X" * 22], covers=""), {"scope-wrong"}),
    "a room that covers": (edit(0, rooms=["X" * 22]), {"manifest-invalid"}),
    "a unit that covers": (edit(0, units=["X" * 22]), {"manifest-invalid"}),
    "other counts": (edit(0, records=9), {"export-count"}),
    "more entries than signed": (edit(0, entries=9), {"manifest-invalid"}),
    "covers more than it looked at": (edit(0, covers="0-8"), {"manifest-invalid"}),
    "covers oddly": (edit(0, covers="3-1"), {"manifest-invalid"}),
    "another log": (edit(0, origin="other"), {"manifest-invalid"}),
    "another form": (edit(0, format="xmppgov-export/2"), {"manifest-invalid"}),
    "a field too many": (edit(0, extra=1), {"manifest-invalid"}),
    "an odd number": (edit(0, made=1.5), {"manifest-invalid"}),
    "a checkpoint that is none": (edit(0, checkpoint="x"), {"checkpoint-invalid"}),
    "nothing": (lambda _: [], {"manifest-invalid"}),
}  # fmt: skip


def _without(line: bytes) -> bytes:
    changed = document(line)
    del changed["shown"]["size"]
    return text(changed)


@pytest.mark.parametrize("what", TAMPERINGS)
def test_what_is_done_to_an_export_is_found(case: Case, what: str) -> None:
    tamper, codes = TAMPERINGS[what]
    case.give("export", tamper(small().export()))
    assert agree(case) == codes


def test_every_bit_of_a_record_and_of_its_proof() -> None:
    log = small()
    lines, checkpoint = log.export(), log.checkpoint

    class Opened:
        def open(self, _note: bytes) -> xmppgov_verify.Checkpoint:
            return xmppgov_verify.Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root)

    lines[RECORD] = write_line(log.line(1, ("t", "size", "kind")))
    line = lines[RECORD]
    for position in range(len(line) * 8 - 8):
        flipped = bytearray(line)
        flipped[position // 8] ^= 1 << position % 8
        changed = [*lines[:RECORD], bytes(flipped), *lines[RECORD + 1 :]]
        ours = set(ExportCheck(lambda _: checkpoint).run(changed).report.counts)
        audit = xmppgov_verify.Audit(Opened())
        xmppgov_verify.Export(audit, "export").check(iter(changed))
        assert {finding["code"] for finding in audit.findings} == ours
        assert ours or json.loads(bytes(flipped)) == json.loads(line), position


def test_an_export_signed_by_too_few_is_refused(case: Case) -> None:
    log = small()
    for names in (("archive", "w1"), ("w1", "w2", "w3"), ("archive", "w1", "w3")):
        lines = log.export()
        case.give("export", edit(0, checkpoint=log.note(*names).decode())(lines))
        enough = "archive" in names and len(names) == 3
        assert agree(case) == (set() if enough else {"quorum-unmet"}), names
    assert len(COSIGNERS) == 4


def test_a_record_that_an_entry_says_was_erased_is_not_shown(case: Case, tmp_path: Path) -> None:
    log = small()
    kept = dict(log.records)
    log.erase("1", 1)
    log.records = kept
    other = Case(tmp_path / "kept", log)
    other.give("export", log.export())
    assert agree(other) == {"record-kept"}
    other.give("export", small().export())  # made before: what is gone since was there
    assert agree(other) == set()


def test_an_export_of_a_room_says_what_is_erased_of_all(case: Case) -> None:
    lines = edit(0, rooms=["X" * 22])(small().export(covers=()))
    case.give("export", lines)
    assert agree(case) == {"scope-wrong"}
    case.give("export", edit(0, records=2)(delete(4)(lines)))
    assert agree(case) == set()
    fact = case.theirs()["facts"][1]
    assert fact["covers"].startswith("nothing")
    assert fact["rooms"] == ["X" * 22]
    assert "units" not in fact
    case.give("export", edit(0, rooms=[], units=[])(lines))
    assert agree(case) == {"manifest-invalid"}  # who has all has no choice but to cover it


def test_a_record_of_another_day_shows_when_it_was(tmp_path: Path) -> None:
    log = SmallLog()
    log.start()
    log.record(1)
    log.record(2, t=1)
    lines = log.export()
    case = Case(tmp_path, log)
    case.give("export", lines)
    assert agree(case) == {"scope-wrong"}
    counts = edit(0, records=1, outside=1)
    case.give("export", counts(edit(3, outside=True)(lines)))
    assert agree(case) == set()
    hidden = document(lines[3])
    salt = hidden["shown"].pop("t")
    hidden["hidden"]["t"] = salt[1]
    case.give("export", counts([*lines[:3], text(hidden | {"outside": True})]))
    assert agree(case)
