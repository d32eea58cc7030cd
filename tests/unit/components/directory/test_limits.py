"""The token bucket: a burst, then a trickle, for each asker alone."""

from __future__ import annotations

import pytest

from xmppgov.errors import TooMany
from xmppgov_directory.limits import MOST_BUCKETS, Limiter


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_one_at_a_time() -> None:
    clock = Clock()
    limiter = Limiter(per_minute=30, clock=clock)
    for _ in range(30):
        limiter.spend("alice")
    with pytest.raises(TooMany) as refused:
        limiter.spend("alice")
    assert refused.value.text.in_language("en") == "Too many searches; wait 2 seconds."
    limiter.spend("bob")
    clock.now += 2
    limiter.spend("alice")
    with pytest.raises(TooMany):
        limiter.spend("alice")
    clock.now += 3600
    for _ in range(30):
        limiter.spend("alice")
    with pytest.raises(TooMany):
        limiter.spend("alice")


def test_buckets_that_are_full_again_are_forgotten() -> None:
    clock = Clock()
    limiter = Limiter(per_minute=1, clock=clock)
    for number in range(MOST_BUCKETS):
        limiter.spend(f"u{number}")
    clock.now += 61
    limiter.spend("last")
    assert len(limiter._buckets) == 1
    with pytest.raises(TooMany):
        limiter.spend("last")
