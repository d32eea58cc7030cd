"""What an emitter makes of each answer of the archive's process, as it comes over a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.test_archive_process import Running, emitter
from tests.rooms import until
from tests.streams import component_section, connected, logged_in
from tests.unit.archive.batches import batch, hole, record
from xmppgov.archive.batch import Progress, WireRecord
from xmppgov.archive.emitter.client import ArchiveClient
from xmppgov.archive.emitter.model import MALFORMED, Committed, Contradicted, Expected, Refused
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.component import Component

PROSODY_MODULES = ""
ALICE = "alice@gov.localhost"
ACCOUNTS = [ALICE]
ARCHIVE, EPOCH = "archive.gov.localhost", 1_763_864_000


@pytest.fixture
def archive(prosody: Prosody, tmp_path: Path) -> Iterator[Running]:
    running = Running(prosody, tmp_path)
    text = running.config.read_text().replace('["governance.gov.localhost"]', '["gov.localhost"]')
    emitters = f'"governance.gov.localhost" = ["joined", "left"]\n"{ALICE}" = ["alert-ack"]\n'
    running.config.write_text(f"{text}[archive.emitters]\n{emitters}")
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        running.kill(15)


@pytest.fixture
async def client(prosody: Prosody, archive: Running) -> AsyncIterator[ArchiveClient]:
    """The governance component's way to an archive that answers."""
    async with emitter(prosody) as stream:
        made = ArchiveClient(stream, ARCHIVE, timeout=20)
        await until(lambda: answers(made))
        yield made


async def answers(client: ArchiveClient) -> bool:
    return isinstance(await client.status(Progress(1)), Committed)


def joined(seq: int, **changes: object) -> WireRecord:
    values = {"kind": "joined", "path": "local", "size": None, "enc": None, "oid": None}
    return record(seq, in_room=True, **{**values, "n": None, "sid": None, **changes})


async def test_what_is_committed_and_what_is_not(client: ArchiveClient) -> None:
    assert await client.status(Progress(EPOCH, 2)) == Committed(0)
    assert await client.commit(batch(EPOCH, joined(2))) == Expected(1)
    both = batch(EPOCH, joined(1), joined(2), waiting=0)
    for _ in range(2):
        assert await client.commit(both) == Committed(2)
    assert await client.status(Progress(EPOCH)) == Committed(2)
    assert await client.commit(batch(EPOCH, joined(5))) == Expected(3)
    other = batch(EPOCH, joined(1), joined(2, kind="left"), joined(3))
    assert await client.commit(other) == Contradicted(2)
    assert await client.commit(batch(EPOCH, hole(3, 4, "lost"), joined(5))) == Committed(5)


async def test_a_kind_that_it_may_not_send_is_refused(client: ArchiveClient) -> None:
    lookup = joined(1, kind="lookup", room=None, to=ALICE)
    assert await client.commit(batch(EPOCH + 1, lookup)) == Refused("forbidden")
    assert await client.status(Progress(EPOCH + 1)) == Committed(0)


@pytest.mark.parametrize("sender", ["al ice@gov.localhost", "a\x01@gov.localhost", "a@b/phone"])
async def test_what_is_malformed_does_not_leave(client: ArchiveClient, sender: str) -> None:
    """A character that XML cannot carry would end the stream, and the service with it."""
    assert await client.commit(batch(EPOCH, joined(1, sender=sender))) == Refused(MALFORMED)
    assert await client.status(Progress(EPOCH)) == Committed(0)


async def test_an_account_and_a_stranger(
    prosody: Prosody, archive: Running, client: ArchiveClient
) -> None:
    async with logged_in(prosody, ALICE) as alice:
        ack = joined(1, kind="alert-ack", room=None, to="alertes@gov.localhost")
        assert await ArchiveClient(alice, ARCHIVE).commit(batch(EPOCH, ack)) == Committed(1)
    section = component_section(prosody, "directory", "directory")
    stranger = Component(section, name="x", identity=("component", "x"))
    async with connected(stranger):
        refused = await ArchiveClient(stranger, ARCHIVE).status(Progress(EPOCH))
        assert refused == Refused("forbidden")


async def test_an_archive_that_is_away_is_no_error(
    prosody: Prosody, archive: Running, client: ArchiveClient
) -> None:
    archive.kill()

    async def away() -> bool:
        return isinstance(await client.status(Progress(EPOCH)), Refused)

    await until(away)
    assert isinstance(await client.commit(batch(EPOCH, joined(1))), Refused)
    archive.start()
    await until(lambda: answers(client))
    assert await client.commit(batch(EPOCH, joined(1))) == Committed(1)
