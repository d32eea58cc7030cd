"""A seeded sample of the kills; `make chaos N=…` runs any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.rounds import blackout, groups, run, storm
from tests.chaos.world import ADMITTED
from tests.demo_process import Demo, running_demo

SEED = 20261123


@pytest.fixture
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    """A demo of its own, since it will not be the same afterwards."""
    with running_demo(tmp_path / "state", request.config, ADMITTED) as running:
        yield running


async def test_every_process_is_killed_four_times_and_every_promise_holds(
    demo: Demo, tmp_path: Path
) -> None:
    killed: Counter[str] = Counter()
    await run(demo, tmp_path, SEED, lambda name: killed.update([name]), (groups, blackout, storm))
    assert killed == dict.fromkeys(demo.ready["pids"], 4)
