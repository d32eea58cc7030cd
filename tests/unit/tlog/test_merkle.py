"""RFC 6962 proofs: transparency-dev's vectors, the definition, and pymerkle as a second opinion."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from xmppgov.tlog import merkle
from xmppgov.tlog.errors import ProofInvalid


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(count)]


def ranges(hashes: list[bytes]) -> merkle.RangeHash:
    return lambda start, end: merkle.tree_hash(hashes[start:end])


def mth(hashes: list[bytes]) -> bytes:
    """The definition of RFC 6962 §2.1, letter by letter."""
    if len(hashes) == 1:
        return hashes[0]
    k = merkle.split(len(hashes))
    return merkle.node_hash(mth(hashes[:k]), mth(hashes[k:]))


def verify(vector: dict[str, Any]) -> None:
    proof = [base64.b64decode(h) for h in vector["proof"] or []]
    roots = [base64.b64decode(vector[k]) for k in ("root1", "root2", "root") if k in vector]
    if "leafHash" in vector:
        leaf = base64.b64decode(vector["leafHash"])
        if "treeSize" in vector:
            merkle.verify_inclusion(vector["leafIdx"], vector["treeSize"], leaf, proof, *roots)
        else:
            places = vector["leafIdx"], vector["start"], vector["end"]
            merkle.verify_subtree_inclusion(*places, leaf, proof, *roots)
    elif "size1" in vector:
        merkle.verify_consistency(vector["size1"], vector["size2"], proof, *roots)
    else:
        places = vector["start"], vector["end"], vector["size"]
        merkle.verify_subtree_consistency(*places, proof, *roots)


def test_every_public_vector_has_its_verdict(shared_data: Path) -> None:
    lines = (shared_data / "merkle" / "vectors.jsonl").read_text().splitlines()
    verdicts: Counter[bool] = Counter()
    for vector in map(json.loads, lines):
        try:
            verify(vector)
        except ProofInvalid:
            refused = True
        else:
            refused = False
        assert refused == vector["wantErr"], vector["case"]
        verdicts[refused] += 1
    assert sum(verdicts.values()) == 518
    assert min(verdicts.values()) > 20


@pytest.mark.parametrize("size", range(1, 70))
def test_tree_hash_is_the_definition(size: int) -> None:
    assert merkle.tree_hash(leaves(size)) == mth(leaves(size))


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.tree_hash([]).hex().startswith("e3b0c44298fc1c14")


@given(st.integers(1, 300), st.data())
def test_proofs_verify_and_no_bit_can_be_flipped(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, ranges(hashes))
    root = merkle.tree_hash(hashes)
    merkle.verify_inclusion(index, size, hashes[index], proof, root)
    if proof:
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        flipped = bytearray(proof[place])
        flipped[bit // 8] ^= 1 << bit % 8
        wrong = [*proof[:place], bytes(flipped), *proof[place + 1 :]]
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(index, size, hashes[index], wrong, root)
    for wrong in ([*proof, root], proof[1:] if proof else [root]):
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(index, size, hashes[index], wrong, root)


@given(st.integers(1, 200), st.data())
def test_consistency_of_every_pair(size2: int, data: st.DataObject) -> None:
    size1 = data.draw(st.integers(1, size2))
    hashes = leaves(size2)
    proof = merkle.consistency_proof(size1, size2, ranges(hashes))
    root1, root2 = merkle.tree_hash(hashes[:size1]), merkle.tree_hash(hashes)
    merkle.verify_consistency(size1, size2, proof, root1, root2)
    fork = merkle.tree_hash([*hashes[: size1 - 1], merkle.leaf_hash(b"other")])
    with pytest.raises(ProofInvalid):
        merkle.verify_consistency(size1, size2, proof, fork, root2)


def test_pymerkle_agrees() -> None:
    tree = InmemoryTree(algorithm="sha256")
    hashes: list[bytes] = []
    for n in range(120):
        tree.append_entry(str(n).encode())
        hashes.append(merkle.leaf_hash(str(n).encode()))
        assert tree.get_root() == merkle.tree_hash(hashes)
    for index in (0, 5, 63, 64, 119):
        theirs = tree.prove_inclusion(index + 1, 120).path[1:]
        assert theirs == merkle.inclusion_proof(index, 120, ranges(hashes))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid):
        merkle.inclusion_proof(index, size, ranges([]))


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 3), (4, 3)])
def test_no_consistency_with_nothing_or_backwards(size1: int, size2: int) -> None:
    with pytest.raises(ProofInvalid):
        merkle.consistency_proof(size1, size2, ranges([]))
