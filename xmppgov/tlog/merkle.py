"""Merkle trees and proofs: RFC 6962 §2.1, subtrees of draft-ietf-plants-merkle-tree-certs.

Every function follows the recursive definition in the specification word for word. A tree is
given by `range_hash(start, end)`, which returns the hash of the leaves in [start, end); proofs
are lists of 32-byte hashes in the order of RFC 6962, from the leaf's side to the root's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from xmppgov.i18n import Texts
from xmppgov.tlog.errors import ProofInvalid

texts = Texts("xmppgov")
HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
RangeHash = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes, or over those of complete equal subtrees."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        if len(level) % 2:  # the last one of an odd row has no sibling and rises as it is
            above.append(level[-1])
        level = above
    return level[0]


def split(size: int) -> int:
    """Return the largest power of two that is smaller than `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Return PATH(index, D[size]) of RFC 6962 §2.1.1."""
    if not 0 <= index < size:
        raise ProofInvalid(
            texts("The log has no entry {index}; its size is {size}.", index=index, size=size)
        )
    return _path(index, 0, size, range_hash)


def _path(index: int, start: int, end: int, range_hash: RangeHash) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*_path(index, start, middle, range_hash), range_hash(middle, end)]
    return [*_path(index, middle, end, range_hash), range_hash(start, middle)]


def consistency_proof(size1: int, size2: int, range_hash: RangeHash) -> list[bytes]:
    """Return PROOF(size1, D[size2]) of RFC 6962 §2.1.2; 0 < size1 <= size2."""
    if not 0 < size1 <= size2:
        raise _impossible()
    return _subproof(0, size1, 0, size2, True, range_hash)


def _subproof(
    start: int, end: int, low: int, high: int, known: bool, range_hash: RangeHash
) -> list[bytes]:
    """Return the proof of the subtree [start, end) within the tree [low, high)."""
    if (start, end) == (low, high):
        return [] if known else [range_hash(low, high)]
    middle = low + split(high - low)
    if end <= middle:
        rest = _subproof(start, end, low, middle, known, range_hash)
        return [*rest, range_hash(middle, high)]
    known = known and start >= middle
    rest = _subproof(max(start, middle), end, middle, high, known, range_hash)
    return [*rest, range_hash(low, middle)]


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf with hash `leaf` is entry `index` of the tree of `size` with `root`.

    Raises:
        ProofInvalid: it is not, or the proof has a hash too many, too few, or of another length.
    """
    _check_hashes(leaf, *proof)
    if not 0 <= index < size:
        raise _impossible()
    rest = list(proof)
    if _climb(index, size, leaf, rest) != root or rest:
        raise _mismatch()


def _climb(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """Return the root of the tree; takes from the end of `proof` what it needs."""
    if size == 1:
        return leaf
    sibling, middle = _take(proof), split(size)
    if index < middle:
        return node_hash(_climb(index, middle, leaf, proof), sibling)
    return node_hash(sibling, _climb(index - middle, size - middle, leaf, proof))


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> None:
    """Check that the tree of `size2` begins with the tree of `size1`; 0 < size1 <= size2.

    Raises:
        ProofInvalid: it does not, or the proof is malformed.
    """
    if size1 <= 0:
        raise _impossible()
    verify_subtree_consistency(0, size1, size2, proof, root1, root2)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf is entry `index` of the subtree [start, end), whose hash is `root`."""
    _check_subtree(start, end)
    verify_inclusion(index - start, end - start, leaf, proof, root)


def verify_subtree_consistency(
    start: int, end: int, size: int, proof: Sequence[bytes], subroot: bytes, root: bytes
) -> None:
    """Check that the subtree [start, end) with hash `subroot` is part of the tree of `size`."""
    _check_subtree(start, end)
    if end > size:
        raise _impossible()
    if start == end:  # the empty subtree is part of every tree and says nothing about its root
        if proof or subroot != EMPTY_ROOT:
            raise _mismatch()
        return
    _check_hashes(*proof)
    rest = list(proof)
    if _grow(start, end, size, subroot, rest) != (subroot, root) or rest:
        raise _mismatch()


def _grow(
    start: int, end: int, size: int, known: bytes | None, proof: list[bytes]
) -> tuple[bytes, bytes]:
    """Return the hashes of the subtree and of the tree, both rebuilt from the proof.

    `known` is the subtree's hash while all of the subtree lies in the tree at hand, else None.
    """
    if (start, end) == (0, size):
        whole = _take(proof) if known is None else known
        return whole, whole
    sibling, middle = _take(proof), split(size)
    if end <= middle:
        part, whole = _grow(start, end, middle, known, proof)
        return part, node_hash(whole, sibling)
    if start >= middle:
        part, whole = _grow(start - middle, end - middle, size - middle, known, proof)
        return part, node_hash(sibling, whole)
    part, whole = _grow(0, end - middle, size - middle, None, proof)
    return node_hash(sibling, part), node_hash(sibling, whole)


def _take(proof: list[bytes]) -> bytes:
    if not proof:
        raise _mismatch()
    return proof.pop()


def _check_subtree(start: int, end: int) -> None:
    width = end - start
    if start < 0 or width < 0 or (width and start % (1 << (width - 1).bit_length())):
        raise _impossible()


def _check_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        raise _mismatch()


def _mismatch() -> ProofInvalid:
    return ProofInvalid(texts("The proof does not lead to the root of the log."))


def _impossible() -> ProofInvalid:
    return ProofInvalid(texts("The proof is of an entry or size that cannot be."))
