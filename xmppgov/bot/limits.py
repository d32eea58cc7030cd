"""How often one may ask: a bucket of tokens for each person or room; the time is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limit:
    """`burst` requests at once, then `rate` a second, for each asker."""

    def __init__(self, *, burst: int, rate: float, askers: int = 10_000) -> None:
        self._burst, self._rate, self._askers = float(burst), rate, askers
        self._buckets: dict[str, _Bucket] = {}

    def allow(self, asker: str, now: float) -> bool:
        """Take a token of `asker` at `now` (seconds of any clock that never goes back)."""
        bucket = self._buckets.pop(asker, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[asker] = bucket  # to the end: the first is whoever asked longest ago
        if len(self._buckets) > self._askers:
            del self._buckets[next(iter(self._buckets))]
        allowed = bucket.tokens >= 1
        bucket.tokens -= 1 if allowed else 0
        return allowed


class Limits(NamedTuple):
    """What one sender, and all together in one room, may ask: a minute, and at once."""

    per_sender: float = 30.0
    per_room: float = 60.0
    burst: int = 10

    def of_sender(self) -> Limit:
        """Return the limit of each sender."""
        return Limit(burst=self.burst, rate=self.per_sender / 60)

    def of_room(self) -> Limit:
        """Return the limit of each room, in which several ask at once."""
        return Limit(burst=2 * self.burst, rate=self.per_room / 60)
