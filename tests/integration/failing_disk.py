"""A server's disk that waits, fails or is full when a test says so (prosody/mod_tests_disk.lua)."""

from __future__ import annotations

import os
from pathlib import Path

MODULES = Path(__file__).parent / "prosody"
"""Where the server finds the module."""
FAULTS = ("hold", "fail", "full")


class Disk:
    """The disk, told by files in `folder`, which is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "syncs").touch()
        (folder / "timers").touch()
        os.mkfifo(folder / "gate")
        self._gate: int | None = None
        self.release()

    def hold(self) -> None:
        """Let syncs wait."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None
        self._now("hold")

    def fail(self) -> None:
        """Let syncs fail."""
        self._now("fail")

    def fill(self) -> None:
        """Let writes fail."""
        self._now("full")

    def release(self) -> None:
        """Let it be well, and let go on what has waited."""
        self._well()
        if self._gate is None:
            self._gate = os.open(self.folder / "gate", os.O_RDWR)

    @property
    def syncs(self) -> int:
        """How often the disk was asked to sync."""
        return len((self.folder / "syncs").read_bytes())

    @property
    def timers(self) -> list[float]:
        """For how many seconds the server was asked to wait, each time that it was."""
        return [float(line) for line in (self.folder / "timers").read_text().splitlines()]

    def cut(self, folder: Path) -> None:
        """Take away what was not synced of the files in `folder`, as a power cut does."""
        for file in folder.iterdir():
            durable = self.folder / f"durable-{file.stat().st_ino}"
            if file.is_file() and durable.exists():
                os.truncate(file, min(int(durable.read_text()), file.stat().st_size))

    def started(self, folder: Path) -> None:
        """Take the files in `folder` for synced: a server syncs before the module is there."""
        for file in folder.glob("*.spool"):
            stat = file.stat()
            (self.folder / f"durable-{stat.st_ino}").write_text(str(stat.st_size))

    def _now(self, fault: str) -> None:
        self._well()
        (self.folder / fault).touch()

    def _well(self) -> None:
        for name in FAULTS:
            (self.folder / name).unlink(missing_ok=True)
