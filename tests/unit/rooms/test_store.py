"""The governance database: what it keeps, what it forgets, and what a failed write leaves."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.unit.archive.emitter.undecided import undecided
from xmppgov.archive.emitter.model import Event
from xmppgov.rooms.model import NO_ACCOUNT, READY, UNASKED, Keys, Member, Person, Readiness, Reason
from xmppgov.rooms.model import Room as Whole
from xmppgov.rooms.policy import Stage
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_rooms.model import Body, planned
from xmppgov_rooms.plan import plan
from xmppgov_rooms.store import SCHEMA, RoomsStore

ALICE, BOB = "alice@x", "bob@x"
GROUP = Body("Groupe", "group")
LISTED = {"g": [Person("p1", "Alice", "chair", ALICE), Person("p2", "Bob", "member", BOB)]}
JOINED = Event("joined", ALICE, room="g@rooms.x")
MISSING = Readiness(Keys.MISSING, Reason.NO_DEVICE_LIST)
UNKNOWN = Readiness(Keys.UNKNOWN, Reason.NO_ANSWER)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[RoomsStore]:
    store = await RoomsStore.open(tmp_path / "rooms.sqlite")
    yield store
    await store.close()


async def stages(store: RoomsStore) -> dict[str, Stage]:
    return {seat.person: seat.stage for seat in await store.seats("g")}


async def events(store: RoomsStore) -> list[tuple[str, str, str | None]]:
    """What waits for the archive."""
    return [(e.kind, e.sender, e.room) for e in await undecided(store._database)]


async def test_a_listing_makes_seats(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, {"g": [*LISTED["g"], Person("p3", "Zoé")]})
    seats = {seat.person: seat for seat in await store.seats("g")}
    assert seats["p1"].role == "chair"
    assert seats["p1"].readiness == UNASKED
    assert seats["p3"].stage is Stage.NO_ACCOUNT
    assert seats["p3"].readiness == NO_ACCOUNT
    assert await store.addresses() == [ALICE, BOB]


async def test_who_is_no_longer_listed_stays_until_it_is_undone(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    seats = await store.seats("g")
    await store.move([(seats[1], Stage.ADMITTED)])
    await store.replace_listing({}, {})
    await store.forget_vacant("g")
    assert await stages(store) == {"p2": Stage.ADMITTED}
    assert not (await store.seats("g"))[0].listed


async def test_a_seat_moves_only_from_the_stage_that_was_read(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    alice, _ = await store.seats("g")
    await store.move([(alice, Stage.READY)])
    await store.move([(alice, Stage.LEFT)])
    assert (await stages(store))["p1"] is Stage.READY


async def test_what_was_confirmed_is_kept_with_the_stages(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    alice, _ = await store.seats("g")
    room = Whole("g", "Groupe", (Member(ALICE, "Alice", "chair"),), "group")
    await store.save_applied(room, [(alice, Stage.AFFILIATED)])
    assert await store.applied("g") == room
    assert (await stages(store))["p1"] is Stage.AFFILIATED


async def test_a_room_confirmed_before_rooms_had_a_kind_is_set_again(tmp_path: Path) -> None:
    path = tmp_path / "before.sqlite"
    older = await Database.open(path, Schema(SCHEMA.owner, SCHEMA.scripts[:1]))
    await older.execute(
        "INSERT INTO rooms (id, name, listed, applied) VALUES ('g', 'Groupe', 1, ?)",
        ('{"id": "g", "members": [], "name": "Groupe", "version": 1}',),
    )
    await older.close()
    store = await RoomsStore.open(path)
    await store.replace_listing({"g": GROUP}, {"g": []})
    assert await store.applied("g") == Whole("g", "Groupe")
    assert planned("g", await store.body("g"), []) == Whole("g", "Groupe", (), "group")
    await store.close()


@pytest.mark.parametrize(
    "write", ["UPDATE OF applied ON rooms", "UPDATE OF stage ON seats", "INSERT ON spool_undecided"]
)
async def test_a_failed_write_keeps_nothing(store: RoomsStore, tmp_path: Path, write: str) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    alice, _ = await store.seats("g")
    with sqlite3.connect(tmp_path / "rooms.sqlite") as other:
        other.execute(
            f"CREATE TRIGGER broken BEFORE {write} BEGIN SELECT RAISE(ABORT, 'disk'); END"
        )
    saved = Whole("g", "Groupe"), [(alice, Stage.AFFILIATED)], [JOINED]
    with pytest.raises(sqlite3.IntegrityError):
        await store.save_applied(*saved)
    assert await store.applied("g") is None
    assert (await stages(store))["p1"] is Stage.WAITING
    assert await events(store) == []
    with sqlite3.connect(tmp_path / "rooms.sqlite") as other:
        other.execute("DROP TRIGGER broken")
    await store.save_applied(*saved)
    assert await events(store) == [("joined", ALICE, "g@rooms.x")]


async def test_readiness(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    assert await store.save_readiness({ALICE: UNKNOWN}, 1.0) == [ALICE]
    assert await store.addresses(unasked_only=True) == [ALICE, BOB]
    assert await store.save_readiness({ALICE: READY, BOB: MISSING}, 2.0) == [ALICE, BOB]
    assert await store.save_readiness({ALICE: UNKNOWN}, 3.0) == []
    assert await store.addresses(unasked_only=True) == []
    assert {s.jid: s.readiness for s in await store.seats("g")} == {ALICE: READY, BOB: MISSING}


async def test_a_nudge_is_taken_once_a_week(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    await store.save_readiness({ALICE: MISSING, BOB: NO_ACCOUNT}, 100.0)
    assert await store.take_nudge(150.0, after=60, every=1000) is None
    assert await store.take_nudge(160.0, after=60, every=1000) == ALICE
    assert await store.take_nudge(161.0, after=60, every=1000) is None
    await store.save_readiness({ALICE: READY}, 200.0)
    await store.save_readiness({ALICE: MISSING}, 300.0)
    assert await store.take_nudge(400.0, after=60, every=1000) is None
    assert await store.take_nudge(1160.0, after=60, every=1000) == ALICE
    await store.replace_listing({}, {})
    assert await store.take_nudge(9999.0, after=60, every=1000) is None


async def test_the_plan_says_what_would_change(store: RoomsStore) -> None:
    await store.replace_listing({"g": GROUP}, LISTED)
    await store.save_readiness({ALICE: READY, BOB: MISSING}, 1.0)
    (room,) = await plan(store)
    assert room.change.added == (ALICE,)
    assert {seat.jid: str(standing) for seat, standing in room.people} == {
        ALICE: "admitted",
        BOB: "waiting for keys",
    }
