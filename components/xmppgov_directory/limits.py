"""How often one person may search: a token bucket each, refilled with time."""

from __future__ import annotations

from collections.abc import Callable

from xmppgov.errors import TooMany
from xmppgov.i18n import Texts

texts = Texts("xmppgov_directory")
MOST_BUCKETS = 10_000


class Limiter:
    """Lets each asker do `per_minute` searches at once, and as many again in each minute."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float]) -> None:
        self._burst = float(per_minute)
        self._rate = per_minute / 60
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, asker: str) -> None:
        """Count one search of `asker`.

        Raises:
            TooMany: the bucket is empty; nothing is counted.
        """
        now = self._clock()
        tokens, since = self._buckets.get(asker, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1:
            raise TooMany(texts("Too many searches; wait {n} seconds.", n=self._wait(tokens)))
        self._buckets[asker] = (tokens - 1, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._forget(now)

    def _wait(self, tokens: float) -> int:
        return max(1, round((1 - tokens) / self._rate))

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: they say nothing."""
        self._buckets = {
            asker: (tokens, since)
            for asker, (tokens, since) in self._buckets.items()
            if tokens + (now - since) * self._rate < self._burst
        }
