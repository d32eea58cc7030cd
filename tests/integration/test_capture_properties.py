"""Whatever happens in whatever order: no number twice, and a record for each message delivered.

Programs of people, rooms, restarts and failures run against a real server and a real archive.
XMPPGOV_PROGRAMS is how many; `make chaos` runs many, others each time (XMPPGOV_CHAOS).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.conftest import require_program
from tests.integration.capture_ground import Ground, ground
from tests.integration.capture_program import run
from tests.integration.capture_steps import PROGRAMS, Disk, Kill, Speak, Step

MANY = "XMPPGOV_CHAOS" in os.environ
EXAMPLES = int(os.environ.get("XMPPGOV_PROGRAMS") or (300 if MANY else 18))

LOST_WITH_THE_POWER: list[Step] = [
    Disk("hold"),
    Speak(0, "one", "committee", "body", settle=False),
    Kill("written", boot=True),
]
"""In a closed room, what was not synced when the power was cut has reached nobody."""


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Ground]:
    require_program(request.config, "prosody")
    with ground(tmp_path_factory.mktemp("ground")) as new:
        yield new


@pytest.mark.timeout(120 + 20 * EXAMPLES)  # a failure is made smaller, which takes a while
@settings(
    max_examples=EXAMPLES,
    derandomize=not MANY,
    database=None,  # a program that fails is printed, and is a line of a test
    report_multiple_bugs=False,
    print_blob=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=LOST_WITH_THE_POWER)
@given(steps=PROGRAMS)
def test_every_program_keeps_every_promise(servers: Ground, steps: list[Step]) -> None:
    asyncio.run(run(servers, steps))
