"""What a process holds in its memory, as a dump of its core would: every page that it can write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 24  # bytes that are read at once
OVERLAP = 256  # bytes that two chunks share; more than a canary has in any form


def pages(pid: int) -> Iterator[bytes]:
    """Yield the writable memory of a process, which goes on meanwhile.

    Raises:
        PermissionError: it belongs to somebody else.
    """
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _regions(pid):
            for first in range(start, end, CHUNK - OVERLAP):
                yield _read(memory, first, min(CHUNK, end - first))


def _regions(pid: int) -> Iterator[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        if rights.startswith("rw") and not line.endswith(("[vvar]", "[vsyscall]")):
            start, end = (int(address, 16) for address in span.split("-"))
            yield start, end


def _read(memory, start: int, size: int) -> bytes:
    try:
        memory.seek(start)
        return memory.read(size) or b""
    except (OSError, ValueError, OverflowError):  # given back meanwhile
        return b""
