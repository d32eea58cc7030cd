"""An idle server tells the archive that it lives; one that is dead is called silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import Inbox, prepare, say
from tests.integration.test_archive_process import Running
from tests.rooms import until
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov_archive.inspection.spools import PATIENCE, SpoolRow, is_late

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prosody]:
    """A server that says each second that it lives."""
    require_program(request.config, "prosody")
    new = Prosody(tmp_path / "server", Ports.free(), modules="capture")
    new.prepare()
    prepare(new, "xmppgov_capture_heartbeat = 1")
    for jid in (ALICE, BOB):
        new.add_account(jid, "secret")
    new.start()
    yield new
    new.kill()


async def say_one(server: Prosody, oid: str) -> None:
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox = Inbox(bob)
        say(alice, BOB, inside=f'<body>b</body><origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>')
        await inbox.get(f'id="{oid}"')


async def test_an_idle_server_asks_and_sends_nothing_twice(server: Prosody) -> None:
    sink = Sink()
    async with connected(sink.component(server)):
        await sink.wait(lambda: len(sink.statuses) > 2)
        assert set(sink.statuses[1:]) == {"0"}  # the first time it does not know yet
        assert not sink.batches
        for oid in ("one", "two"):
            before = len(sink.statuses)
            await say_one(server, oid)
            await sink.wait(lambda oid=oid: sink.find(oid=oid))
            await sink.wait(lambda before=before: len(sink.statuses) > before + 1)
    assert [record["oid"] for record in sink.all()] == ["one", "two"]
    assert not sink.doubled_batches()


async def test_an_archive_that_lost_its_end_gets_it_again(server: Prosody) -> None:
    """Also where it has kept its connection, and nobody says anything more."""
    sink = Sink()
    async with connected(sink.component(server)):
        await say_one(server, "one")
        await sink.wait(lambda: sink.find(oid="one"))
        sink.records.clear()
        sink.last.clear()
        await sink.wait(lambda: sink.find(oid="one"))


async def test_the_archive_hears_of_an_idle_server_until_it_dies(
    server: Prosody, tmp_path: Path
) -> None:
    archive = Running(server, tmp_path)
    archive.start()
    try:
        first = (await until(lambda: heard(archive)))[0]
        again = (await until(lambda: heard(archive, first.heard + 1)))[0]
        server.kill()
        (last,) = await heard(archive)
    finally:
        assert archive.kill(15) == 0
    assert (again.waiting, again.expected, again.last) == (0, True, 0)
    assert not is_late(again, again.heard + PATIENCE)
    assert is_late(last, last.heard + PATIENCE + 1)


async def heard(archive: Running, since: int = 0) -> list[SpoolRow]:
    """Return what `status`, once there is one, says of emitters that were heard since then (ms)."""
    done = archive.command("status", "--json")
    spools = json.loads(done.stdout)["spools"] if done.returncode == 0 else []
    rows = [SpoolRow(**{name: row[name] for name in SpoolRow._fields}) for row in spools]
    return [row for row in rows if row.heard >= since]
