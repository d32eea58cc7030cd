"""Officers in any client: a request, two codes, an answer, a refusal; and everybody else."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from tests.streams import component_section, connected, logged_in
from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.components.archive.officers.conftest import Bureau
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import Reply
from xmppgov.archive.officer import write_generations
from xmppgov.archive.request import open_request
from xmppgov.archive.stanza import write_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, NotFound
from xmppgov.tlog.note import VerifierKey
from xmppgov.xmpp.component import Component
from xmppgov_archive.__main__ import build
from xmppgov_archive.config import Config, OfficersSection
from xmppgov_archive.officers.dialogue import NODES

PROSODY_MODULES = ""
NAMES = ("rssi", "archives", "dpd", "juge", "alice")
ACCOUNTS = [f"{name}@gov.localhost" for name in NAMES]
HOST = "archive.gov.localhost"
OFFICERS = OfficersSection(
    security=("rssi@gov.localhost",),
    archivist=("archives@gov.localhost",),
    dpo=("dpd@gov.localhost",),
    requesters=("juge@gov.localhost",),
)
REQUEST = {
    **{"people": ["alice@gov.localhost"], "first": ["2025-11-01"], "last": ["2025-11-30"]},
    **{"rows": ["10"], "purpose": ["judicial"], "case": ["2026/114"]},
}


class World:
    """An archive on a real server, with a few records; officers log in as they please."""

    def __init__(self, server: Prosody, place: Place, bureau: Bureau) -> None:
        self.server, self.place, self.bureau = server, place, bureau

    async def run(self, name: str, node: str, *pages: Mapping[str, list[str]]) -> Reply:
        async with logged_in(self.server, f"{name}@gov.localhost") as account:
            return await CommandClient(account, HOST, language="en").run(NODES + node, pages)

    async def code(self, text: str, role: str) -> list[str]:
        """What an officer's own machine prints for a request as it was copied."""
        key = VerifierKey.parse(self.place.section.verifier_file.read_text())
        request = open_request(text, [key])
        return self.bureau.code(request, role).split("\n")


@pytest.fixture
async def world(prosody: Prosody, tmp_path: Path) -> AsyncIterator[World]:
    place, bureau = Place(tmp_path), Bureau()
    (place.folder / "officers.pub").write_text(write_generations(bureau.generations))
    server = "governance.gov.localhost"
    section = place.section.model_copy(update={"officers": OFFICERS, "servers": (server,)})
    config = Config(xmpp=component_section(prosody, "archive", "archive"), archive=section)
    async with build(config), _emitter(prosody) as stream:
        iq = stream.make_iq_set(ito=HOST)
        iq.append(ET.fromstring(write_batch(batch(EPOCH, record(1), record(2, in_room=True)))))
        for _ in range(100):
            try:
                await iq.send(timeout=2)
                break
            except IqError:
                iq["id"] = stream.new_id()
        yield World(prosody, place, bureau)


@asynccontextmanager
async def _emitter(server: Prosody) -> AsyncIterator[Component]:
    stream = Component(
        component_section(server, "governance", "rooms"), name="x", identity=("component", "x")
    )
    async with connected(stream):
        yield stream


async def test_a_request_two_codes_and_an_answer(world: World) -> None:
    made = await world.run("juge", "request", REQUEST)
    assert made.status == "completed"
    text = "".join(made.fields["text"])
    listed = await world.run("archives", "requests")
    (row,) = listed.rows
    assert row["state"] == "waits for two officers"
    hash = (await world.run("archives", "approve")).fields["request"][0]
    for name, role in (("archives", "archivist"), ("dpd", "dpo")):
        code = await world.code(text, role)
        done = await world.run(name, "approve", {"request": [hash]}, {"code": code})
        assert done.status == "completed"
    answer = await world.run("juge", "answer", {"request": [hash]})
    assert {row["from"] for row in answer.rows} == {"alice@gov.localhost"}
    assert len(answer.rows) == 2
    with pytest.raises(NotFound):  # it is not theirs, and they are offered none
        await world.run("archives", "answer", {"request": [hash]})


async def test_what_is_wrong_is_said_and_nothing_is_opened(world: World) -> None:
    await world.run("juge", "request", REQUEST)
    first = await world.run("dpd", "approve")
    hash = first.fields["request"][0]
    with pytest.raises(BadRequest):
        await world.run("dpd", "approve", {"request": [hash]}, {"code": ["nonsense"]})
    for wrong in (
        {**REQUEST, "first": ["yesterday"]},
        {**REQUEST, "rows": ["many"]},
        {**REQUEST, "people": [""]},
        {**REQUEST, "purpose": ["curiosity"]},
        {**REQUEST, "case": [""]},
    ):
        with pytest.raises(BadRequest):
            await world.run("juge", "request", wrong)
    refused = await world.run("rssi", "refuse", {"request": [hash]}, {"sure": ["1"]})
    assert refused.status == "completed"
    with pytest.raises(NotFound):
        await world.run("dpd", "approve", {"request": [hash]}, {"code": ["x"]})


async def test_strangers_see_no_command_and_run_none(world: World) -> None:
    async with logged_in(world.server, "alice@gov.localhost") as alice:
        client = CommandClient(alice, HOST)
        assert await client.names() == {}
        for node in ("request", "requests", "approve", "refuse", "answer"):
            with pytest.raises(NotAllowed):
                await client.run(NODES + node)
    async with logged_in(world.server, "juge@gov.localhost") as judge:
        names = await CommandClient(judge, HOST).names()
    assert {node.removeprefix(NODES) for node in names} == {
        "request", "requests", "show", "answer",
    }  # fmt: skip
