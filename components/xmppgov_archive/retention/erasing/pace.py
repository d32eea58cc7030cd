"""How much one turn of an erasure does, so that whoever commits a batch waits but a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic

from xmppgov.archive.ranges import Range

LONGEST = 0.05  # seconds that a turn may take
FEWEST, MOST = 20, 5_000  # rows


class Pace:
    """Follows how long turns take: half as many rows after a slow one, more after quick ones."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._since = 0.0
        self.rows = 200

    def start(self) -> None:
        """A turn begins."""
        self._since = self._clock()

    def stop(self) -> None:
        """The turn has ended."""
        took = self._clock() - self._since
        if took > LONGEST / 2:
            self.rows = max(self.rows // 2, FEWEST)
        elif took < LONGEST / 5:
            self.rows = min(self.rows + self.rows // 4, MOST)

    def portions(self, parts: Iterable[Range]) -> Iterator[list[Range]]:
        """Yield the numbers of `parts` in portions of as many as a turn takes now."""
        portion: list[Range] = []
        room = self.rows
        for first, last in parts:
            while first <= last:
                end = min(last, first + room - 1)
                portion.append((first, end))
                room -= end - first + 1
                first = end + 1
                if room == 0:
                    yield portion
                    portion, room = [], self.rows
        if portion:
            yield portion
