"""What a run of many kills has done, in a file that survives its interruption."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE, PASSED = "progress.json", "passed.json"
GUESS = 48  # kills of a leg, before the first one has ended


@dataclass(frozen=True)
class Leg:
    """A leg that was run to its end, with every promise kept; `seconds` is its duration."""

    number: int
    kills: int
    messages: int
    alerts: int
    acknowledged: int
    checkpoints: int
    seconds: float


@dataclass
class Progress:
    """The legs of one seed, and the tests that have passed (thorough.py), in `folder`."""

    folder: Path
    legs: dict[int, Leg] = field(default_factory=dict)
    passed: dict[str, float] = field(default_factory=dict)
    """test -> the seconds that it took"""

    @classmethod
    def read(cls, folder: Path) -> Progress:
        """Read what was done, nothing where nobody has begun."""
        legs, passed = _read(folder / FILE, []), _read(folder / PASSED, {})
        return cls(folder, {leg["number"]: Leg(**leg) for leg in legs}, passed)

    def add(self, leg: Leg) -> None:
        """Note a leg, in one step."""
        self.legs[leg.number] = leg
        self._write(FILE, [asdict(done) for _, done in sorted(self.legs.items())])

    def note(self, test: str, seconds: float) -> None:
        """Note a test that has passed, in one step."""
        self.passed[test] = seconds
        self._write(PASSED, self.passed)

    def _write(self, name: str, found: object) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f".{name}.new"
        new.write_text(json.dumps(found))
        new.replace(self.folder / name)

    def total(self, what: str) -> int:
        """Return the sum over all legs of "kills", "messages", "alerts", …"""
        return sum(getattr(leg, what) for leg in self.legs.values())

    def lacks(self, kills: int, running: int) -> bool:
        """Tell whether `kills` in all take another leg beside the `running` ones."""
        a_leg = max((leg.kills for leg in self.legs.values()), default=GUESS)
        return self.total("kills") + running * a_leg < kills


def _read(file: Path, nothing: Any) -> Any:
    return json.loads(file.read_text()) if file.exists() else nothing
