"""Several things measured in turn, A B, B A, …: no noisy moment of the machine decides alone.

A ratio is taken within each round, where both sides saw the same machine, and its median counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Contender = Callable[[], Awaitable[float]]
"""Do one round's work and return its figure: calls a second."""


@dataclass(frozen=True)
class Rounds:
    """The figures of each contender, one a round."""

    figures: Mapping[str, list[float]]

    def figure(self, name: str) -> float:
        """Return the median of a contender's figures."""
        return median(self.figures[name])

    def ratios(self, name: str, limit: str) -> list[float]:
        """Return one contender's figure against another's, one a round."""
        pairs = zip(self.figures[name], self.figures[limit], strict=True)
        return [ours / theirs for ours, theirs in pairs]


async def in_turn(rounds: int, contenders: Mapping[str, Contender]) -> Rounds:
    """Let all `contenders` work `rounds` times; every second round goes backwards."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for _ in range(rounds):
        for name in names:
            figures[name].append(await contenders[name]())
        names.reverse()
    return Rounds(figures)


def together(parts: Sequence[Rounds]) -> Rounds:
    """Return the rounds of several runs as those of one."""
    names = parts[0].figures
    return Rounds({name: [f for part in parts for f in part.figures[name]] for name in names})
