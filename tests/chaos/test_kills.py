"""A seeded sample of the kills; `make chaos N=…` runs any number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.rounds import run
from tests.chaos.world import TARGETS
from tests.demo_process import Demo, running_demo

EACH, SEED = 3, 20261123


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A demo of its own, since it will not be the same afterwards."""
    with running_demo(tmp_path / "state", request.config) as running:
        yield running


async def test_every_process_is_killed_three_times_and_every_promise_holds(
    demo: Demo, tmp_path: Path
) -> None:
    killed: list[str] = []
    await run(demo, tmp_path, EACH, SEED, killed.append)
    assert {target: killed.count(target) for target in TARGETS} == dict.fromkeys(TARGETS, EACH)
