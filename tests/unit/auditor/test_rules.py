"""Entries, counters, policies and trees: the one file's rules are the archive's, case by case."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

import xmppgov_verify
from tests.unit.tlog import test_policy
from tests.unit.tlog.test_merkle import leaves, ranges
from xmppgov.archive import jcs, leaf
from xmppgov.archive import ranges as sets
from xmppgov.archive.counters import Counters
from xmppgov.archive.leaf import parse_leaf
from xmppgov.archive.model import RecordInvalid
from xmppgov.archive.report import Report
from xmppgov.errors import CheckFailed
from xmppgov.tlog import merkle
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.tiles import tile_path

EM = {"em": "1/7"}
DIGEST, WHO = "0" * 64, {"roles": "archivist dpo"}
ENTRIES: dict[str, dict[str, Any]] = {
    "emitter.start": {**EM, "emitter": "gov.example", "previous": "1/6", "last": 0},
    "gap": {**EM, "first": 1, "last": 2, "reason": "lost"},
    "counted": {**EM, "ranges": "1-3 5", "n": 4},
    "counts": {"day": "2026-11-24", "sums": "-:3 abc:4", "n": 7},
    "day": {
        "day": "2026-11-24", "part": 1, "n": 0, "root": DIGEST, "key": "", "named": 0,
        "names": DIGEST,
    },
    "access": {"request": DIGEST, "purpose": "x", "requester": "requester", "n": 3, **WHO},
    "refusal": {"request": DIGEST, "purpose": "x", "role": "nobody"},
    "hold": {
        "hold": "a-1", "scope": DIGEST, "reason": "x", "until": "2026-11-24", "n": 3, **WHO,
    },
    "release": {"hold": "a-1", "roles": "dpo security"},
    "erase": {
        "class": "messages", "month": "2026-11", "indexes": "0-4", "n": 5, "held": 0,
        "slip": DIGEST, "visa": "DAF 2026/1", **WHO,
    },
    "key": {"name": "body-2026-11", "fate": "sealed", "public": "00ff"},
}  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([0, 1, 2**53 - 1, 2**53, -1, True, None, 1.0]),
    st.sampled_from(["", "x", "é", "e\u0301", "\ud800", "-", "\n"]),
    st.sampled_from(["archivist", "dpo archivist", "1-1", "2 1", "a:1", "b:1 a:1", "a:01"]),
    st.sampled_from(["0" * 64, "0" * 63, "2026-11-24", "2026-11", "1/7", "01/7", "lost", "nobody"]),
    st.integers(0, 10),
    st.text(max_size=5),
)  # fmt: skip


def both(entry: bytes) -> tuple[bool, bool]:
    """Whether each of the two verifiers takes an entry."""
    taken = []
    for read, error in (
        (parse_leaf, RecordInvalid),
        (xmppgov_verify.read_leaf, xmppgov_verify.Wrong),
    ):
        try:
            read(entry)
            taken.append(True)
        except error:
            taken.append(False)
    return taken[0], taken[1]


def written(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return b"\1\2" + text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("kind", ENTRIES)
def test_every_kind_of_entry_is_taken(kind: str) -> None:
    assert both(written({"v": 1, "kind": kind, "t": 5, **ENTRIES[kind]})) == (True, True)


def test_a_hold_that_is_over_is_ended_by_nobody_and_nothing_else_is() -> None:
    for kind, taken in (("release", True), ("hold", False), ("erase", False)):
        entry = written({"v": 1, "kind": kind, "t": 5, **ENTRIES[kind], "roles": "nobody"})
        assert both(entry) == (taken, taken), kind


def test_the_kinds_and_their_fields_are_those_of_the_library() -> None:
    for model in get_args(leaf.Control):
        kind = get_args(model.model_fields["kind"].annotation)[0]
        names = {f.alias or name for name, f in model.model_fields.items()} - {"v", "kind", "t"}
        rules = xmppgov_verify.KINDS[kind].split()
        assert {rule.split(":")[0].rstrip("?") for rule in rules} == names, kind
    assert len(xmppgov_verify.KINDS) == len(get_args(leaf.Control)) == len(ENTRIES)


@given(st.sampled_from(sorted(ENTRIES)), st.data())
def test_any_field_changed_added_or_left_out(kind: str, data: st.DataObject) -> None:
    fields = {"v": 1, "kind": kind, "t": 5, **ENTRIES[kind]}
    name = data.draw(st.sampled_from([*sorted(fields), "more"]))
    if data.draw(st.booleans()):
        fields[name] = data.draw(VALUES)
    else:
        fields.pop(name, None)
    entry = written(fields)
    ours, theirs = both(entry)
    assert ours == theirs


@pytest.mark.parametrize("kind", ENTRIES)
def test_every_bit_of_an_entry(kind: str) -> None:
    entry = written({"v": 1, "kind": kind, "t": 5, **ENTRIES[kind]})
    for position in range(len(entry) * 8):
        flipped = bytearray(entry)
        flipped[position // 8] ^= 1 << position % 8
        ours, theirs = both(bytes(flipped))
        assert ours == theirs, bytes(flipped)


@given(st.binary(max_size=60) | st.binary(min_size=46, max_size=46).map(lambda b: b"\1\1" + b))
def test_any_bytes(entry: bytes) -> None:
    ours, theirs = both(entry)
    assert ours == theirs


NUMBERS = st.integers(1, 12)
RANGES = st.sampled_from(["1", "1-2", "3-4", "2-3 5", "7", "6-7 9-10", "1-12"])
TIMES = st.sampled_from([0, 60_000, 120_001, 240_002, 900_000, 172_800_000, 2**53 - 1])


def control(kind: str, **fields: Any) -> st.SearchStrategy[bytes]:
    drawn = {
        name: f if isinstance(f, st.SearchStrategy) else st.just(f) for name, f in fields.items()
    }
    whole = {"v": st.just(1), "kind": st.just(kind), "t": TIMES, **drawn}
    return st.fixed_dictionaries(whole).map(written)  # type: ignore[arg-type]


DAYS = st.sampled_from(["1970-01-01", "1970-01-02"])
EMS = st.sampled_from(["1/7", "1/8", "2/7"])
LEAVES = st.one_of(
    st.builds(lambda e, s: leaf.data_leaf(e, 7, s, bytes(32)), st.sampled_from([1, 2]), NUMBERS),
    control("gap", em=EMS, first=NUMBERS, last=NUMBERS, reason="boot"),
    control("counted", em=EMS, ranges=RANGES, n=st.integers(1, 4)),
    control("emitter.start", em=EMS, emitter=st.sampled_from(["a", "b"])),
    control("emitter.start", em="1/8", emitter="a", previous=EMS, last=st.integers(0, 14)),
    control("emitter.start", em=EMS, emitter="a", previous=EMS, last=st.integers(0, 14)),
    control("counts", day="2026-11-24", sums=st.sampled_from(["-:1", "-:2 a:1"]), n=NUMBERS),
    control("day", **ENTRIES["day"]),
    control("day", **{**ENTRIES["day"], "day": DAYS, "part": st.integers(1, 2)}),
)  # fmt: skip


@given(st.lists(LEAVES, max_size=30))
def test_counters_say_the_same_of_any_log(entries: list[bytes]) -> None:
    report = Report("origin")
    ours = Counters(report)
    audit = xmppgov_verify.Audit(None)
    theirs = xmppgov_verify.Counters(audit)
    for index, entry in enumerate(entries):
        ours.follow(index, parse_leaf(entry))
        theirs.follow(f"entry {index}", xmppgov_verify.read_leaf(entry))
    ours.finish()
    found = {(f.where, f.code) for f in report.findings}
    assert {(f["where"], f["code"]) for f in audit.findings} == found
    facts = theirs.facts()
    assert (facts["missing"], facts["counted"]) == (report.missing, report.counted)
    assert facts["open"] == report.open or found
    named = [hole.split()[:3] for hole in facts.get("holes", [])]
    declared = [[h.em, f"{h.first}-{h.last}", h.reason] for h in report.holes]
    assert named == declared[:20]


MALFORMED = test_policy.test_malformed_policies_are_refused.pytestmark[0].args[1]


def policies(data: bytes) -> tuple[bool, bool]:
    read = []
    for parse, error in (
        (Policy.parse, CheckFailed),
        (xmppgov_verify.Policy, xmppgov_verify.Wrong),
    ):
        try:
            parse(data)
            read.append(True)
        except error:
            read.append(False)
    return read[0], read[1]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_policy_is_refused(text: str) -> None:
    assert policies(text.encode()) == (False, False)


@given(st.lists(test_policy.LINES, max_size=20).map(lambda x: "\n".join([*x, ""]).encode()))
def test_any_policy(data: bytes) -> None:
    ours, theirs = policies(data)
    assert ours == theirs
    assert policies(test_policy.example().encode()) == (True, True)


def inclusion_vectors(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "merkle" / "vectors.jsonl").read_text().splitlines()
    return [vector for vector in map(json.loads, lines) if "leafHash" in vector]


def test_every_public_vector_of_inclusion_has_its_verdict(shared_data: Path) -> None:
    vectors = inclusion_vectors(shared_data)
    for vector in vectors:
        proof = [base64.b64decode(h) for h in vector["proof"] or []]
        start, end = vector.get("start", 0), vector.get("end", vector.get("treeSize"))
        node = base64.b64decode(vector["leafHash"])
        found = xmppgov_verify.root_over(vector["leafIdx"] - start, end - start, node, proof)
        root = base64.b64decode(vector["root"])
        aligned = end > start >= 0 and start % (1 << (end - start - 1).bit_length()) == 0
        right = found == root and len(node) == 32 and aligned
        assert right != vector["wantErr"], vector["case"]
    assert len(vectors) > 98


@given(st.integers(1, 300), st.data())
def test_trees_and_paths_are_those_of_the_library_and_of_pymerkle(
    size: int, data: st.DataObject
) -> None:
    hashes = leaves(size)
    assert xmppgov_verify.tree_hash(hashes) == merkle.tree_hash(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, ranges(hashes))
    entry = index.to_bytes(4, "big")
    assert xmppgov_verify.root_of(index, size, entry, proof) == merkle.tree_hash(hashes)
    for wrong in ([*proof, bytes(32)], proof[:-1], [bytes(32), *proof[1:]]):
        if wrong != proof:
            assert xmppgov_verify.root_of(index, size, entry, wrong) != merkle.tree_hash(hashes)


def test_pymerkle_s_tree_is_the_one_file_s() -> None:
    tree = InmemoryTree(algorithm="sha256")
    for n in range(70):
        tree.append_entry(n.to_bytes(4, "big"))
        assert xmppgov_verify.tree_hash(leaves(n + 1)) == tree.get_root()
    path = tree.prove_inclusion(6, 70).path[1:]
    assert xmppgov_verify.root_of(5, 70, (5).to_bytes(4, "big"), path) == tree.get_root()


@given(st.integers(0, 10**12), st.sampled_from([1, 17, 255, 256]))
def test_paths_are_the_library_s(index: int, width: int) -> None:
    assert xmppgov_verify.tile_path(3, index, width) == tile_path(3, index, width)
    assert jcs.LARGEST_INTEGER == 2**53 - 1


PARTS = st.sets(st.integers(0, 40)).map(sorted).map(sets.ranges)


@given(PARTS, PARTS)
def test_sets_of_numbers_are_the_library_s(one: list[sets.Range], other: list[sets.Range]) -> None:
    assert xmppgov_verify.minus(one, other) == sets.subtract(one, other)
    assert xmppgov_verify.union([*one, *other]) == sets.union([*one, *other])
    for parts in (one, other):
        text = sets.write(parts)
        assert not text or xmppgov_verify.ranges(text) == sets.read(text) == parts
