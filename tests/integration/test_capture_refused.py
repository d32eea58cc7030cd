"""A record that the archive cannot take is one hole, and holds up nothing behind it."""

from __future__ import annotations

import asyncio
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.integration.archive_sink import Sink, texts
from tests.integration.capture_world import Inbox, prepare, say
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.errors import BadRequest
from xmppgov.xmpp.handlers import Request

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
MOST_LOST = 10


@dataclass
class Strict(Sink):
    """An archive that refuses every batch with one of these in it."""

    poison: set[str] = field(default_factory=set)
    refusals: int = 0

    async def batch(self, request: Request) -> ET.Element:
        if self.poison & {child.get("oid", "") for child in request.payload}:
            self.refusals += 1
            raise BadRequest(texts("The archive refuses this batch."))
        return await super().batch(request)


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    new = Prosody(tmp_path, Ports.free(), modules="capture")
    new.prepare()
    prepare(new)
    for jid in (ALICE, BOB):
        new.add_account(jid, "secret")
    new.start()
    yield new
    new.kill()


async def exchange(server: Prosody, *oids: str) -> None:
    """Alice writes to Bob; returns when he has it all."""
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox = Inbox(bob)
        for oid in oids:
            mark = f'<origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>'
            say(alice, BOB, inside=f"<body>b</body>{mark}")
        for oid in oids:
            await inbox.get(f'id="{oid}"')


def alarms(server: Prosody) -> int:
    log = (server.state / "log" / "prosody.log").read_text("utf-8")
    return log.count("refuses the record")


async def drained(server: Prosody, sink: Sink, oid: str) -> None:
    async with connected(sink.component(server)):
        await sink.wait(lambda: sink.find(oid=oid), 40)


async def test_one_record_is_lost_and_the_rest_goes_on(server: Prosody) -> None:
    oids = [f"o{n}" for n in range(12)]
    await exchange(server, *oids)
    sink = Strict(poison={"o4", "o9"})
    await drained(server, sink, "o11")
    assert [r["oid"] for r in sink.all()] == [o for o in oids if o not in sink.poison]
    lost = [{"first": n, "last": n, "reason": "lost"} for n in ("5", "10")]
    assert sink.holes == lost
    assert alarms(server) == 2
    assert sink.refusals < 20

    # Whoever asks again gets the same, even if the record would now be taken.
    server.kill()
    server.start()
    again = Sink()
    await exchange(server, "end")
    await drained(server, again, "end")
    assert again.holes == lost
    assert again.all()[:10] == sink.all()
    assert alarms(server) == 2


async def test_an_archive_that_takes_nothing_costs_few_records(server: Prosody) -> None:
    """It has itself a fault: the spool waits for it to be mended."""
    oids = [f"o{n}" for n in range(MOST_LOST + 5)]
    await exchange(server, *oids)
    sink = Strict(poison=set(oids))
    async with connected(sink.component(server)):
        await sink.wait(lambda: len(sink.holes) == MOST_LOST, 40)
        refusals = sink.refusals
        await sink.wait(lambda: sink.refusals > refusals + 1)
    await asyncio.sleep(0)
    assert len(sink.holes) == alarms(server) == MOST_LOST
    sink.poison = set()
    await drained(server, sink, oids[-1])
    assert [r["oid"] for r in sink.all()] == oids[MOST_LOST:]


async def test_a_whole_line_that_is_no_record_is_a_hole(server: Prosody) -> None:
    """Whoever wrote it knew the check value, which is no secret."""
    await exchange(server, "o1", "forged", "o3")
    server.kill()
    (segment,) = (server.state / "spool").glob("*.spool")
    lines = segment.read_text("utf-8").split("\n")
    (n,) = (n for n, line in enumerate(lines) if "oid='forged'" in line)
    line = lines[n].rsplit("\t", 1)[0].replace(f"'{ALICE}'", f"'{ALICE}'/><gap x='{ALICE}'")
    lines[n] = f"{line}\t{hashlib.md5(line.encode(), usedforsecurity=False).hexdigest()[:8]}"
    segment.write_text("\n".join(lines), "utf-8")
    server.start()
    sink = Strict()
    await drained(server, sink, "o3")
    assert [r["oid"] for r in sink.all()] == ["o1", "o3"]
    assert sink.holes == [{"first": "2", "last": "2", "reason": "lost"}]
    assert not sink.refusals
