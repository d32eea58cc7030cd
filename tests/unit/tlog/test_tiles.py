"""Tiles: names, the specification's example, growth in any steps, hashes and proofs read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmppgov.i18n import Text
from xmppgov.tlog import merkle
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import NoteInvalid, ProofInvalid, TileInvalid
from xmppgov.tlog.note import SigningKey
from xmppgov.tlog.proof import TlogProof
from xmppgov.tlog.tiles import (
    ENTRIES,
    Edge,
    TiledTree,
    encode_entry,
    parse_tile_path,
    split_bundle,
    tile_path,
    tiles_of,
)

KEY = SigningKey("log.example/1", bytes(range(32)))


def entries(start: int, end: int) -> list[bytes]:
    return [b"entry %d" % n for n in range(start, end)]


class Missing(dict[str, bytes]):
    def read(self, path: str) -> bytes:
        if path not in self:
            raise TileInvalid(Text("xmppgov", path))
        return self[path]


def grown(*sizes: int) -> tuple[Edge, Missing]:
    edge, files = Edge(), Missing()
    for size in sizes:
        files.update(edge.append(entries(edge.size, size)))
    return edge, files


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tile_path(ENTRIES, 273, 112) == "tile/entries/273.p/112"


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    names = {(level, width) for level, _, width in tiles_of(70_000)}
    assert names == {(ENTRIES, 256), (ENTRIES, 112), (0, 256), (0, 112), (1, 256), (1, 17), (2, 1)}
    assert sum(1 for level, _, width in tiles_of(70_000) if (level, width) == (0, 256)) == 273
    assert set(tiles_of(256)) == {(ENTRIES, 0, 256), (0, 0, 256), (1, 0, 1)}
    assert list(tiles_of(0)) == []


@given(st.integers(0, 63) | st.just(ENTRIES), st.integers(0, 10**13), st.integers(1, 256))
def test_a_path_is_read_as_it_was_written(level: int | str, index: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.from_regex(r"\Atile/[0-9e]{1,3}/x?[0-9]{3}(/[0-9]{3})?(\.p/[0-9]{1,3})?\Z"))
def test_a_path_that_is_read_is_the_only_one(path: str) -> None:
    try:
        assert tile_path(*parse_tile_path(path)) == path
    except TileInvalid:
        return


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_split_as_it_was_joined(items: list[bytes]) -> None:
    data = b"".join(map(encode_entry, items))
    assert split_bundle(data) == items
    for cut in (1, 2):
        if items and len(items[-1]) + 2 > cut:
            with pytest.raises(TileInvalid):
                split_bundle(data[:-cut])


def test_an_entry_is_not_larger_than_its_length_field() -> None:
    with pytest.raises(ValueError, match="65,535"):
        encode_entry(bytes(65_536))


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600, 65_536, 65_793])
def test_root_and_files_are_those_of_the_tree(size: int) -> None:
    edge, files = grown(size)
    root = merkle.tree_hash([merkle.leaf_hash(e) for e in entries(0, size)])
    assert edge.root() == root
    assert set(files) == {tile_path(*tile) for tile in tiles_of(size)}
    assert TiledTree(size, files.read).root() == root
    assert Edge.load(size, files.read).root() == root


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=8).map(sorted))
def test_growth_in_steps_gives_the_files_of_growth_at_once(sizes: list[int]) -> None:
    _, once = grown(sizes[-1])
    edge, files = Edge(), Missing()
    for size in sizes:
        edge = Edge.load(edge.size, files.read)  # as after a restart
        files.update(edge.append(entries(edge.size, size)))
    assert edge.root() == TiledTree(sizes[-1], once.read).root()
    assert {path: files[path] for path in once} == dict(once)


@settings(max_examples=40)
@given(st.integers(1, 1200), st.data())
def test_proofs_from_tiles_verify(size: int, data: st.DataObject) -> None:
    edge, files = grown(size)
    tree = TiledTree(size, files.read)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, tree.range_hash)
    leaf = merkle.leaf_hash(entries(index, index + 1)[0])
    merkle.verify_inclusion(index, size, leaf, proof, edge.root())
    old = data.draw(st.integers(1, size))
    steps = merkle.consistency_proof(old, size, tree.range_hash)
    merkle.verify_consistency(old, size, steps, tree.range_hash(0, old), edge.root())


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone() -> None:
    _, files = grown(300)
    old = TiledTree(100, files.read)
    assert old.root() == grown(100)[0].root()


def test_missing_and_short_tiles_are_named() -> None:
    _, files = grown(300)
    files["tile/0/000"] = files["tile/0/000"][:-1]
    with pytest.raises(TileInvalid, match="tile/0/000"):
        TiledTree(300, files.read).range_hash(0, 2)
    del files["tile/0/001.p/44"]
    with pytest.raises(TileInvalid, match="tile/0/001"):
        Edge.load(300, files.read)


def a_proof(index: int = 7, size: int = 300) -> TlogProof:
    edge, files = grown(size)
    tree = TiledTree(size, files.read)
    hashes = tuple(merkle.inclusion_proof(index, size, tree.range_hash))
    note = Checkpoint("log.example/1", size, edge.root()).sign(KEY)
    return TlogProof(index, hashes, note, b"extra")


def test_a_proof_file_is_read_as_it_was_written_and_verifies() -> None:
    proof = a_proof()
    assert TlogProof.parse(proof.encode()) == proof
    leaf = merkle.leaf_hash(b"entry 7")
    assert proof.verify(leaf, [KEY.verifier], "log.example/1").size == 300
    with pytest.raises(ProofInvalid):
        proof.verify(merkle.leaf_hash(b"entry 8"), [KEY.verifier], "log.example/1")
    lone = a_proof(0, 1)
    assert lone.hashes == ()
    assert TlogProof.parse(lone.encode()) == lone


def test_every_flipped_bit_of_a_proof_file_is_refused_or_is_in_the_extra_line() -> None:
    proof = TlogProof(*(getattr(a_proof(), k) for k in ("index", "hashes", "checkpoint")))
    data, leaf = proof.encode(), merkle.leaf_hash(b"entry 7")
    for position in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises((ProofInvalid, NoteInvalid)):
            TlogProof.parse(bytes(flipped)).verify(leaf, [KEY.verifier], "log.example/1")


@given(st.binary(max_size=300))
def test_rubbish_is_no_proof(data: bytes) -> None:
    with pytest.raises(ProofInvalid):
        TlogProof.parse(data)
