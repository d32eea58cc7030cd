"""A disk whose every write is a step that can fail, and which knows what a power cut takes.

A step is a write, a sync, a new name, a rename or a deletion below one folder. At one of them a
fault happens:

- *refused*: an error, and nothing was done;
- *done*: an error, although it was done;
- *killed*: the process ends before it; what it did before stays;
- *cut*: the power is cut before it; nothing stays of what was not synced;
- *torn*: the power is cut before it; names stay, but not the contents that were not synced.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

KINDS = ("refused", "done", "killed", "cut", "torn")
DEADLY = ("killed", "cut", "torn")
ENOSPC, EIO = 28, 5
Result = TypeVar("Result")


class Fault(NamedTuple):
    """What goes wrong at step number `at`, counted from 0."""

    at: int
    kind: str


@dataclass(slots=True)
class Change:
    """A change that is not synced: of a file's content, or of a name in its folder."""

    path: Path
    is_name: bool
    take_back: Callable[[Path], None]


class Disk:
    """The files below `root`; `steps` names what was done or tried.

    `before` is the same disk under the process that lived before: what that one did not sync is not
    synced yet, unless the power was cut.
    """

    def __init__(self, root: Path, fault: Fault | None = None, before: Disk | None = None) -> None:
        self.root = root
        self.fault = fault
        self.steps: list[str] = []
        self.dead = False
        self.published: list[tuple[str, bytes]] = list(before.published) if before else []
        """Every checkpoint that somebody can have read, in order, with its file's name."""
        self._unsynced: list[Change] = list(before._unsynced) if before else []
        self._lock = threading.RLock()

    def has(self, path: Path) -> bool:
        """Tell whether a file's writes are steps of this disk."""
        return path.is_relative_to(self.root) and not path.name.endswith("-shm")

    def step(self, name: str, path: Path, act: Callable[[], Result]) -> Result:
        """Do `act`, or fail. Raises `OSError`."""
        with self._lock:
            number = len(self.steps)
            if not self.dead:
                self.steps.append(f"{name} {path.relative_to(self.root)}")
            kind = self.fault.kind if self.fault and self.fault.at == number else ""
            self.dead = self.dead or kind in DEADLY
            if self.dead:
                raise OSError(EIO, "this process is dead")
            if kind == "refused":
                raise OSError(ENOSPC, "No space left on device")
            result = act()
            if kind == "done":
                raise OSError(EIO, "Input/output error")
            return result

    def written(self, path: Path, take_back: Callable[[Path], None]) -> None:
        """Note a change of a file's content; `take_back` is given the path that it has then."""
        self._unsynced.append(Change(path, False, take_back))

    def named(self, path: Path, take_back: Callable[[Path], None]) -> None:
        """Note a name that is new, other or gone."""
        self._unsynced.append(Change(path, True, take_back))

    def renamed(self, old: Path, new: Path, before: bytes | None) -> None:
        """Note that `new`, which held `before`, is what was `old`."""
        moved = [c for c in self._unsynced if c.path == old and not c.is_name]
        for change in moved:
            change.path = new

        def take_back(_path: Path) -> None:
            for change in moved:
                change.path = old
            new.rename(old)
            if before is not None:
                new.write_bytes(before)

        self.named(new, take_back)
        if new.name in ("checkpoint", "cosigned"):
            self.published.append((new.name, new.read_bytes()))

    def all_synced(self) -> None:
        """Note that everything is durable."""
        with self._lock:
            self._unsynced.clear()

    def synced(self, path: Path) -> None:
        """Note that a file's content is durable, or the names in a folder."""
        with self._lock:
            self._unsynced = [
                c for c in self._unsynced if (c.path.parent if c.is_name else c.path) != path
            ]

    def die(self, kind: str) -> None:
        """End the process between two steps."""
        self.fault, self.dead = Fault(len(self.steps), kind), True

    def after_death(self) -> None:
        """Leave of the files what the next start finds."""
        if self.fault is None or not self.dead or self.fault.kind == "killed":
            return
        for change in reversed(self._unsynced):
            if self.fault.kind == "cut" or not change.is_name:
                change.take_back(change.path)
        for file in self.root.rglob("*-shm"):  # in the memory of the machine
            file.unlink()
        self._unsynced.clear()


def removed(path: Path) -> None:
    """Take a file or a folder away, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def halved(path: Path) -> None:
    """Leave half of a file, if it is there."""
    if path.exists():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
