"""Public files that were tampered with, and dishonest logs: both verifiers find the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import xmppgov_verify
from tests.unit.archive.exported import NOW, SmallLog, manifest_of, small
from tests.unit.auditor.both import Case, agree
from tests.unit.tlog.notes import COSIGNERS, LOG, ORIGIN, TIME, cosigned, policy
from xmppgov.archive.exports.model import write_line
from xmppgov.errors import CheckFailed
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.note import Note, SigningKey
from xmppgov.tlog.policy import Log, Policy
from xmppgov.tlog.tiles import Edge


def large(size: int = 700) -> SmallLog:
    log = SmallLog()
    log.start()
    for seq in range(1, size):
        log.record(seq)
    return log


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, small())


def test_what_was_not_touched_is_as_it_was_signed(case: Case, tmp_path: Path) -> None:
    assert agree(case) == set()
    assert agree(Case(tmp_path / "large", large())) == set()
    assert agree(Case(tmp_path / "full", large(512))) == set()
    assert agree(Case(tmp_path / "empty", SmallLog())) == set()


def test_every_bit_of_the_tiles_and_bundles(case: Case) -> None:
    for file in (file for file in case.tiles.rglob("*") if file.parent.name.endswith(".p")):
        data = file.read_bytes()
        for position in range(len(data) * 8):
            flipped = bytearray(data)
            flipped[position // 8] ^= 1 << position % 8
            file.write_bytes(bytes(flipped))
            theirs = case.findings_of_the_log()
            assert theirs, (file, position)
            if position % 8 == 0:  # the other verifier's own test flips every bit
                assert agree(case) == theirs
        file.write_bytes(data)
    assert agree(case) == set()


def test_a_bit_of_what_is_served_to_readers_of_earlier_checkpoints(tmp_path: Path) -> None:
    """Older partial files lie beside the newest; each says what the log said at its size."""
    log = large(515)
    case = Case(tmp_path, log)
    for size in (512, 513, 514):
        edge = Edge()
        edge.append(log.leaves[:size])
        for path, data in edge.partial_files().items():
            (case.tiles / path).parent.mkdir(parents=True, exist_ok=True)
            (case.tiles / path).write_bytes(data)
    older = [case.tiles / f"tile/{level}/002.p/{n}" for level in (0, "entries") for n in (1, 2)]
    assert all(file.exists() for file in older)
    assert agree(case) == set()
    for file in older:
        data = file.read_bytes()
        for changed in (data[:-1], b"", data + b"\0", *(flipped(data, n) for n in range(9))):
            file.write_bytes(changed)
            assert agree(case) == {"tile-changed"}, file
        file.write_bytes(data)
    assert agree(case) == set()


def flipped(data: bytes, eighth: int) -> bytes:
    """With one bit other than it was, at so many eighths of its length."""
    place = min(len(data) * eighth // 8, len(data) - 1)
    return data[:place] + bytes([data[place] ^ 1 << eighth % 8]) + data[place + 1 :]


def opened(note: bytes) -> tuple[bool, bool]:
    """Whether each of the two verifiers accepts a note under the policy."""
    accepted = []
    rules = xmppgov_verify.Policy(policy().encode())
    for opens, error in ((policy().open, CheckFailed), (rules.open, xmppgov_verify.Wrong)):
        try:
            opens(note)
            accepted.append(True)
        except error:
            accepted.append(False)
    return accepted[0], accepted[1]


def test_every_bit_of_a_checkpoint_and_of_the_required_signatures() -> None:
    note = cosigned("archive", "w1", "w2").encode()
    assert opened(note) == (True, True)
    for position in range(len(note) * 8):
        flipped = bytearray(note)
        flipped[position // 8] ^= 1 << position % 8
        assert opened(bytes(flipped)) == (False, False), position


def test_any_cosigners_but_too_few_are_refused() -> None:
    for names in ((), ("archive",), ("w1", "w2", "w3"), ("archive", "w3"), tuple(COSIGNERS)):
        enough = "archive" in names and len(names) >= 3
        assert opened(cosigned(*names).encode()) == (enough, enough), names


def test_every_file_missing_cut_or_longer_is_named(tmp_path: Path) -> None:
    case = Case(tmp_path, large())
    for file in sorted(file for file in case.tiles.rglob("*") if file.name != "checkpoint"):
        if not file.is_file():
            continue
        data = file.read_bytes()
        for changed in (data[:-1], data + b"\0", data[:-1] + bytes([data[-1] ^ 1]), b""):
            file.write_bytes(changed)
            theirs = case.theirs()["codes"]
            assert theirs, file
            assert theirs >= case.ours(), file
        file.unlink()
        assert case.theirs()["codes"], file
        assert case.ours(), file
        file.write_bytes(data)


def test_a_full_tile_stands_for_the_partial_one_that_is_gone(tmp_path: Path) -> None:
    case = Case(tmp_path, large(300))
    fuller = Case(tmp_path / "fuller", large(512))
    for level in ("0", "entries"):
        (case.tiles / f"tile/{level}/001.p/44").unlink()
        path = f"tile/{level}/001"
        (case.tiles / path).write_bytes((fuller.tiles / path).read_bytes())
    assert agree(case) == set()


@pytest.mark.parametrize(
    "note",
    [
        Checkpoint(ORIGIN, 8, bytes(32)).sign(LOG),
        small().checkpoint.sign(SigningKey(ORIGIN, bytes(32))),
        Checkpoint("other", 8, small().checkpoint.root).sign(LOG),
        small().checkpoint.sign(LOG),
        b"rubbish",
        b"",
    ],
    ids=["root", "key", "origin", "alone", "rubbish", "nothing"],
)
def test_a_checkpoint_by_another_key_or_of_another_log_is_refused(case: Case, note: bytes) -> None:
    (case.tiles / "checkpoint").write_bytes(note)
    assert agree(case) in ({"checkpoint-invalid"}, {"quorum-unmet"})


def test_a_wrong_root_that_is_signed_is_found(case: Case) -> None:
    wrong = Checkpoint(ORIGIN, 8, bytes(32))
    (case.tiles / "checkpoint").write_bytes(cosigned(*COSIGNERS, checkpoint=wrong).encode())
    assert agree(case) == {"root-wrong"}


def test_a_fork_and_a_rollback_show_against_a_later_checkpoint(tmp_path: Path) -> None:
    later = large(700).note()
    same = Case(tmp_path / "same", large(700))
    same.give("kept", later)
    same.give("kept", large(300).note())
    assert agree(same) == set()
    shorter = Case(tmp_path / "shorter", large(300))
    shorter.give("kept", later)
    assert agree(shorter) == {"history"}
    fork = large(299)
    fork.record(299, size=4096)
    forked = Case(tmp_path / "forked", fork)
    forked.give("kept", large(300).note())
    assert agree(forked) == {"history"}
    forked.give("export", small().export())
    assert agree(forked) == {"history"}


def test_the_cosigned_checkpoint_may_be_an_earlier_one(tmp_path: Path) -> None:
    rules = policy()
    newest, before = large(700).checkpoint.sign(LOG), large(600).note()
    case = Case(tmp_path, large(700), rules)
    (case.tiles / "checkpoint").write_bytes(newest)
    assert case.theirs()["codes"] == {"quorum-unmet"}
    for note, codes in (
        (before, set()),
        (large(800).note(), {"history"}),
        (newest, {"cosigned-invalid"}),
        (b"rubbish", {"cosigned-invalid"}),
    ):
        (case.tiles / "cosigned").write_bytes(note)
        assert agree(case) == codes


def test_without_witnesses_the_log_s_key_is_enough(tmp_path: Path) -> None:
    case = Case(tmp_path, small(), Policy("none", (Log(LOG.verifier),)))
    (case.tiles / "checkpoint").write_bytes(small().checkpoint.sign(LOG))
    assert agree(case) == set()


@pytest.mark.parametrize(
    ("seqs", "code"),
    [
        ([1, 3], "counter-gap"),
        ([2, 3], "counter-gap"),
        ([1, 2, 2], "counter-twice"),
        ([1, 2, 1], "counter-twice"),
    ],
)
def test_a_log_that_signs_a_missing_or_doubled_number(
    tmp_path: Path, seqs: list[int], code: str
) -> None:
    log = SmallLog()
    log.start()
    for seq in seqs:
        log.record(seq)
    log.gap(4, 4)
    log.gap(5, 5, t=NOW + 200_000)
    assert code in agree(Case(tmp_path, log))


def test_a_log_that_forges_a_gap(tmp_path: Path) -> None:
    for number, (first, last) in enumerate(((1, 1), (2, 3), (9, 5))):
        log = SmallLog()
        log.start()
        log.record(1)
        log.record(2)
        log.gap(first, last)
        assert agree(Case(tmp_path / str(number), log)) == {"counter-twice"}


def test_an_entry_that_is_none_and_epochs_that_follow_none(tmp_path: Path) -> None:
    log = SmallLog()
    log.record(1)
    log.start()
    log.start("1/1763864001", previous="1/1763864000", last=0)
    log.leaves.append(b"\1\2{}")
    expected = {"counter-unopened", "emitter-twice", "epoch-changed", "entry-invalid"}
    assert agree(Case(tmp_path, log)) == expected


def test_an_export_of_another_log_with_the_same_name(case: Case) -> None:
    other = SmallLog()
    other.start("2/7")
    case.give("export", [write_line(replace(manifest_of(other), rooms=("R" * 22,)))])
    assert agree(case) == {"history"}
    note = replace(manifest_of(small()), checkpoint=small().note("archive", "w1"))
    case.give("export", [write_line(note)])
    assert agree(case) == {"quorum-unmet"}


def test_a_signature_that_is_known_and_wrong_spoils_the_note() -> None:
    note = cosigned("archive", "w1", "w2")
    forged = COSIGNERS["w3"].sign(note.text.replace("1\n", "2\n", 1), TIME)
    assert opened(Note(note.text, (*note.signatures, forged)).encode()) == (False, False)


@pytest.mark.parametrize(
    ("indexes", "n", "code"),
    [("2", 2, "erase-forged"), ("2 9", 2, "erase-forged"), ("1-2", 2, "erase-twice"), ("1", 1, "")],
)
def test_an_erasure_of_what_it_cannot_erase(
    tmp_path: Path, indexes: str, n: int, code: str
) -> None:
    log = small()
    log.erase(indexes, n)
    expected = {code} - {""} | ({"erase-twice"} if "2" in indexes else set())
    assert agree(Case(tmp_path, log)) == expected
