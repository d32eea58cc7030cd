"""What a run of many kills has done, in a file that survives its interruption."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "progress.json"
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
    """The legs of one seed, in `folder`."""

    folder: Path
    legs: dict[int, Leg] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Progress:
        """Read what was done, nothing where nobody has begun."""
        file = folder / FILE
        legs = json.loads(file.read_text()) if file.exists() else []
        return cls(folder, {leg["number"]: Leg(**leg) for leg in legs})

    def add(self, leg: Leg) -> None:
        """Note a leg, in one step."""
        self.legs[leg.number] = leg
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f".{FILE}.new"
        new.write_text(json.dumps([asdict(done) for _, done in sorted(self.legs.items())]))
        new.replace(self.folder / FILE)

    def total(self, what: str) -> int:
        """Return the sum over all legs of "kills", "messages", "alerts", …"""
        return sum(getattr(leg, what) for leg in self.legs.values())

    def lacks(self, kills: int, running: int) -> bool:
        """Tell whether `kills` in all take another leg beside the `running` ones."""
        a_leg = max((leg.kills for leg in self.legs.values()), default=GUESS)
        return self.total("kills") + running * a_leg < kills
