"""What the server has taken is told once, with the commit that notes it, and never guessed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from xmppgov.bot.archive import ArchiveGone
from xmppgov.bot.notices import Notices
from xmppgov.bot.outbox.acceptance import CLOCKS, Acceptance
from xmppgov.bot.outbox.model import Delivery, Departure, State, Unsettled
from xmppgov.bot.outbox.outbox import Outbox
from xmppgov.bot.outbox.store import AwaitedStore, OutboxStore
from xmppgov.bot.store import SCHEMAS
from xmppgov.i18n import Text
from xmppgov.storage.database import Database

ALICE = "alice@gov.example"


class Own:
    """The bot's own archive: the ids that it has, or None where it does not answer."""

    def __init__(self) -> None:
        self.has: set[str] | None = set()
        self.asked: list[tuple[set[str], float]] = []

    async def sent(self, ids: set[str], since: float) -> set[str]:
        self.asked.append((ids, since))
        if self.has is None:
            raise ArchiveGone(Text("xmppgov", "gone"))
        return ids & self.has


class Lost:
    """The server's word on what it took and lost: the ids of messages."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    async def missing(self, messages: Mapping[str, str], since: float) -> set[str]:
        return messages.keys() & self.ids


class World:
    def __init__(self, database: Database) -> None:
        self.database, self.own, self.lost = database, Own(), Lost()
        self.told: list[Departure] = []
        self.acceptance = Acceptance(
            store=AwaitedStore(database),
            archive=self.own,  # type: ignore[arg-type]
            deliveries=self.lost,  # type: ignore[arg-type]
            on_accepted=self.tell,
        )
        unused: Any = None
        self.outbox = Outbox(
            database=database, omemo=unused, account=unused, acceptance=self.acceptance,
            render=None, notices=Notices(),
        )  # fmt: skip

    async def tell(self, _tx: Database, departures: Sequence[Departure]) -> None:
        self.told += departures

    async def leave(self, id: str, reference: str = "a1", recipient: str = ALICE) -> None:
        """Commit a ciphertext, as the outbox does before it is sent."""
        store = OutboxStore(self.database)
        async with self.database.transaction() as tx:
            await store.add(tx, [(reference, recipient, id)], 0.0, 9e12)
            moved = await store.move(tx, State.ENCRYPTED, {id: {"stanza": "<m/>"}}, 0.0)
            await self.acceptance.expect(tx, [Departure.of(row, "<m/>") for row in moved])

    async def change(self, state: State, *ids: str, **change: object) -> None:
        await self.outbox._ledger.change(state, dict.fromkeys(ids, change))

    @property
    def ids(self) -> list[str]:
        return [departure.id for departure in self.told]

    async def awaited(self) -> set[str]:
        return set(await AwaitedStore(self.database).all())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = await Database.open(tmp_path / "bot.db", *SCHEMAS)
    yield World(database)
    await database.close()


async def test_an_acknowledgement_is_told_once(world: World) -> None:
    await world.leave("m1")
    assert world.told == []
    for state in (State.SENT, State.ACCEPTED, State.ACCEPTED, State.DELIVERED, State.ACKNOWLEDGED):
        await world.change(state, "m1")
    assert world.told == [Departure("m1", "a1", ALICE, 4, True)]
    assert await world.awaited() == set()


@pytest.mark.parametrize("state", [State.DELIVERED, State.ACKNOWLEDGED])
async def test_what_the_recipient_has_the_server_had(world: World, state: State) -> None:
    await world.leave("m1")
    await world.change(state, "m1")
    await world.change(State.ACCEPTED, "m1")
    assert world.ids == ["m1"]


async def test_a_receipt_of_somebody_else_shows_nothing(world: World) -> None:
    await world.leave("m1")
    await world.change(State.DELIVERED, "m1", by="eve@gov.example")
    assert world.ids == []


@pytest.mark.parametrize("fate", [State.FAILED, State.EXPIRED])
async def test_what_the_server_had_before_it_was_given_up_is_told(
    world: World, fate: State
) -> None:
    await world.leave("m1")
    await world.change(fate, "m1", reason="gone")
    assert world.ids == []
    await world.change(State.ACCEPTED, "m1")
    assert world.ids == ["m1"]
    assert (await world.outbox.states("a1"))[0].state is fate


async def test_answers_to_messages_are_nobodys_affair(world: World) -> None:
    await world.leave("m1", reference="reply:s1")
    await world.change(State.ACCEPTED, "m1")
    assert world.told == []


async def test_who_does_not_ask_keeps_nothing(world: World) -> None:
    quiet = Acceptance(
        store=AwaitedStore(world.database),
        archive=world.own,  # type: ignore[arg-type]
        deliveries=world.lost,  # type: ignore[arg-type]
        on_accepted=None,
    )
    async with world.database.transaction() as tx:
        await quiet.expect(tx, [Departure("m1", "a1", ALICE, 4, True)])
        await quiet.take(tx, ["m1"])
    assert await world.awaited() == set()


async def test_on_a_new_connection_the_servers_own_archive_says_it(world: World) -> None:
    for n in range(1, 5):
        await world.leave(f"m{n}", recipient=f"p{n}@gov.example")
    await world.change(State.EXPIRED, "m3", "m4")
    world.own.has = {"m1", "m3"}
    there = await world.acceptance.look_up(
        {"m1": Unsettled("p1", 5000.0), "m2": Unsettled("p2", 6000.0)}
    )
    await world.change(State.ACCEPTED, *there)
    assert sorted(world.ids) == ["m1", "m3"]
    assert await world.awaited() == {"m2"}, "it is sent again; the fourth never left"
    ids, since = world.own.asked[0]
    assert (ids, since) == ({"m1", "m2", "m3", "m4"}, 5000.0 - CLOCKS)


async def test_what_never_reached_its_recipient_was_not_taken(world: World) -> None:
    await world.leave("m1")
    await world.leave("m2", recipient="p2@gov.example")
    world.own.has, world.lost.ids = {"m1", "m2"}, {"m2"}
    there = await world.acceptance.look_up({"m2": Unsettled("p2@gov.example", 5000.0)})
    assert there == {"m1"}
    assert await world.awaited() == {"m1", "m2"}


async def test_an_archive_that_does_not_answer_settles_nothing(world: World) -> None:
    await world.leave("m1")
    await world.change(State.EXPIRED, "m1")
    world.own.has = None
    assert await world.acceptance.look_up({}) == set()
    assert await world.awaited() == {"m1"}
    assert world.told == []


async def test_nothing_is_asked_where_nothing_is_open(world: World) -> None:
    assert await world.acceptance.look_up({}) == set()
    assert world.own.asked == []


async def test_a_notice_counts_as_well(world: World) -> None:
    row = Delivery("a1", ALICE, "m1", State.UNREACHABLE, None, 0.0, time.time(), 9e12)
    async with world.database.transaction() as tx:
        await world.acceptance.expect(tx, [Departure.of(row, "é", "n1")])
    await world.change(State.ACCEPTED, "n1")
    assert world.told == [Departure("n1", "a1", ALICE, 2, False)]


@pytest.mark.parametrize("table", ["awaited", "outbox"])
async def test_a_write_that_fails_tells_nothing(world: World, tmp_path: Path, table: str) -> None:
    await world.leave("m1")
    event = "DELETE ON awaited" if table == "awaited" else "UPDATE ON outbox"
    with sqlite3.connect(tmp_path / "bot.db") as other:
        other.execute(
            f"CREATE TRIGGER broken BEFORE {event} BEGIN SELECT RAISE(ABORT, 'disk'); END"
        )
    with pytest.raises(sqlite3.IntegrityError):
        await world.change(State.ACCEPTED, "m1")
    assert world.told == []
    with sqlite3.connect(tmp_path / "bot.db") as other:
        other.execute("DROP TRIGGER broken")
    await world.change(State.ACCEPTED, "m1")
    assert world.ids == ["m1"]


async def test_what_the_owner_cannot_take_is_told_again(world: World) -> None:
    async def fail(_tx: Database, _departures: Sequence[Departure]) -> None:
        raise RuntimeError

    await world.leave("m1")
    world.acceptance._on_accepted = fail
    with pytest.raises(RuntimeError):
        await world.change(State.ACCEPTED, "m1")
    assert (await world.outbox.states("a1"))[0].state is State.ENCRYPTED
    world.acceptance._on_accepted = world.tell
    await world.change(State.ACCEPTED, "m1")
    assert world.ids == ["m1"]
