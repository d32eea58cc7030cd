"""Who looks up protected people is in the archive: by search, by the bot, by a machine; kills."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError, IqTimeout

from tests.archive import pseudonyms, records
from tests.directory import (
    PEOPLE,
    ask,
    column,
    form,
    import_into,
    protect,
    running_directory,
    write_files,
)
from tests.governance import Service
from tests.integration.test_archive_process import Running
from tests.rooms import until
from tests.streams import component_section, connected, logged_in
from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.demo.prosody import Prosody
from xmppgov.directory.client import DirectoryClient
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component
from xmppgov_directory.store import Store

ALICE, BOB, BOT = (f"{name}@gov.localhost" for name in ("alice", "bob", "annuaire"))
ACCOUNTS = [ALICE, BOB, BOT]
PROSODY_MODULES = "capture"
DIRECTORY, GOVERNANCE = "directory.gov.localhost", "governance.gov.localhost"
GAULLE = f"p3@{DIRECTORY}"
EMITTER = EmitterSection(archive="archive.gov.localhost")
JEAN = "jean.dupont@gov.localhost"
KNOWN = [*ACCOUNTS, GAULLE, JEAN, GOVERNANCE]


@pytest.fixture
def archive(prosody: Prosody, tmp_path: Path) -> Iterator[Running]:
    """An archive that takes look-ups from the directory; it is started."""
    running = Running(prosody, tmp_path)
    text = running.config.read_text().replace(f'["{GOVERNANCE}"]', '["gov.localhost"]')
    running.config.write_text(f'{text}[archive.emitters]\n"{DIRECTORY}" = ["lookup"]\n')
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        running.kill(15)


async def recorded(archive: Running, *wanted: tuple[str, str]) -> None:
    """Wait until the archive has these look-ups and no other: who asked, for whom."""

    async def all_there() -> list[tuple[str, str]] | None:
        if not (archive.folder / "archive-log" / "tiles" / "checkpoint").exists():
            return None
        found = records(archive.config)  # first: its keys are there then
        people = {p: jid for jid in KNOWN for p in pseudonyms(archive.config, "person", jid)}
        found = [r for r in found if not r["kind"].startswith("msg.")]
        assert {r["kind"] for r in found} <= {"dir.access"}
        told = [(people[r["from"]], people[r["to"]]) for r in found]
        return told if len(told) >= len(wanted) else None

    assert Counter(await until(all_there, 40)) == Counter(wanted)
    report = archive.json("verify")
    assert (report["ok"], report["missing"]) == (True, 0), report


@asynccontextmanager
async def machine(server: Prosody) -> AsyncIterator[DirectoryClient]:
    """A component of the directory's machines."""
    section = component_section(server, "governance", "rooms")
    stream = Component(section, name="g", identity=("component", "generic"))
    async with connected(stream):
        yield DirectoryClient(stream, DIRECTORY, timeout=10)


async def test_every_door_says_who_asked(
    prosody: Prosody, archive: Running, tmp_path: Path
) -> None:
    files = write_files(tmp_path / "files", protect(PEOPLE, "p5", "p3"))
    async with (
        running_directory(prosody, tmp_path, files=files, emitter=EMITTER),
        machine(prosody) as client,
        logged_in(prosody, ALICE) as alice,
        logged_in(prosody, BOT) as bot,
    ):
        assert column(await ask(alice, "set", form(q="durand")), "name") == ["Alice Durand"]
        found = await ask(alice, "set", form(q="gaulle"))
        assert column(found, "name") == ["Charles de Gaulle"]
        legacy = "<query xmlns='jabber:iq:search'><last>dupont</last><first>jean</first></query>"
        assert len(await ask(alice, "set", legacy)) == 2
        for_bob = await DirectoryClient(bot, DIRECTORY).search("gaulle", asker=BOB)
        assert for_bob.count == 1
        await client.person(JEAN)
        await client.person(ALICE)
        await client.audience("group:grp-2")
        wanted = (ALICE, GAULLE), (ALICE, JEAN), (BOB, GAULLE)
        await recorded(archive, *wanted, (GOVERNANCE, JEAN), (GOVERNANCE, GAULLE))
        status = archive.json("status")
        assert (DIRECTORY, 0) in [(s["server"], s["waiting"]) for s in status["spools"]]


async def test_a_service_of_the_configuration_looks_nobody_up(
    prosody: Prosody, archive: Running, tmp_path: Path
) -> None:
    files = write_files(tmp_path / "files", protect(PEOPLE, "p5", "p3"))
    running = running_directory(
        prosody, tmp_path, files=files, emitter=EMITTER, services=[GOVERNANCE]
    )
    async with running, machine(prosody) as client, logged_in(prosody, ALICE) as alice:
        await client.person(JEAN)
        await client.members("grp-2")
        await ask(alice, "set", form(q="gaulle"))
        await recorded(archive, (ALICE, GAULLE))


async def shown(alice: Account) -> bool:
    """Search for somebody protected; say whether there was an answer."""
    try:
        return column(await ask(alice, "set", form(q="gaulle")), "name") == ["Charles de Gaulle"]
    except (IqError, IqTimeout):
        return False


async def test_what_was_shown_is_recorded_whatever_is_killed(
    prosody: Prosody, archive: Running, tmp_path: Path
) -> None:
    config, secret = tmp_path / "directory.toml", prosody.state / "secrets" / "directory"
    config.write_text(
        f'[xmpp]\njid = "{DIRECTORY}"\nport = {prosody.ports.component}\n'
        f'secret_file = "{secret}"\n[directory]\ndatabase = "directory.sqlite"\n'
        'domains = ["gov.localhost"]\nsearches_per_minute = 1000\n'
        '[emitter]\narchive = "archive.gov.localhost"\n'
    )
    store = await Store.open(tmp_path / "directory.sqlite")
    await import_into(store, write_files(tmp_path / "files", protect(PEOPLE, "p3")))
    await store.close()
    service = Service("xmppgov_directory", config, tmp_path / "directory.log")
    async with logged_in(prosody, ALICE) as alice:
        answers = 0
        for turn in range(6):
            service.start()
            await until(lambda: shown(alice), 30)
            answers += 1
            for _ in range(turn):
                answers += await shown(alice)
            if turn % 2:
                archive.kill()
            service.kill()
            if turn % 2:
                archive.start()
        service.start()
        try:
            await recorded(archive, *[(ALICE, GAULLE)] * answers)
        finally:
            service.stop()


async def test_an_archive_that_does_not_know_the_directory_stops_no_search(
    prosody: Prosody, archive: Running, tmp_path: Path
) -> None:
    archive.kill()
    text = archive.config.read_text()
    archive.config.write_text(text.replace(f'"{DIRECTORY}" =', '"other.gov.localhost" ='))
    archive.start()
    files = write_files(tmp_path / "files", protect(PEOPLE, "p3"))
    async with (
        running_directory(prosody, tmp_path, files=files, emitter=EMITTER),
        logged_in(prosody, ALICE) as alice,
    ):
        for _ in range(3):
            assert await shown(alice)
            await asyncio.sleep(0.1)
        archive.kill()
        archive.config.write_text(text)
        archive.start()
        await recorded(archive, *[(ALICE, GAULLE)] * 3)
