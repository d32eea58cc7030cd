"""A demo, and in it a deputy in Converse.js and a colleague of the same group in Profanity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.converse import Chromium, Converse
from tests.clients.profanity import Profanity
from tests.conftest import require_program
from tests.demo_process import Demo, running_demo


@dataclass(frozen=True)
class Pair:
    """Two members of one group, each with a client, both in the group's room."""

    demo: Demo
    group: str
    room: str
    alice: dict[str, Any]
    bob: dict[str, Any]
    converse: Converse
    profanity: Profanity


@pytest.fixture(scope="session")
def demo(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Demo]:
    """The demo, ready; stopped at the end."""
    with running_demo(tmp_path_factory.mktemp("demo") / "state", request.config) as running:
        yield running


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Chromium]:
    """A headless Chromium."""
    running = Chromium(require_program(request.config, "chromium"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def pair(
    demo: Demo,
    browser: Chromium,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    """The first two accounts: the first logs in to the web client, the second to Profanity.

    Neither does anything else but, in Profanity, accept the invitation.
    """
    for program in ("tmux", "profanity"):
        require_program(request.config, program)
    ready = demo.ready
    alice, bob = ready["accounts"][:2]
    group = next(g for g in alice["groups"] if g in bob["groups"])
    room = f"{group}@{ready['services']['muc']}"
    converse = Converse(browser, ready["web_url"], tmp_path_factory.mktemp("pictures"))
    converse.log_in(alice["jid"], alice["password"])
    profanity = Profanity(tmp_path_factory.mktemp("profanity"))
    try:
        profanity.log_in(bob["jid"], bob["password"], ready["ports"]["c2s"])
        profanity.wait_for(f"/join {room}")
        profanity.type(f"/join {room}")
        profanity.wait_for("You have joined the room")
        profanity.type("/omemo start")
        profanity.wait_for("[OMEMO]")
        yield Pair(demo, group, room, alice, bob, converse, profanity)
    finally:
        profanity.close()
        converse.close()
