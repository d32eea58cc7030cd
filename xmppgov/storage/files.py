"""Files that survive a crash: whole or not there, and on disk when the call returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from xmppgov.errors import ConfigurationError, StorageError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
WriteFile = Callable[[Path, bytes], None]
"""Put bytes at a path, replacing what was there; tests pass one that fails."""

DestroyFile = Callable[[Path], None]
"""Make a file's bytes unreadable and remove it; tests pass one that fails."""


def write_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` beside `path`, sync it, rename it to `path`, and sync the name."""
    replace_file(path, data, mode=mode)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Do as `write_file`, but leave the name to the caller, who syncs a folder for many files."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_new_file(path: Path, data: bytes) -> None:
    """Write a file that somebody has asked for, and that only they may read.

    Raises:
        ConfigurationError: there is one of this name, which is not overwritten.
        StorageError: it cannot be written.
    """
    if path.exists():
        raise ConfigurationError(
            texts("{path}: it is there already, and is not overwritten.", path=path)
        )
    try:
        write_file(path, data, mode=0o600)
    except OSError as error:
        raise StorageError(
            texts("{path}: cannot be written: {reason}.", path=path, reason=error.strerror)
        ) from error


def require_readable(path: Path) -> None:
    """Refuse a file that cannot be read. Raises `ConfigurationError`."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error


def destroy_file(path: Path) -> None:
    """Overwrite a file in its place with chance and remove it, each on disk before what follows.

    What is gone already is no error: whoever was interrupted does it again. A key of which a crash
    leaves the file behind is a key that nothing was made with.
    """
    try:
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        pass
    if path.parent.is_dir():
        sync_folder(path.parent)


def make_folder(folder: Path, *, mode: int = 0o755) -> None:
    """Make a folder and those above it, each on disk when the call returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode=mode)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_everything() -> None:
    """Put on disk what a process that was killed has written and not synced.

    Whoever goes on from it, and says so to others, calls this first: files can be read that a power
    cut would still take away.
    """
    os.sync()


def make_secret(path: Path, make: Callable[[], str]) -> None:
    """Put what `make` returns into a new file that only its owner may read, unless it exists."""
    if not path.exists():
        make_folder(path.parent, mode=0o700)
        write_file(path, make().encode() + b"\n", mode=0o600)
