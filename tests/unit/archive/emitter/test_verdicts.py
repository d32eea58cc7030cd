"""What is told follows the server's policy: nothing unless it says so, to whom it names."""

from __future__ import annotations

import asyncio
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.archive.emitter.undecided import undecided
from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.archive.emitter.model import Event
from xmppgov.archive.emitter.store import SCHEMA, Spool, mark_path
from xmppgov.archive.emitter.verdicts import store as verdict_store
from xmppgov.archive.emitter.verdicts.model import GONE, LEVELS, Verdict, place
from xmppgov.archive.emitter.verdicts.service import Judge
from xmppgov.archive.emitter.verdicts.stanza import POLICY, parse_verdict, write_question
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

NOW, MAIN, SENATE = 1_763_902_258_542, "archive.gov.example", "archive.senat.example"
ALICE, ROOM = "alice@gov.example", "grp-1@rooms.gov.example"
JOINED = Event("joined", ALICE, room=ROOM)
LOOKUP = Event("lookup", ALICE, to="senator@senat.example")
BETWEEN = "gov.example senat.example"


@dataclass
class Policy:
    """What a server says; of a place that is not there, nothing."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)

    async def verdict(self, place: str) -> Verdict | None:
        return self.verdicts.get(place)


@dataclass
class World:
    database: Database
    events: Undecided
    policy: Policy
    spools: dict[str, Spool]
    judge: Judge

    async def told(self, archive: str) -> list[tuple[int, int, str]]:
        """Number, time and kind of what waits for an archive."""
        waiting = await self.spools[archive].next(99)
        return [(r.seq, r.t, r.kind) for r in waiting.records] if waiting else []


async def test_events_of_an_archive_that_is_listed_no_more_are_named(world: World) -> None:
    world.policy.verdicts[BETWEEN] = Verdict("full", SENATE)
    await world.events.tell([LOOKUP])
    assert await world.judge.step()
    assert await world.events.orphaned({"", SENATE}) == {}
    assert await world.events.orphaned({""}) == {SENATE: 1}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await Database.open(tmp_path / "service.db", SCHEMA)
    events, policy = Undecided(database, clock=lambda: NOW), Policy()
    spools = {MAIN: await events.spool(), SENATE: await events.spool(SENATE)}
    yield World(
        database, events, policy, spools, Judge(events=events, spools=spools, policy=policy)
    )
    await database.close()


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (JOINED, ROOM),
        (LOOKUP, BETWEEN),
        (Event("lookup", "governance.gov.example", to=ALICE), "governance.gov.example gov.example"),
        (Event("alert-ack", ALICE), "gov.example gov.example"),
    ],
)
def test_a_place_is_a_room_or_two_domains(event: Event, where: str) -> None:
    assert place(event) == where


async def test_each_archive_gets_its_own_with_numbers_of_its_own(world: World) -> None:
    world.policy.verdicts = {ROOM: Verdict("full", SENATE), BETWEEN: Verdict("full", MAIN)}
    await world.events.tell([JOINED, LOOKUP, JOINED])
    assert await world.judge.step()
    assert await world.told(MAIN) == [(1, NOW, "lookup")]
    assert await world.told(SENATE) == [(1, NOW, "joined"), (2, NOW, "joined")]
    assert await undecided(world.database) == []


@pytest.mark.parametrize("verdict", [Verdict("counts", MAIN), Verdict("none", MAIN), GONE])
async def test_what_is_not_to_be_kept_is_nowhere(
    world: World, tmp_path: Path, verdict: Verdict
) -> None:
    world.policy.verdicts = {ROOM: verdict}
    await world.events.tell([JOINED])
    assert ALICE.encode() in b"".join(f.read_bytes() for f in tmp_path.iterdir())
    assert await world.judge.step()
    assert await world.told(MAIN) == await world.told(SENATE) == []
    assert (await world.spools[MAIN].epochs())[-1].last == 0
    assert ALICE.encode() not in b"".join(f.read_bytes() for f in tmp_path.iterdir())


@pytest.mark.parametrize("verdict", [None, Verdict("full", "archive.other.example")])
async def test_what_nobody_knows_waits_and_holds_up_nothing_else(
    world: World, verdict: Verdict | None
) -> None:
    world.policy.verdicts = {BETWEEN: Verdict("full", MAIN)}
    if verdict:
        world.policy.verdicts[ROOM] = verdict
    await world.events.tell([JOINED, LOOKUP])
    assert not await world.judge.step()
    assert await world.told(MAIN) == [(1, NOW, "lookup")]
    assert await undecided(world.database) == [JOINED._replace(t=NOW)]
    world.policy.verdicts[ROOM] = Verdict("full", MAIN)
    assert await world.judge.step()
    assert await world.told(MAIN) == [(1, NOW, "lookup"), (2, NOW, "joined")]


async def test_it_decides_when_the_stream_is_there(world: World) -> None:
    world.policy.verdicts = {ROOM: Verdict("full", MAIN)}
    work = asyncio.create_task(world.judge.run())
    await world.events.tell([JOINED])
    await asyncio.sleep(0)
    assert await world.told(MAIN) == []
    world.judge.connected()
    for expected in (1, 2):
        async with asyncio.timeout(10):
            while len(await world.told(MAIN)) < expected:
                await asyncio.sleep(0.001)
        await world.events.tell([JOINED])
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_many_are_decided_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_store, "AT_ONCE", 2)
    world.policy.verdicts = {ROOM: Verdict("full", MAIN)}
    await world.events.tell([JOINED] * 5)
    before = world.database.transactions
    assert await world.judge.step()
    assert [seq for seq, *_ in await world.told(MAIN)] == [1, 2, 3, 4, 5]
    assert world.database.transactions - before >= 4


@pytest.mark.parametrize("write", ["INSERT ON spool", "DELETE ON spool_undecided"])
async def test_a_write_that_fails_decides_nothing(world: World, write: str) -> None:
    world.policy.verdicts = {ROOM: Verdict("full", MAIN)}
    await world.events.tell([JOINED])
    await world.database.execute(
        f"CREATE TRIGGER broken BEFORE {write} BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        await world.judge.step()
    assert await world.told(MAIN) == []
    await world.database.execute("DROP TRIGGER broken")
    assert await world.judge.step()
    assert await world.told(MAIN) == [(1, NOW, "joined")]


async def test_a_database_of_before_goes_on_for_the_main_archive(tmp_path: Path) -> None:
    before = Schema(SCHEMA.owner, SCHEMA.scripts[:1])
    database = await Database.open(tmp_path / "service.db", before)
    await database.execute("INSERT INTO spool_epochs VALUES (7, 1, 2)")
    await database.execute(
        "INSERT INTO spool VALUES (7, 2, 'id', 5, 'joined', ?, NULL, ?, NULL, NULL, NULL)",
        (ALICE, ROOM),
    )
    await database.close()
    database = await Database.open(tmp_path / "service.db", SCHEMA)
    waiting = await (await Undecided(database).spool()).next(9)
    assert waiting is not None
    assert [(r.seq, r.sender, r.room) for r in waiting.records] == [(2, ALICE, ROOM)]
    assert waiting.epoch[:3] == (7, 1, 2)
    await database.close()


async def test_each_spool_has_a_mark_of_its_own(world: World, tmp_path: Path) -> None:
    await world.spools[SENATE].note()
    assert mark_path(tmp_path / "service.db").exists()
    assert mark_path(tmp_path / "service.db", SENATE).name == f"service.db.{SENATE}.mark"
    assert mark_path(tmp_path / "service.db", SENATE).exists()


@given(st.sampled_from(sorted(LEVELS)), st.from_regex(r"[a-z]+(\.[a-z]+)*", fullmatch=True))
def test_an_answer_is_read(level: str, archive: str) -> None:
    answer = ET.Element(POLICY, level=level, archive=archive)
    assert parse_verdict(answer) == Verdict(level, archive)


@pytest.mark.parametrize(
    "text",
    [
        "<policy level='full' archive='a.b'/>",
        "<policy xmlns='urn:xmppgov:archive:0' level='all' archive='a.b'/>",
        "<policy xmlns='urn:xmppgov:archive:0' level='full'/>",
        "<policy xmlns='urn:xmppgov:archive:0' archive='a.b'/>",
    ],
)
def test_what_is_no_answer_says_nothing(text: str) -> None:
    assert parse_verdict(ET.fromstring(text)) is None
    assert parse_verdict(None) is None


def test_a_question_names_a_room_or_two_domains() -> None:
    assert write_question(ROOM).attrib == {"room": ROOM}
    assert write_question(BETWEEN).attrib == {"from": "gov.example", "to": "senat.example"}


def test_an_archive_is_named_once() -> None:
    assert EmitterSection(archive=MAIN, others=(SENATE,)).others == (SENATE,)
    with pytest.raises(ValueError, match="nommée deux fois"):
        EmitterSection(archive=MAIN, others=(MAIN,))
    with pytest.raises(ValueError, match="match"):
        EmitterSection(archive="archive@gov.example")
