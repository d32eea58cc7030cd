"""The writes that Python does itself: `os` with functions that ask a `Disk` first.

Nothing is really synced: the `Disk` remembers what a power cut would take.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.faults.disk import Disk, halved, removed

_open, _fsync, _replace = os.open, os.fsync, os.replace
_unlink, _rmdir, _mkdir, _pwrite = os.unlink, os.rmdir, os.mkdir, os.pwrite


@contextmanager
def on_disk(disk: Disk) -> Iterator[None]:
    """Let every write of this process below the disk's folder be one of its steps."""
    files = Files(disk)
    names = ("open", "pwrite", "fsync", "replace", "unlink", "rmdir", "mkdir", "sync")
    with patch.multiple(os, **{name: getattr(files, name) for name in names}):
        yield


class Files:
    """The functions of `os` on `disk`; all other files are as they always were."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def _has(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and self._disk.has(Path(path))

    def open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        """Make or empty a file, or only open it."""
        if not flags & os.O_CREAT or not self._has(path):
            return _open(path, flags, *rest, **more)
        file = Path(path)
        new = not file.exists()
        descriptor = self._disk.step("open", file, lambda: _open(path, flags, *rest, **more))
        if new:
            self._disk.named(file, removed)
        if new or flags & (os.O_TRUNC | os.O_APPEND):
            self._disk.written(file, halved)
        return descriptor

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        """Write in place."""
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if not self._has(path):
            return _pwrite(descriptor, data, offset)

        def act() -> int:
            before = path.read_bytes()
            written = _pwrite(descriptor, data, offset)
            self._disk.written(path, lambda p: p.exists() and p.write_bytes(before))
            return written

        return self._disk.step("write", path, act)

    def fsync(self, descriptor: int) -> None:
        """Sync a file or a folder."""
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if not self._has(path):
            return _fsync(descriptor)

        return self._disk.step("sync", path, lambda: self._disk.synced(path))

    def sync(self) -> None:
        """Sync everything."""
        self._disk.step("sync all of", self._disk.root, self._disk.all_synced)

    def replace(self, old: Any, new: Any, **more: Any) -> None:
        """Rename."""
        if not self._has(new):
            return _replace(old, new, **more)
        source, target = Path(old), Path(new)

        def act() -> None:
            before = target.read_bytes() if target.exists() else None
            _replace(source, target)
            self._disk.renamed(source, target, before)

        return self._disk.step("rename", target, act)

    def unlink(self, path: Any, **more: Any) -> None:
        """Delete a file."""
        if not self._has(path) or not Path(path).exists():
            return _unlink(path, **more)
        file = Path(path)

        def act() -> None:
            before = file.read_bytes()
            _unlink(file)
            self._disk.named(file, lambda p: p.parent.is_dir() and p.write_bytes(before))

        return self._disk.step("delete", file, act)

    def rmdir(self, path: Any, **more: Any) -> None:
        """Delete a folder."""
        if not self._has(path):
            return _rmdir(path, **more)
        folder = Path(path)

        def act() -> None:
            _rmdir(folder)
            self._disk.named(folder, lambda p: p.mkdir(exist_ok=True))

        return self._disk.step("delete", folder, act)

    def mkdir(self, path: Any, *rest: Any, **more: Any) -> None:
        """Make a folder."""
        if not self._has(path) or Path(path).exists():
            return _mkdir(path, *rest, **more)
        folder = Path(path)

        def act() -> None:
            _mkdir(folder, *rest, **more)
            self._disk.named(folder, removed)

        return self._disk.step("folder", folder, act)
