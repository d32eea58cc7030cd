"""A Merkle tree as a set of files of 256 hashes, and its entries beside it (https://c2sp.org/tlog-tiles).

`Edge` is the growing right side of a tree: it takes entries and tells which files change.
`TiledTree` reads any hash of a published tree back from the files. Neither touches a disk: files
are bytes by relative path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

from xmppgov.i18n import Texts
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.merkle import EMPTY_ROOT, HASH_SIZE, node_hash, split, tree_hash

texts = Texts("xmppgov")
WIDTH, HEIGHT = 256, 8
LARGEST_ENTRY = 0xFFFF  # bytes
ENTRIES = "entries"
TILES_KEPT = 64  # of a tree that is read back: those of a proof's path, and its neighbours'
Read = Callable[[str], bytes]
"""Return the bytes of the file at a relative path; raises `TileInvalid` where there is none."""

_PATH = re.compile(
    r"tile/([0-9]|[1-5][0-9]|6[0-3]|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]+))?"
)


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile (`level` 0 to 63) or of an entry bundle (`level` is "entries")."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    suffix = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{suffix}"


def parse_tile_path(path: str) -> tuple[int | str, int, int]:
    """Return level (or "entries"), index and width of a path that `tile_path` writes.

    Raises:
        TileInvalid: no tile has this path.
    """
    match = _PATH.fullmatch(path)
    if match:
        level: int | str = match[1] if match[1] == ENTRIES else int(match[1])
        index, width = int(match[2].replace("x", "").replace("/", "")), int(match[3] or WIDTH)
        if 1 <= width <= WIDTH and tile_path(level, index, width) == path:
            return level, index, width
    raise TileInvalid(texts("{path}: no tile of a log has this name.", path=path))


def partial_width(size: int, level: int) -> int:
    """Return how many hashes the partial tile at `level` has in a tree of `size`; 0 is none."""
    return (size >> (HEIGHT * level)) % WIDTH


def level_count(size: int) -> int:
    """Return how many levels of tiles a tree of `size` has."""
    return max(1, -(-(max(size, 1).bit_length()) // HEIGHT))


def tiles_of(size: int) -> Iterator[tuple[int | str, int, int]]:
    """Yield (level, index, width) of each file of a tree of `size`: bundles first, then levels."""
    for level in (ENTRIES, *range(level_count(size))):
        full, width = divmod(size >> (HEIGHT * (0 if level == ENTRIES else int(level))), WIDTH)
        yield from ((level, index, WIDTH) for index in range(full))
        if width:
            yield level, full, width


def encode_entry(entry: bytes) -> bytes:
    """Return an entry as it stands in a bundle: 16 bits of length, big-endian, and its bytes."""
    if len(entry) > LARGEST_ENTRY:
        raise ValueError("an entry has at most 65,535 bytes")
    return len(entry).to_bytes(2, "big") + entry


def split_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        TileInvalid: a length does not fit.
    """
    entries, position, end = [], 0, len(data)
    while position < end:
        start = position + 2
        position = start + (data[position] << 8) + (data[start - 1] if start <= end else 0)
        if position > end:
            raise TileInvalid(texts("An entry bundle ends within an entry."))
        entries.append(data[start:position])
    return entries


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes of a tile."""
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


class Edge:
    """The right edge of a tree of `size`: each level's partial tile, and the partial bundle."""

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]
        self._bundle = bytearray()

    @classmethod
    def load(cls, size: int, read: Read) -> Edge:
        """Return the edge of a published tree of `size`.

        Raises:
            TileInvalid: a file is missing or has the wrong length.
        """
        edge = cls()
        edge.size = size
        edge._levels = [_partial(size, level, read) for level in range(level_count(size))]
        width = partial_width(size, 0)
        if width:
            path = tile_path(ENTRIES, size // WIDTH, width)
            edge._bundle = bytearray(read(path))
            if len(split_bundle(bytes(edge._bundle))) != width:
                raise _wrong_length(path)
        return edge

    def append(self, entries: Sequence[bytes]) -> dict[str, bytes]:
        """Add entries; return the new files by path, full ones and the partial ones at the end."""
        files: dict[str, bytes] = {}
        changed = {0} if entries else set()
        for entry in entries:
            self._bundle += encode_entry(entry)
            self._levels[0].append(sha256(b"\x00" + entry).digest())
            self.size += 1
            if self.size % WIDTH == 0:
                files[tile_path(ENTRIES, self.size // WIDTH - 1)] = bytes(self._bundle)
                self._bundle.clear()
                self._close(files, changed)
        for level in sorted(changed):
            files.update(self._partial_tile(level))
        return files | self._partial_bundle() if entries else files

    def partial_files(self) -> dict[str, bytes]:
        """Return the partial files of the tree as it is now, by path."""
        files = self._partial_bundle()
        for level in range(len(self._levels)):
            files.update(self._partial_tile(level))
        return files

    def root(self) -> bytes:
        """Return the tree's root hash."""
        root: bytes | None = None
        for hashes in self._levels:
            for peak in _peaks(hashes):
                root = peak if root is None else node_hash(peak, root)
        return EMPTY_ROOT if root is None else root

    def _close(self, files: dict[str, bytes], changed: set[int]) -> None:
        """Write each level's tile that has become full, and carry its hash one level up."""
        level = 0
        while len(self._levels[level]) == WIDTH:
            hashes = self._levels[level]
            index = (self.size >> (HEIGHT * (level + 1))) - 1
            files[tile_path(level, index)] = b"".join(hashes)
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(tree_hash(hashes))
            hashes.clear()
            level += 1
            changed.add(level)

    def _partial_tile(self, level: int) -> dict[str, bytes]:
        hashes = self._levels[level]
        if not hashes:
            return {}
        index = self.size >> (HEIGHT * (level + 1))
        return {tile_path(level, index, len(hashes)): b"".join(hashes)}

    def _partial_bundle(self) -> dict[str, bytes]:
        if not self._bundle:
            return {}
        path = tile_path(ENTRIES, self.size // WIDTH, partial_width(self.size, 0))
        return {path: bytes(self._bundle)}


class TiledTree:
    """A published tree of `size`; `range_hash` serves `xmppgov.tlog.merkle`'s proofs."""

    def __init__(self, size: int, read: Read) -> None:
        self.size = size
        self._read = read
        self._rows = lru_cache(TILES_KEPT)(self._load)

    def root(self) -> bytes:
        """Return the root hash as the tiles give it."""
        return self.range_hash(0, self.size)

    def range_hash(self, start: int, end: int) -> bytes:
        """Return the Merkle tree hash of the leaves in [start, end).

        Raises:
            TileInvalid: a tile is missing or has the wrong length.
        """
        width = end - start
        if width == 0:
            return EMPTY_ROOT
        height = width.bit_length() - 1
        if width == 1 << height and start % width == 0:
            return self._complete(height, start >> height)
        middle = start + split(width)
        return node_hash(self.range_hash(start, middle), self.range_hash(middle, end))

    def _complete(self, height: int, index: int) -> bytes:
        """Return the hash of the `index`-th complete subtree of 2**height leaves."""
        level, inner = divmod(height, HEIGHT)
        tile, offset = divmod(index, WIDTH >> inner)
        return self._rows(level, tile)[inner][offset]

    def _load(self, level: int, index: int) -> list[list[bytes]]:
        """Return a tile's hashes, and row by row those of the complete subtrees above them."""
        there = self.size >> (HEIGHT * level)
        rows = [read_tile(level, index, min(WIDTH, there - index * WIDTH), self._read)]
        while len(rows[-1]) > 1:
            pairs = zip(rows[-1][::2], rows[-1][1::2], strict=False)
            rows.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])
        return rows


def read_tile(level: int, index: int, width: int, read: Read) -> list[bytes]:
    """Return the hashes of a tile; where its partial file is gone, those of the full one.

    Raises:
        TileInvalid: neither is there, or its length is wrong.
    """
    path = tile_path(level, index, width)
    try:
        data, expected = read(path), width
    except TileInvalid:
        if width == WIDTH:
            raise
        data, expected = read(tile_path(level, index)), WIDTH
    if len(data) != expected * HASH_SIZE:
        raise _wrong_length(path)
    return split_hashes(data)[:width]


def _partial(size: int, level: int, read: Read) -> list[bytes]:
    width = partial_width(size, level)
    return read_tile(level, size >> (HEIGHT * (level + 1)), width, read) if width else []


def _peaks(hashes: list[bytes]) -> Iterator[bytes]:
    """Yield the roots of the complete subtrees that `hashes` fall into, from the right."""
    end = len(hashes)
    while end:
        width = end & -end
        yield tree_hash(hashes[end - width : end])
        end -= width


def _wrong_length(path: str) -> TileInvalid:
    return TileInvalid(texts("{path}: the file has not the length that its name says.", path=path))
