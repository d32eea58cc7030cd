"""Rounds of kills at random moments of a running load, and the promises afterwards.

One seed gives one run: which processes die together, in which order, and how long after each other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos import promises
from tests.chaos.world import World, world
from tests.demo_process import Demo

CALM, SCARCELY = 0.6, 0.3  # seconds at most before a kill, and before the next of the same
TOGETHER = 3  # processes at most that die at one moment
Told = Callable[[str], None]


async def groups(running: World, chance: random.Random, told: Told) -> None:
    """Kill every process once, alone or with others, while the rest works."""
    left = chance.sample(running.targets, len(running.targets))
    while left:
        count = chance.randint(1, TOGETHER)
        together, left = left[:count], left[count:]
        alerting = asyncio.create_task(running.alert())
        await asyncio.sleep(chance.uniform(0, CALM))
        await running.kill(*together)
        for target in together:
            told(target)
        await alerting


async def storm(running: World, chance: random.Random, told: Told) -> None:
    """Kill every process twice, the second time while it recovers, all of them at the same time."""

    async def strike(target: str, moments: tuple[float, ...]) -> None:
        for moment in moments:
            await asyncio.sleep(moment)
            await running.kill(target)
            told(target)

    alerting = asyncio.create_task(running.alert())
    async with asyncio.TaskGroup() as strikes:
        for target in running.targets:
            moments = chance.uniform(0, CALM), chance.uniform(0, SCARCELY)
            strikes.create_task(strike(target, moments))
    await alerting


async def blackout(running: World, chance: random.Random, told: Told) -> None:
    """Kill everything at one moment and start it again."""
    await asyncio.sleep(chance.uniform(0, CALM))
    for target in await running.black_out():
        told(target)


LEG = (groups, storm, groups, blackout, storm, groups)
"""The rounds on one demo."""


@asynccontextmanager
async def load(running: World) -> AsyncIterator[None]:
    """Everybody writes, the emitter emits and the observer looks during the block."""
    work = [someone.write() for someone in running.everybody]
    work += [running.emitter.emit(), running.observer.watch()]
    tasks = [asyncio.create_task(part) for part in work]
    try:
        yield
        ended = [task for task in tasks if task.done()]
        assert not ended, running.emitter.refused or ended
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run(
    demo: Demo,
    folder: Path,
    seed: int,
    told: Told = lambda _: None,
    rounds: tuple[Callable[..., object], ...] = LEG,
) -> World:
    """Run `rounds` on a running demo, then check every promise.

    Raises:
        AssertionError: a promise is broken.
    """
    chance = random.Random(seed)
    async with world(demo, folder) as running:
        await running.everybody_goes_on()
        async with load(running):
            for one in rounds:
                await one(running, chance, told)
                await running.goes_on()
                await promises.the_room_is_open_to_strict_clients(running)
        await running.everybody_goes_on()
        await running.emitter.send_all()
        for words in running.sent.values():
            for someone in running.residents:
                await someone.wait_for(words, 60)
        await promises.check(running, folder)
        return running
