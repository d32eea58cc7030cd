"""The writes of SQLite: a VFS (https://sqlite.org/vfs.html) that asks a `Disk` first.

It is a copy of this machine's own VFS in which opening and deleting are replaced, and in the files
that it opens, writing, truncating and syncing. All the rest, locks and shared memory, is unchanged.
Nothing is really synced: the `Disk` remembers what a power cut would take.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path

from tests.faults.disk import Disk, removed

OK, FULL = 0, 13
IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, IOERR_DELETE = 778, 1034, 1546, 2570
CANTOPEN = 14
# A name is passed on as the pointer that it is: SQLite keeps it.
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Read = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Size = CFUNCTYPE(c_int, c_void_p, POINTER(c_int64))


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`."""

    _fields_ = [
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", _Read),
        ("xWrite", _Write),
        ("xTruncate", _Truncate),
        ("xSync", _Sync),
        ("xFileSize", _Size),
        ("others", c_void_p * 12),
    ]


class _File(ctypes.Structure):
    """`sqlite3_file`."""

    _fields_ = [("pMethods", POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`."""

    _fields_ = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", _Open),
        ("xDelete", _Delete),
        ("others", c_void_p * 14),
    ]


def _library() -> ctypes.CDLL | None:
    """Return the library that Python's `sqlite3` uses, None where it has one of its own inside."""
    try:
        library = ctypes.CDLL("libsqlite3.so.0")
    except OSError:
        return None
    library.sqlite3_libversion.restype = c_char_p
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    same = library.sqlite3_libversion().decode() == sqlite3.sqlite_version
    return library if same and _maps_once() else None


def _maps_once() -> bool:
    maps = Path("/proc/self/maps").read_text()
    return len({line.split()[-1] for line in maps.splitlines() if "libsqlite3" in line}) == 1


LIBRARY = _library()


@contextmanager
def on_disk(disk: Disk) -> Iterator[None]:
    """Let every write of SQLite below the disk's folder be one of its steps."""
    assert LIBRARY is not None
    vfs = FaultyVfs(LIBRARY, disk)
    LIBRARY.sqlite3_vfs_register(ctypes.byref(vfs.vfs), 1)
    try:
        yield
    finally:
        LIBRARY.sqlite3_vfs_unregister(ctypes.byref(vfs.vfs))
        LIBRARY.sqlite3_vfs_register(vfs.real, 1)
        _KEPT.append(vfs)


_KEPT: list[object] = []
"""What C code may still point to."""


async def connections_have_ended() -> None:
    """Wait for the threads of databases that could not be opened: nobody else does."""
    async with asyncio.timeout(10):
        while any("connection_worker" in thread.name for thread in threading.enumerate()):
            await asyncio.sleep(0.001)


class FaultyVfs:
    """The functions that SQLite calls; each returns a code of SQLite."""

    def __init__(self, library: ctypes.CDLL, disk: Disk) -> None:
        self._disk = disk
        self.real = library.sqlite3_vfs_find(None)
        self.vfs = _Vfs.from_buffer_copy(self.real.contents)
        self.vfs.zName, self.vfs.pNext = b"faulty", None
        self.vfs.xOpen, self.vfs.xDelete = _Open(self._open), _Delete(self._delete)
        self._paths: dict[int, Path] = {}
        self._methods: dict[int, tuple[_Methods, _Methods]] = {}

    def _try(self, code: int, name: str, path: Path, act: Callable[[], int]) -> int:
        try:
            return int(self._disk.step(name, path, act))
        except OSError as error:
            return FULL if error.errno == 28 and code == IOERR_WRITE else code

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        real = self.real.contents

        def act() -> int:
            return int(real.xOpen(ctypes.addressof(real), name, file, flags, out))

        path = Path(os.fsdecode(ctypes.string_at(name))) if name else Path()
        if not name or not self._disk.has(path):
            return act()
        if path.exists():
            code = act()
        else:
            code = self._try(CANTOPEN, "open", path, act)
            if code == OK:
                self._disk.named(path, removed)
        if code == OK:
            self._take(file, path)
        return code

    def _take(self, file: int, path: Path) -> None:
        """Let a file that was opened have our methods."""
        opened = _File.from_address(file)
        address = ctypes.addressof(opened.pMethods.contents)
        if address not in self._methods:
            real = opened.pMethods.contents
            ours = _Methods.from_buffer_copy(real)
            ours.xWrite, ours.xTruncate = _Write(self._write), _Truncate(self._truncate)
            ours.xSync = _Sync(self._sync)
            self._methods[address] = (real, ours)
        self._paths[file] = path
        self._real = self._methods[address][0]
        opened.pMethods = ctypes.pointer(self._methods[address][1])

    def _write(self, file: int, data: int, count: int, offset: int) -> int:
        path = self._paths[file]

        def act() -> int:
            before = self._content(file, offset, count)
            self._disk.written(path, lambda p: _put_back(p, offset, before))
            return int(self._real.xWrite(file, data, count, offset))

        return self._try(IOERR_WRITE, "write", path, act)

    def _truncate(self, file: int, size: int) -> int:
        path = self._paths[file]

        def act() -> int:
            before = self._content(file, size, max(self._size(file) - size, 0))
            self._disk.written(path, lambda p: _put_back(p, size, before))
            return int(self._real.xTruncate(file, size))

        return self._try(IOERR_TRUNCATE, "truncate", path, act)

    def _sync(self, file: int, _flags: int) -> int:
        path = self._paths[file]

        def act() -> int:
            self._disk.synced(path)
            if path.name.endswith(("-wal", "-journal")):
                self._disk.synced(path.parent)  # SQLite does so when it has made the file
            return OK

        return self._try(IOERR_FSYNC, "sync", path, act)

    def _delete(self, _vfs: int, name: bytes, sync_folder: int) -> int:
        path = Path(os.fsdecode(name))
        vfs = ctypes.addressof(self.real.contents)

        def act() -> int:
            before = path.read_bytes()
            code = int(self.real.contents.xDelete(vfs, name, sync_folder))
            self._disk.named(path, lambda p: p.write_bytes(before) and None)
            if sync_folder:
                self._disk.synced(path.parent)
            return code

        if not self._disk.has(path) or not path.exists():
            return int(self.real.contents.xDelete(vfs, name, sync_folder))
        return self._try(IOERR_DELETE, "delete", path, act)

    def _size(self, file: int) -> int:
        size = c_int64()
        self._real.xFileSize(file, ctypes.byref(size))
        return size.value

    def _content(self, file: int, offset: int, count: int) -> bytes | None:
        """Return what a write is about to replace; None where it is at the end."""
        there = min(count, self._size(file) - offset)
        if there <= 0:
            return None
        buffer = ctypes.create_string_buffer(there)
        self._real.xRead(file, buffer, there, offset)
        return buffer.raw


def _put_back(path: Path, offset: int, before: bytes | None) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        file.seek(offset)
        if before is None:
            file.truncate()
        else:
            file.write(before)
