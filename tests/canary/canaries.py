"""Unique strings, each named after the place it was put in, and the search for them in files."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.canary.memory import pages


class Canaries:
    """Makes a new string for each place and finds those that were kept."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """Return a string that stands in no other place."""
        canary = f"kanari{uuid.uuid4().hex}"
        self.places[canary] = place
        return canary

    def found_in(self, folder: Path) -> list[str]:
        """Return "place: file" for each string found in any file below `folder`."""
        return sorted(
            f"{place}: {file.relative_to(folder)}"
            for file in _files(folder)
            for canary, place in self.places.items()
            if any(form in _content(file) for form in _forms(canary))
        )

    def found_in_memory(self, pid: int) -> list[str]:
        """Return the places of the strings that are in the memory of a process."""
        found = {
            place
            for page in pages(pid)
            for canary, place in self.places.items()
            if any(form in page for form in _forms(canary))
        }
        return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # a write-ahead log that ended meanwhile
        return b""


def _forms(canary: str) -> list[bytes]:
    """Return the string as it stands, in hexadecimal, and within base64 at any offset."""
    plain = canary.encode()
    shifted = (base64.b64encode(b"x" * n + plain)[4 * bool(n) : -4] for n in range(3))
    return [plain, canary.upper().encode(), plain.hex().encode(), *shifted]
