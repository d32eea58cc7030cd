"""Who becomes a member of a room, and who ceases to be, is in the archive: once, whatever fails."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.archive import pseudonyms, records
from tests.governance import Governance, governance
from tests.integration.test_archive_process import Running
from tests.keys import publish_keys
from tests.rooms import until
from tests.streams import logged_in
from tests.strict import assert_strict
from xmppgov.demo.prosody import Prosody
from xmppgov.rooms.model import Standing
from xmppgov.xmpp.client import Account

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [ALICE, BOB]
PROSODY_MODULES = "capture rooms keys policy contacts"
GOVERNANCE = "governance.gov.localhost"
EMITTER = '[emitter]\narchive = "archive.gov.localhost"\n'


@pytest.fixture
def archive(prosody: Prosody, tmp_path: Path) -> Iterator[Running]:
    """An archive that takes nothing but memberships; it is not started yet."""
    running = Running(prosody, tmp_path)
    text = running.config.read_text().replace(f'["{GOVERNANCE}"]', '["gov.localhost"]')
    running.config.write_text(f'{text}[archive.emitters]\n"{GOVERNANCE}" = ["joined", "left"]\n')
    yield running
    if running.process and running.process.poll() is None:
        running.kill(15)


@pytest_asyncio.fixture
async def world(prosody: Prosody, tmp_path: Path) -> AsyncIterator[Governance]:
    with governance(prosody, tmp_path, EMITTER) as running:
        yield running


@pytest_asyncio.fixture
async def alice(prosody: Prosody) -> AsyncIterator[Account]:
    async with logged_in(prosody, ALICE) as account, logged_in(prosody, BOB) as bob:
        await publish_keys(account)
        await publish_keys(bob)
        yield account


def memberships(archive: Running, room: str) -> list[tuple[str, str]]:
    """What the archive has of a room: "joined" or "left", and whose address."""
    every = records(archive.config)  # first: its keys are there then
    rooms = pseudonyms(archive.config, "room", f"{room}@rooms.gov.localhost")
    people = {p: jid for jid in ACCOUNTS for p in pseudonyms(archive.config, "person", jid)}
    return [
        (str(r["kind"]).removeprefix("room."), people[r["from"]])
        for r in every
        if r.get("room") in rooms
    ]


async def recorded(archive: Running, room: str, *wanted: tuple[str, str]) -> None:
    """Wait until the archive has exactly this, and find it whole."""

    async def all_there() -> bool:
        started = archive.folder.joinpath("archive-log", "tiles", "checkpoint").exists()
        return started and len(memberships(archive, room)) >= len(wanted)

    await until(all_there, 30)
    found = memberships(archive, room)
    assert sorted(found) == sorted(wanted)
    report = archive.json("verify")
    assert report["ok"], report["findings"]
    assert report["missing"] == 0


def _balance(found: list[tuple[str, str]], jid: str) -> int:
    return found.count(("joined", jid)) - found.count(("left", jid))


def broken(world: Governance, write: str) -> None:
    """Let a statement of the component fail from now on, or none any more."""
    with closing(sqlite3.connect(world.database)) as other:
        other.execute("DROP TRIGGER IF EXISTS broken")
        if write:
            other.execute(
                f"CREATE TRIGGER broken BEFORE {write} BEGIN SELECT RAISE(ABORT, 'disk'); END"
            )


async def named(alice: Account, room: str, *wanted: str) -> None:
    """Wait until the server's own list is this."""

    async def listed() -> bool:
        return set(await assert_strict(alice, f"{room}@rooms.gov.localhost")) == set(wanted)

    await until(listed)


async def test_who_comes_and_who_goes(world: Governance, archive: Running, alice: Account) -> None:
    archive.start()
    for person in ("alice", "bob", "nobody"):
        world.institution.seat(person, "grp-1")
    await world.institution.import_now()
    for person in ("alice", "bob"):
        await world.stands("grp-1", person, Standing.ADMITTED)
    await recorded(archive, "grp-1", ("joined", ALICE), ("joined", BOB))
    world.institution.unseat("bob", "grp-1")
    await world.institution.import_now()
    await recorded(archive, "grp-1", ("joined", ALICE), ("joined", BOB), ("left", BOB))
    status = archive.json("status")
    waiting = {s["server"]: s["waiting"] for s in status["spools"]}
    assert waiting == {GOVERNANCE: 0, "gov.localhost": 0}


async def test_an_archive_that_is_away_holds_nobody_up(
    world: Governance, archive: Running, alice: Account
) -> None:
    for person in ("alice", "bob"):
        world.institution.seat(person, "grp-2")
    await world.institution.import_now()
    for person in ("alice", "bob"):
        await world.stands("grp-2", person, Standing.ADMITTED)
    world.rooms.kill()  # between the effect and the drain
    world.rooms.start()
    world.institution.unseat("bob", "grp-2")
    await world.institution.import_now()
    await world.stands("grp-2", "bob", None)
    archive.start()
    await recorded(archive, "grp-2", ("joined", ALICE), ("joined", BOB), ("left", BOB))
    archive.kill()
    world.institution.seat("bob", "grp-2")
    await world.institution.import_now()
    await world.stands("grp-2", "bob", Standing.ADMITTED)
    archive.start()
    wanted = ("joined", ALICE), ("joined", BOB), ("left", BOB), ("joined", BOB)
    await recorded(archive, "grp-2", *wanted)


@pytest.mark.parametrize("room", ["applied-rooms", "insert-spool"])
async def test_killed_before_it_is_noted_and_changed_meanwhile(
    world: Governance, archive: Running, alice: Account, room: str
) -> None:
    """The server has let Bob in, and nobody noted it; when he is to leave, both are recorded."""
    archive.start()
    world.institution.seat("alice", room)
    await world.institution.import_now()
    await world.stands(room, "alice", Standing.ADMITTED)
    broken(
        world,
        "UPDATE OF applied ON rooms" if room == "applied-rooms" else "INSERT ON spool_undecided",
    )
    world.institution.seat("bob", room)
    await world.institution.import_now()
    await named(alice, room, ALICE, BOB)
    world.rooms.kill()
    world.institution.unseat("bob", room)
    await world.institution.import_now()
    broken(world, "")
    world.rooms.start()
    await named(alice, room, ALICE)
    await recorded(archive, room, ("joined", ALICE), ("joined", BOB), ("left", BOB))


async def test_a_restored_database_begins_a_new_epoch(
    world: Governance, archive: Running, alice: Account, tmp_path: Path
) -> None:
    archive.start()
    world.institution.seat("alice", "grp-4")
    await world.institution.import_now()
    await world.stands("grp-4", "alice", Standing.ADMITTED)
    await recorded(archive, "grp-4", ("joined", ALICE))  # decided, so it is told once
    world.rooms.stop()
    shutil.copy(world.database, tmp_path / "backup")
    world.rooms.start()
    world.institution.seat("bob", "grp-4")
    await world.institution.import_now()
    await world.stands("grp-4", "bob", Standing.ADMITTED)
    await recorded(archive, "grp-4", ("joined", ALICE), ("joined", BOB))
    world.rooms.stop()
    for file in world.database.parent.glob("rooms.sqlite-*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", world.database)
    world.institution.unseat("alice", "grp-4")
    await world.institution.import_now()
    world.rooms.start()
    await world.stands("grp-4", "alice", None)
    await world.stands("grp-4", "bob", Standing.ADMITTED)
    found: list[tuple[str, str]] = []

    async def all_there() -> bool:
        """Alice left. Bob's entry, which the database had forgotten, is told a second time."""
        found[:] = memberships(archive, "grp-4")
        balance = {
            jid: found.count(("joined", jid)) - found.count(("left", jid)) for jid in ACCOUNTS
        }
        return balance == {ALICE: 0, BOB: 2}

    await until(all_there)
    assert found[:2] == [("joined", ALICE), ("joined", BOB)]
    report = archive.json("verify")
    assert (report["ok"], report["restarts"], report["missing"]) == (True, 1, 0), report
    epochs = [e for e in archive.json("status")["emitters"] if e["server"] == GOVERNANCE]
    assert [epoch["last"] for epoch in epochs] == [2, len(found) - 2]
    assert "ALARM" in world.rooms.log.read_text()


async def test_memberships_survive_any_kills(
    world: Governance, archive: Running, alice: Account
) -> None:
    archive.start()
    world.institution.seat("alice", "grp-5")
    await world.institution.import_now()
    await world.stands("grp-5", "alice", Standing.ADMITTED)
    wanted = [("joined", ALICE)]
    for turn in range(4):
        if turn % 2:
            world.institution.unseat("bob", "grp-5")
        else:
            world.institution.seat("bob", "grp-5")
        await world.institution.import_now()
        await asyncio.sleep(0.1 * turn)
        world.rooms.kill()
        archive.kill()
        archive.start()
        world.rooms.start()
        await named(alice, "grp-5", ALICE, *([] if turn % 2 else [BOB]))
        wanted.append(("left" if turn % 2 else "joined", BOB))
    await recorded(archive, "grp-5", *wanted)
