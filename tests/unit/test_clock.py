"""Time that a test moves."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.clock import Clock, SystemClock, VirtualClock, wait_for


@given(st.lists(st.floats(0, 100), max_size=20), st.floats(0, 100))
def test_sleepers_wake_in_the_order_of_their_moments(delays: list[float], passed: float) -> None:
    async def woken() -> list[float]:
        clock, found = VirtualClock(), list[float]()

        async def sleep(delay: float) -> None:
            await clock.sleep(delay)
            found.append(delay)

        tasks = [asyncio.create_task(sleep(delay)) for delay in delays]
        await clock.advance(0)
        await clock.advance(passed)
        assert clock.monotonic() == passed
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    assert asyncio.run(woken()) == sorted(delay for delay in delays if delay <= passed)


async def test_whoever_sleeps_again_in_between_wakes_again() -> None:
    clock, ticks = VirtualClock(), 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await clock.sleep(10)
            ticks += 1

    task = asyncio.create_task(tick())
    await clock.advance(0)
    await clock.advance(35)
    assert ticks == 3
    assert clock.now() - VirtualClock().now() == 35
    task.cancel()


async def test_a_wait_ends_by_its_event_or_its_time() -> None:
    clock, event = VirtualClock(), asyncio.Event()
    waiting = asyncio.create_task(wait_for(event, 5, clock))
    await clock.advance(0)
    await clock.advance(5)
    assert await waiting is False
    waiting = asyncio.create_task(wait_for(event, 5, clock))
    await clock.advance(1)
    event.set()
    assert await waiting is True


async def test_the_machines_clock_is_a_clock() -> None:
    clock: Clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now() > 1_700_000_000
