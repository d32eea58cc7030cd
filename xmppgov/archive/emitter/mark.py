"""The file beside a database that remembers which numbers were given out, whatever is restored.

Two lines of fixed length that are written in turn, in place, each with a check: a torn write leaves
the other one, and what it was for was never committed. It belongs in no backup.
"""

from __future__ import annotations

import asyncio
import os
import re
import zlib
from pathlib import Path

import structlog

from xmppgov.archive.emitter.model import Mark
from xmppgov.errors import StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
log = structlog.get_logger()
LINE = 512  # bytes
MOST_EARLIER = 10  # epochs that are remembered beside the newest
_LINE = re.compile(
    rb"xmppgov-mark ((\d+) (\d+) (\d+) (\d+)((?: \d+:\d+)*)) ([0-9a-f]{8}) *\n", re.ASCII
)


class MarkFile:
    """Reads the mark when it is opened; `write` replaces it durably."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = 0
        self._broken = False
        self.mark: Mark | None = None
        self._read()

    def _read(self) -> None:
        try:
            data = self._path.read_bytes() if self._path.exists() else b""
        except OSError as error:
            raise StorageError(
                texts(
                    "{path}: the file cannot be read: {reason}.",
                    path=self._path,
                    reason=error.strerror,
                )
            ) from error
        found = [_parse(data[start : start + LINE]) for start in (0, LINE)]
        for turn, mark in sorted(line for line in found if line is not None):
            self._turn, self.mark = turn, mark

    async def write(self, mark: Mark) -> None:
        """Remember `mark`, on disk when this returns.

        A disk that does not take it stops nothing: it is said, and only the notice of a restored
        database is weaker until it does.
        """
        self._turn += 1
        self.mark = mark
        try:
            await asyncio.to_thread(_write, self._path, self._turn, mark)
        except OSError as error:
            if not self._broken:
                log.error("ALARM: the mark is not written", file=str(self._path), reason=str(error))
            self._broken = True
        else:
            self._broken = False


def _parse(line: bytes) -> tuple[int, Mark] | None:
    """Read one line; None where it is none, or torn."""
    match = _LINE.fullmatch(line)
    if match is None or int(match[7], 16) != zlib.crc32(match[1]):
        return None
    turn, epoch, done, handed = (int(match[group]) for group in range(2, 6))
    pairs = (pair.split(b":") for pair in match[6].split())
    return turn, Mark(epoch, done, handed, tuple((int(n), int(last)) for n, last in pairs))


def _format(turn: int, mark: Mark) -> bytes:
    earlier = [f"{number}:{last}" for number, last in mark.earlier[-MOST_EARLIER:]]
    values = " ".join([*map(str, (turn, *mark[:3])), *earlier]).encode()
    line = b"xmppgov-mark %b %08x" % (values, zlib.crc32(values))
    return line.ljust(LINE - 1) + b"\n"


def _write(path: Path, turn: int, mark: Mark) -> None:
    fresh = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, _format(turn, mark), turn % 2 * LINE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fresh:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
