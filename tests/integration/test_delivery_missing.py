"""A server that is killed between the sender's archive and the recipient's loses no text."""

from __future__ import annotations

import asyncio
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from tests.bots import made_bot, running
from tests.conftest import require_program
from tests.integration.capture_world import prepare
from tests.people import person
from tests.streams import logged_in
from xmppgov.bot.archive import OwnArchive, beginning
from xmppgov.bot.deliveries import DELIVERY, Deliveries, question
from xmppgov.bot.outbox.model import State
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.xmpp.client import Account

BOT, ALICE, BOB = (f"{name}@gov.localhost" for name in ("alertes", "alice", "bob"))
BETWEEN, BEHIND = "0.01", "-0.95"
EXTRA = f"""
plugin_paths = {{ ENV_XMPPGOV_PROSODY .. "/modules", "{Path(__file__).parent / "prosody"}" }}
tests_fall = ENV_XMPPGOV_STATE

Component "fall.gov.localhost"
	modules_enabled = {{ "tests_fall" }}
"""


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prosody]:
    require_program(request.config, "prosody")
    server = Prosody(tmp_path / "server", Ports.free(), modules="delivery contacts")
    server.prepare()
    prepare(server, EXTRA)
    for jid in (BOT, ALICE, BOB):
        server.add_account(jid, "secret")
    server.start()
    yield server
    server.stop()


async def render(reference: str, recipient: str) -> str:
    return f"texte de {reference}"


async def _fallen(server: Prosody) -> None:
    """Wait until the server is dead, and start it again."""
    assert server.process is not None
    while server.process.poll() is None:
        await asyncio.sleep(0.02)
    server.start()


async def _archived(server: Prosody, jid: str) -> list[str]:
    """Return the ids of the bot's messages in somebody's archive."""
    async with logged_in(server, f"{jid}/reader") as account, _archive(account) as archive:
        found = [one async for one in archive.after(beginning(time.time() - 300))]
    return [m.message.get("id", "") for m in found if m.message.get("from", "").startswith(BOT)]


@asynccontextmanager
async def _archive(account: Account) -> AsyncIterator[OwnArchive]:
    archive = OwnArchive(account, account.boundjid.bare)
    account.add_filter("in", lambda stanza: (archive.take(stanza.xml), stanza)[1])
    yield archive


@pytest.mark.parametrize("moment", [BETWEEN, BEHIND])
async def test_what_the_server_lost_is_sent_again_and_nothing_else(
    server: Prosody, tmp_path: Path, moment: str
) -> None:
    async with (
        person(server, ALICE, tmp_path) as alice,
        made_bot(server, BOT, tmp_path, render=render) as bot,
        running(bot),
    ):
        database = bot.outbox._database
        (server.state / "fall").write_text(moment)
        async with database.transaction() as tx:
            await bot.outbox.add(tx, reference="a1", recipients=[ALICE], expires=time.time() + 600)
        bot.outbox.wake()
        await _fallen(server)
        async with asyncio.timeout(30):
            while not (await bot.outbox.counts("a1")).keys() & {State.ACCEPTED, State.DELIVERED}:
                await asyncio.sleep(0.05)
        if moment == BETWEEN:
            await alice.wait_for("texte de a1")
        [delivery] = await bot.outbox.states("a1")
        came = [m for m in alice.wire if m.get("id") == delivery.origin_id]
        assert len(came) == (moment == BETWEEN)
    assert await _archived(server, ALICE) == [delivery.origin_id]


async def _asked(account: Account, messages: dict[str, str], since: float) -> set[str]:
    return await Deliveries(account).missing(messages, since)


async def test_only_what_people_here_surely_did_not_get_is_missing(server: Prosody) -> None:
    async with logged_in(server, BOT) as bot, logged_in(server, ALICE):
        there, absent = uuid.uuid4().hex, uuid.uuid4().hex
        bot.send_raw(f'<message to="{ALICE}" id="{there}" type="chat"><body>x</body></message>')
        now = time.time() - 60
        missing = await _asked(
            bot,
            {
                there: ALICE,
                absent: ALICE,
                "a": "nobody@gov.localhost",
                "b": "eve@elsewhere.example",
            },
            now,
        )
        assert missing == {absent}
        assert await _asked(bot, {there: BOB}, now) == {there}, "it was for somebody else"


async def test_whoever_keeps_no_archive_misses_nothing(server: Prosody) -> None:
    async with logged_in(server, BOT) as bot, logged_in(server, BOB) as bob:
        iq = bob.make_iq_set()
        iq.append(ET.Element("{urn:xmpp:mam:2}prefs", {"default": "never"}))
        await iq.send()
        assert await _asked(bot, {"absent": BOB, "other": ALICE}, time.time()) == {"other"}


async def test_only_the_organisation_s_bots_may_ask(server: Prosody) -> None:
    async with logged_in(server, ALICE) as alice:
        iq = alice.make_iq_get(ito="gov.localhost")
        iq.append(question({"x": BOB}, time.time()))
        with pytest.raises(IqError) as refused:
            await iq.send()
        assert refused.value.condition == "forbidden"
        assert await _asked(alice, {"x": BOB}, time.time()) == set()


@pytest.mark.parametrize("wrong", ["since", "to", "id", "none", "many"])
async def test_a_malformed_question_is_refused(server: Prosody, wrong: str) -> None:
    asked = question({str(n): ALICE for n in range(101 if wrong == "many" else 1)}, time.time())
    if wrong == "since":
        asked.set("since", "yesterday")
    elif wrong == "none":
        asked.clear()
    elif wrong in ("to", "id"):
        del asked.find(f"{{{DELIVERY}}}message").attrib[wrong]  # type: ignore[union-attr]
    async with logged_in(server, BOT) as bot:
        iq = bot.make_iq_get(ito="gov.localhost")
        iq.append(asked)
        with pytest.raises(IqError) as refused:
            await iq.send()
        assert refused.value.condition == "bad-request"
