"""Rounds of kills: in each, every process dies once, at a random moment of a running load."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

from tests.chaos import promises
from tests.chaos.world import TARGETS, World, world
from tests.demo_process import Demo

LONGEST_CALM = 1.0  # seconds before a kill


async def _round(running: World, chance: random.Random, told: Callable[[str], None]) -> None:
    """Kill every process once, in random order, while messages and an alert are on their way."""
    for target in chance.sample(TARGETS, len(TARGETS)):
        alerting = asyncio.create_task(running.alert())
        await asyncio.sleep(chance.uniform(0, LONGEST_CALM))
        await running.kill(target)
        await alerting
        await promises.the_room_is_open_to_strict_clients(running)
        told(target)


async def run(
    demo: Demo, folder: Path, rounds: int, seed: int, told: Callable[[str], None] = lambda _: None
) -> World:
    """Run `rounds` on a running demo, then check every promise.

    Raises:
        AssertionError: a promise is broken.
    """
    chance = random.Random(seed)
    async with world(demo, folder) as running:
        await running.everybody_goes_on()
        writing = [asyncio.create_task(someone.write()) for someone in running.everybody]
        try:
            for _ in range(rounds):
                await _round(running, chance, told)
        finally:
            for task in writing:
                task.cancel()
        await running.everybody_goes_on()
        for words in running.sent.values():
            for someone in running.residents:
                await someone.wait_for(words, 60)
        await promises.check(running)
        return running
