"""Proofs of one entry and of one message: both verifiers take the same ones, and no other."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.archive.exported import DAY, KEY, SmallLog
from tests.unit.auditor.both import Case, agree
from tests.unit.tlog.notes import policy
from xmppgov.archive.day import locate, stands, written
from xmppgov.archive.disclosure import PURPOSES
from xmppgov.archive.document import DocumentInvalid
from xmppgov.archive.exports.member import MemberProof, Part, as_recorded, references
from xmppgov.archive.exports.model import EntryLine, RecordLine
from xmppgov.tlog.errors import ProofInvalid
from xmppgov.tlog.merkle import EMPTY_ROOT, leaf_hash, tree_hash
from xmppgov.tlog.proof import TlogProof

LOGGED, NOT_LOGGED = "a-message", "another"


class Day:
    """A log with one message of a day that is closed in some parts, and its proofs."""

    def __init__(self, *others: Sequence[int]) -> None:
        self.log, self.parts = SmallLog(), [list(part) for part in others]
        self.log.start()
        names = references(KEY, LOGGED)
        self.record = self.log.record(
            1, ref=written(names["ref"]), oid=written(references(KEY, "origin")["oid"])
        )
        self.sorted = [sorted(bytes([n]) * 16 for n in part) for part in self.parts]
        if self.sorted:
            self.sorted[0] = sorted([*self.sorted[0], names["ref"]])
        self.days = [self.log.day(part, n) for n, part in enumerate(self.sorted, 1)]

    def proof(self, id: str, records: Iterable[int] = (), shown: Any = None) -> MemberProof:
        names = references(KEY, id)
        parts = []
        for index, part in zip(self.days, self.sorted, strict=True):
            entry = self.log.line(index)
            assert isinstance(entry, EntryLine)
            parts.append(Part(entry, {sort: locate(part, names[sort]) for sort in names}))
        lines = [self.log.line(index, shown or PURPOSES["member"]) for index in records]
        assert all(isinstance(line, RecordLine) for line in lines)
        return MemberProof(DAY, id, KEY, self.log.note(), tuple(parts), tuple(lines))  # type: ignore[arg-type]


def verdict(case: Case) -> dict[str, Any]:
    return dict(case.theirs()["facts"][-1])


@pytest.mark.parametrize("others", [(), (1, 2, 254, 255), (1,), (255,)])
def test_a_message_is_present_or_absent(tmp_path: Path, others: tuple[int, ...]) -> None:
    day = Day(others, (7,), ())
    case = Case(tmp_path, day.log)
    case.give("proof", day.proof(LOGGED, [day.record]).encode())
    assert agree(case) == set()
    found = verdict(case)
    assert found[DAY] == "present"
    assert found["records"][0]["t"] == 1763864012345
    case.give("proof", day.proof(NOT_LOGGED).encode())
    assert agree(case) == set()
    assert verdict(case)[DAY] == "absent"
    assert not day.proof(NOT_LOGGED).verify(policy().open)


def changed(proof: MemberProof, *path: Any, to: Any) -> bytes:
    document = json.loads(proof.encode())
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return json.dumps(document).encode()


def test_a_proof_that_was_tampered_with_shows_nothing(tmp_path: Path) -> None:
    day = Day((1, 2, 254, 255), (7,))
    case = Case(tmp_path, day.log)
    proof, absent = day.proof(LOGGED, [day.record]), day.proof(NOT_LOGGED)
    places = json.loads(absent.encode())["parts"][0]["oid"]
    for what in (
        changed(absent, "parts", 0, "oid", to=[]),
        changed(absent, "parts", 0, "oid", to=places[:1]),
        changed(absent, "parts", 0, "oid", to=places[1:]),
        changed(absent, "parts", 0, "oid", to=[*places, places[0]]),
        changed(absent, "parts", 0, "oid", 0, "value", to=base64.b64encode(b"x" * 16).decode()),
        changed(absent, "parts", 0, "oid", 0, "index", to=3),
        changed(absent, "parts", 0, "index", to=3),
        changed(absent, "day", to="2025-11-24"),
        changed(absent, "parts", to=[]),
        changed(absent, "parts", 0, "proof", to=[]),
        changed(absent, "parts", 0, "entry", to=base64.b64encode(day.log.leaves[0]).decode()),
        changed(absent, "records", to=json.loads(proof.encode())["records"]),
        changed(proof, "id", to="x"),
        changed(proof, "records", 0, "proof", to=[]),
        changed(proof, "key", to=base64.b64encode(bytes(32)).decode()),
    ):
        case.give("proof", what)
        assert agree(case) == {"proof-invalid"}, what
    for what in (
        changed(proof, "format", to="other"),
        changed(proof, "key", to="AAAA"),
        changed(proof, "more", to=1),
        changed(proof, "parts", 0, "ref", to={}),
        changed(proof, "parts", 0, "ref", 0, "value", to="AAAA"),
        b"{}",
    ):
        case.give("proof", what)
        with pytest.raises(DocumentInvalid):
            MemberProof.parse(what)
        assert case.theirs()["codes"] <= {"proof-invalid", "line-invalid"}
        assert case.theirs()["codes"], what


def test_a_part_that_is_kept_back_is_missed_where_the_log_is_at_hand(tmp_path: Path) -> None:
    day = Day((1,), (7,))
    document = json.loads(day.proof(NOT_LOGGED).encode())
    del document["parts"][1]
    case = Case(tmp_path, day.log)
    case.give("proof", json.dumps(document).encode())
    assert case.theirs()["codes"] == {"proof-invalid"}


def test_another_record_is_not_the_message_s(tmp_path: Path) -> None:
    day = Day((1,))
    other = day.log.record(2)
    case = Case(tmp_path, day.log)
    case.give("proof", day.proof(LOGGED, [other]).encode())
    assert agree(case) == {"proof-invalid"}
    hidden = tuple(name for name in PURPOSES["member"] if name not in ("ref", "oid"))
    case.give("proof", day.proof(LOGGED, [day.record], hidden).encode())
    assert agree(case) == {"proof-invalid"}


@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        MemberProof.parse(data)


@given(st.lists(st.sampled_from([0, 5, 254]), max_size=3), st.text(min_size=1, max_size=70))
def test_a_proof_is_read_as_it_was_written(others: list[int], id: str) -> None:
    day = Day(sorted(set(others)))
    proof = day.proof(as_recorded(id))
    assert MemberProof.parse(proof.encode()) == proof
    assert proof.verify(policy().open) is False


REFERENCES = st.sets(st.binary(min_size=16, max_size=16), max_size=20).map(sorted)


@given(REFERENCES, st.binary(min_size=16, max_size=16))
def test_each_reference_stands_or_does_not(found: list[bytes], other: bytes) -> None:
    root = tree_hash([leaf_hash(value) for value in found])
    for value in [*found, other]:
        places = locate(found, value)
        assert stands(value, places, len(found), root) is (value in found)
        for wrong in (places[:-1], [*places, *places]):
            if len(found) > 1:
                with pytest.raises(ProofInvalid):
                    stands(value, wrong, len(found), root)
        for one in found:  # what is there cannot be shown to be absent with others' places
            if value != one and len(locate(found, value)) == 1 and value in found:
                with pytest.raises(ProofInvalid):
                    stands(one, places, len(found), root)


def test_an_empty_day_shows_absence_by_its_root_only() -> None:
    assert stands(b"x" * 16, (), 0, EMPTY_ROOT) is False
    with pytest.raises(ProofInvalid):
        stands(b"x" * 16, (), 0, bytes(32))
    with pytest.raises(ProofInvalid):
        stands(b"x" * 16, (), 1, EMPTY_ROOT)


def test_an_odd_id_is_looked_for_as_a_server_records_it() -> None:
    assert as_recorded("a.B-9_:") == "a.B-9_:"
    for id in ("", "é", "a b", "x" * 65, "a\n"):
        assert as_recorded(id).startswith("sha256:"), id


def test_a_tlog_proof_of_any_entry(tmp_path: Path) -> None:
    day = Day((1, 2))
    case = Case(tmp_path, day.log)
    for index, entry in enumerate(day.log.leaves):
        proof = TlogProof(index, day.log.proof(index), day.log.note(), entry).encode()
        case.give("proof", proof)
        assert agree(case) == set()
        assert verdict(case)[str(index)] == "present"
        for wrong in (
            proof.replace(b"index ", b"index 1"),
            proof.replace(b"extra A", b"extra B"),
            TlogProof(index, day.log.proof(index)[1:], day.log.note(), entry).encode(),
        ):
            case.give("proof", wrong)
            assert agree(case) == {"proof-invalid"}
        case.give(
            "proof", TlogProof(index, day.log.proof(index), day.log.note("w1"), entry).encode()
        )
        assert agree(case) == {"quorum-unmet"}
