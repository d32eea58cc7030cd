"""Small disks, which a test can fill and free: file systems in memory, of a few megabytes."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

COARSE, FINE = 1 << 20, 1 << 12  # bytes
TOP_UP = 0.02  # seconds


class SmallDisk:
    """The file system at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Leave no room on it during the block, also of what others give back meanwhile."""
        self._fill()
        task = asyncio.create_task(self._keep_full())
        try:
            yield
            assert not task.done(), "it was not kept full"
        finally:
            task.cancel()
            self._ballast.unlink()

    async def _keep_full(self) -> None:
        while True:
            await asyncio.sleep(TOP_UP)
            self._fill()

    def _fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (COARSE, FINE):
                _write_until_full(file.fileno(), bytes(size))


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk at `folder` during the block. Skips the test where nothing can be mounted."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = f"size={megabytes}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "xmppgov-tests", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip() or "no reason given"
        pytest.skip(f"a small disk needs root ({reason}); test_faults.py fails each write without")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _write_until_full(descriptor: int, data: bytes) -> None:
    while True:
        try:
            os.write(descriptor, data)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return
