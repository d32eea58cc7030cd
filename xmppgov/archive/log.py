"""Independent verification of the log's public files: signatures, tiles, entries, counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from xmppgov.archive.checkpoints import NO_COSIGNERS, CheckpointCheck
from xmppgov.archive.counters import Counters
from xmppgov.archive.decisions import Decisions
from xmppgov.archive.leaf import parse_leaf
from xmppgov.archive.model import RecordInvalid
from xmppgov.archive.tail import Tail
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.tiles import (
    ENTRIES,
    WIDTH,
    Edge,
    Read,
    encode_entry,
    parse_tile_path,
    split_bundle,
    split_hashes,
    tile_path,
)

texts = Texts("xmppgov")


class LogCheck(CheckpointCheck):
    """Checks the public files: signatures, every tile and entry, the root, every counter.

    `now` (ms) is when that is: what waits for cosignatures then is at least as old as it says.
    """

    def __init__(
        self,
        *,
        key: VerifierKey,
        origin: str,
        read: Read,
        policy: Policy = NO_COSIGNERS,
        now: int = 0,
    ) -> None:
        super().__init__(key=key, origin=origin, read=read, policy=policy)
        self._tail = Tail(now)
        self.counters = Counters(self.report)
        self._decisions = Decisions(self.report)
        self._edge: Edge | None = Edge()

    def entries(self) -> Iterator[tuple[int, list[bytes | None]]]:
        """Yield the entries of each bundle with the first one's index; None where one is lost."""
        size = self.report.size
        for start in range(0, size, WIDTH):
            width = min(WIDTH, size - start)
            entries = self._bundle(start // WIDTH, width)
            if entries is None:
                self._edge = None
                yield start, [None] * width
                continue
            if self._edge is not None:
                self._compare(self._edge.append(entries))
            self._follow(start, entries)
            yield start, list(entries)
        self._finish()

    def follow(self, start: int, entries: Sequence[bytes]) -> None:
        """Check entries that are committed and wait for a checkpoint; after `entries`."""
        self.report.waiting = len(entries)
        self._follow(start, entries)
        self.counters.finish()

    def _bundle(self, index: int, width: int) -> list[bytes] | None:
        path = tile_path(ENTRIES, index, width)
        try:
            data, exact = self._read_any(path)
            entries = split_bundle(data)
            if len(entries) == width or (not exact and len(entries) == WIDTH):
                return entries[:width]
            text = _length(path)
        except TileInvalid as error:
            text = error.text
        self._say("bundle-invalid", path, text)
        return None

    def _read_any(self, path: str) -> tuple[bytes, bool]:
        """Read a tile or bundle; where its partial file is gone, the full one (False)."""
        try:
            return self._read(path), True
        except TileInvalid:
            level, index, width = parse_tile_path(path)
            if width == WIDTH:
                raise
            return self._read(tile_path(level, index)), False

    def _compare(self, files: Mapping[str, bytes]) -> None:
        """Compare the full files that the entries give with those that are there."""
        for path, expected in files.items():
            if ".p/" not in path:
                self._compare_file(path, expected)

    def _compare_file(self, path: str, expected: bytes) -> None:
        try:
            found, exact = self._read_any(path)
        except TileInvalid as error:
            self._say("tile-missing", path, error.text)
            return
        if (found if exact else found[: len(expected)]) != expected:
            self._say("tile-changed", path, texts("{path}: not what the entries give.", path=path))

    def _compare_older(self, path: str, newest: bytes) -> None:
        """Compare what is there for readers of earlier checkpoints with the newest partial file."""
        level, index, width = parse_tile_path(path)
        parts = split_bundle(newest) if level == ENTRIES else split_hashes(newest)
        expected = b""
        for older, part in enumerate(parts[: width - 1], 1):
            expected += encode_entry(part) if level == ENTRIES else part
            name = tile_path(level, index, older)
            with suppress(TileInvalid):  # no checkpoint had that size
                if self._read(name) != expected:
                    text = texts("{path}: not what the entries give.", path=name)
                    self._say("tile-changed", name, text)

    def _follow(self, start: int, entries: Sequence[bytes]) -> None:
        for index, entry in enumerate(entries, start):
            try:
                leaf = parse_leaf(entry)
            except RecordInvalid as error:
                self._say("entry-invalid", f"entry {index}", error.text)
                continue
            if self.report.cosigned <= index < self.report.size:
                self._tail.add(leaf)
            self.counters.follow(index, leaf)
            self._decisions.follow(index, leaf)

    def _finish(self) -> None:
        self.counters.finish()
        if self._judged:
            self._tail.judge(self.report)
        if self._edge is None:
            return
        for path, expected in self._edge.partial_files().items():
            self._compare_file(path, expected)
            self._compare_older(path, expected)
        if self._edge.root() != self.report.root:
            text = texts("The entries do not have the root that was signed.")
            self._say("root-wrong", "checkpoint", text)


def _length(path: str) -> Text:
    return texts("{path}: the file has not the length that its name says.", path=path)
