"""Officers hold, erase and release from any client; what is due is shown and then gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from tests.integration.test_officers_commands import HOST, OFFICERS, World
from tests.streams import component_section, logged_in
from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.components.archive.officers.conftest import Bureau
from tests.unit.components.archive.retention.world import short
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import Reply
from xmppgov.archive.officer import write_generations
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, Unreachable
from xmppgov_archive.__main__ import build
from xmppgov_archive.config import Config
from xmppgov_archive.officers.model import NODES

PROSODY_MODULES = ""
NAMES = ("rssi", "archives", "dpd", "juge")
ACCOUNTS = [f"{name}@gov.localhost" for name in NAMES]
ERASE = {
    **{"class": ["messages"], "months": ["2025-11"], "visa": ["AD75/2026/114"]},
    **{"purpose": ["retention"], "case": ["2026/31"]},
}
HOLD = {
    **{"hold": ["affaire-7"], "until": ["2999-12-31"], "first": ["2025-11-01"]},
    **{"purpose": ["judicial"], "case": ["2026/17"]},
}


@pytest.fixture
async def world(prosody: Prosody, tmp_path: Path) -> AsyncIterator[World]:
    """An archive on a real server with records of November 2025, kept for a month."""
    place, bureau = short(Place(tmp_path)), Bureau()
    await place.fill(batch(EPOCH, *(record(n) for n in range(1, 6))))
    (place.folder / "officers.pub").write_text(write_generations(bureau.generations))
    place.section = place.section.model_copy(update={"officers": OFFICERS})
    config = Config(xmpp=component_section(prosody, "archive", "archive"), archive=place.section)
    async with build(config):
        world = World(prosody, place, bureau)
        for _ in range(100):
            try:
                await world.run("dpd", "preview")
                break
            except (IqError, Unreachable, BadRequest):
                await asyncio.sleep(0.05)
        yield world


async def approved(world: World, made: Reply, *officers: tuple[str, str]) -> str:
    """Let officers approve a request; return its hash."""
    text = "".join(made.fields["text"])
    hash = (await world.run(officers[0][0], "approve")).fields["request"][0]
    for name, role in officers:
        code = await world.code(text, role)
        await world.run(name, "approve", {"request": [hash]}, {"code": code})
    return hash


async def test_what_is_due_is_held_released_and_erased(world: World) -> None:
    shown = await world.run("dpd", "preview")
    assert [(row["month"], row["records"], row["held"]) for row in shown.rows] == [
        ("2025-11", "5", "0")
    ]
    held = await world.run("dpd", "hold", HOLD)
    assert "affaire-7" in held.note
    assert "5" in held.note
    with pytest.raises(BadRequest, match="held"):
        await world.run("archives", "erase", ERASE)
    end = {"hold": ["affaire-7"], "purpose": ["hold-ended"], "case": ["2026/17"]}
    made = await world.run("dpd", "release", end)
    await approved(world, made, ("archives", "archivist"), ("rssi", "security"))
    made = await world.run("archives", "erase", ERASE)
    hash = await approved(world, made, ("dpd", "dpo"), ("rssi", "security"))
    answer = await world.run("archives", "answer", {"request": [hash]})
    assert [row["records"] for row in answer.rows] == ["5"]
    (slip,) = world.place.section.slips.glob("*.csv")
    assert slip.stem in answer.note
    while not slip.with_suffix(".xml").exists():  # the notice is the last thing
        await asyncio.sleep(0.05)
    assert (await world.run("dpd", "preview")).rows == []
    report = await world.place.verify()
    assert (report.total, report.records, report.erased) == (0, 0, 5), report.findings


async def test_only_officers_see_and_run_these_commands(world: World) -> None:
    wanted = {"hold", "release", "erase", "preview"}
    async with logged_in(world.server, "dpd@gov.localhost") as officer:
        names = await CommandClient(officer, HOST).names()
    assert wanted <= {node.removeprefix(NODES) for node in names}
    async with logged_in(world.server, "juge@gov.localhost") as judge:
        client = CommandClient(judge, HOST)
        assert not wanted & {node.removeprefix(NODES) for node in await client.names()}
        for node in sorted(wanted):
            with pytest.raises(NotAllowed):
                await client.run(NODES + node)
