"""A token bucket: so many a minute, at once or spread, on a clock that never steps back."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Allows `per_minute` events a minute, the first minute's worth at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._full = float(per_minute)
        self._tokens = self._full
        self._clock = clock
        self._last = clock()

    def allows(self) -> bool:
        """Whether one more event is within the pace; it counts if so."""
        now = self._clock()
        self._tokens = min(self._full, self._tokens + (now - self._last) * self._full / 60)
        self._last = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
