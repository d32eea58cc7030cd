"""Disks that fill up under load and are freed: everything recovers, and holes are declared."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import promises
from tests.chaos.disks import SmallDisk, small_disk
from tests.chaos.rounds import load
from tests.chaos.world import ADMITTED, World, world
from tests.demo_process import Demo, running_demo

SIZES = {"spool": 4, "archive": 64, "archive-public": 4, "archive-locks": 4}
"""Megabytes of each folder's disk; the archive's has room for its write-ahead log."""
FULL = 3.0  # seconds under load


class Stack:
    """A demo whose spool, database, public log and lock lie on small disks."""

    def __init__(self, demo: Demo, disks: dict[str, SmallDisk]) -> None:
        self.demo, self.disks = demo, disks


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    state = tmp_path / "state"
    with ExitStack() as mounted:
        disks = {
            name: mounted.enter_context(small_disk(state / name, megabytes))
            for name, megabytes in SIZES.items()
        }
        with running_demo(state, request.config, ADMITTED) as demo:
            yield Stack(demo, disks)


async def _full(running: World, disk: SmallDisk, *killed: str) -> None:
    """Let a disk be full for a while; some processes have to start again while it is."""
    async with disk.full():
        await asyncio.sleep(FULL / 2)
        if killed:
            await running.kill(*killed)
        await asyncio.sleep(FULL / 2)
    await running.goes_on()


def refusals(running: World) -> set[str]:
    """Return the conditions of all errors that somebody was answered."""
    return {condition for someone in running.everybody for condition in someone.refused.values()}


async def test_full_disks_lose_nothing_that_was_acknowledged(stack: Stack, tmp_path: Path) -> None:
    disks = stack.disks
    async with world(stack.demo, tmp_path) as running:
        await running.everybody_goes_on()
        async with load(running):
            await running.goes_on()
            await _full(running, disks["spool"])
            assert refusals(running) == {"resource-constraint"}
            await _full(running, disks["spool"], "prosody")
            for name in ("archive", "archive-public", "archive-locks"):
                await _full(running, disks[name])
                await _full(running, disks[name], "archive")
        await running.everybody_goes_on()
        await running.emitter.send_all()
        await promises.what_no_record_could_be_written_for_is_refused_or_a_hole(running)
        await promises.check_log(running, tmp_path)
