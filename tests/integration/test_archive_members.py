"""A member asks a running archive, through a real server, whether a message was logged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.test_archive_process import EPOCH, Running, emitter, send
from tests.integration.test_archive_process import archive as archive
from tests.rooms import until
from tests.streams import logged_in
from tests.unit.archive.batches import batch, record
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import Reply
from xmppgov.archive.exports.member import MemberProof
from xmppgov.archive.stanza import write_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import BadRequest, NotAllowed, NotFound, Unreachable
from xmppgov.tlog.policy import Policy
from xmppgov_archive.members.component import NODE

PROSODY_MODULES = ""
ACCOUNTS = ["alice@gov.localhost", "eve@gov.localhost"]
ARCHIVE = "archive.gov.localhost"
YESTERDAY = datetime.now(UTC) - timedelta(days=1)  # its messages are late, and closed at once
DAY, NOON = YESTERDAY.date().isoformat(), int(YESTERDAY.timestamp()) * 1000


def verified(archive: Running, reply: Reply) -> bool:
    """Whether the message was logged, as the proof in a reply shows."""
    (text,) = reply.fields["proof"]
    rules = Policy.parse((archive.folder / "archive-log" / "policy").read_bytes())
    return MemberProof.parse(text.encode()).verify(rules.open)


async def offered(client: CommandClient) -> bool:
    """Whether the archive is back and offers the command."""
    try:
        return NODE in await client.names()
    except (BadRequest, NotFound, Unreachable):
        return False


async def asked(client: CommandClient, id: str) -> Reply:
    """Ask until the day is closed and cosigned."""
    for _ in range(300):
        try:
            return await client.run(NODE, [{"day": (DAY,), "id": (id,)}])
        except BadRequest:
            await asyncio.sleep(0.1)
    raise AssertionError("the day is never closed")


async def test_a_member_gets_a_proof(prosody: Prosody, archive: Running) -> None:
    async with emitter(prosody) as stream:
        await send(stream, write_batch(batch(EPOCH, *(record(n, t=NOON + n) for n in range(1, 5)))))
    archive.kill(15)
    archive.start()  # a start looks at once at what is to be closed
    async with logged_in(prosody, ACCOUNTS[0]) as alice, logged_in(prosody, ACCOUNTS[1]) as eve:
        client = CommandClient(alice, ARCHIVE, language="fr")
        await until(lambda: offered(client))
        reply = await asked(client, "origin-3")
        assert verified(archive, reply)
        assert "inscrit" in reply.note
        assert not verified(archive, await asked(CommandClient(eve, ARCHIVE), "origin-77"))
        with pytest.raises(NotAllowed):
            await asked(CommandClient(eve, ARCHIVE), "origin-3")
