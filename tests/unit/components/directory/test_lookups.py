"""Look-ups of protected people: who asked for whom is on disk before anything is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.directory import DAY, PEOPLE, import_into, protect, write_files
from tests.unit.archive.emitter.undecided import undecided
from xmppgov.archive.emitter.store import SCHEMA as EMITTER
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.directory.model import Cut
from xmppgov.errors import NotAllowed, NotFound
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_directory.config import DirectorySection
from xmppgov_directory.limits import Limiter
from xmppgov_directory.query import parse
from xmppgov_directory.service import DirectoryService
from xmppgov_directory.store import SCHEMA, Store

ASKER, BOT, SERVICE = "eve@gov.localhost", "bot@gov.localhost", "governance.gov.localhost"
ALICE, GAULLE = "alice@gov.localhost", "p3@directory.gov.localhost"


class World:
    """The directory's service with a database for look-ups."""

    def __init__(self, store: Store, lookups: Database) -> None:
        self.store, self.lookups = store, lookups
        self.service = DirectoryService(
            address="directory.gov.localhost",
            store=store,
            tell=Undecided(lookups).tell,
            limiter=Limiter(per_minute=1000, clock=lambda: 0.0),
            domains={"gov.localhost"},
            machines={BOT, SERVICE},
            services={SERVICE},
            max_results=50,
            today=lambda: DAY,
        )

    async def told(self) -> list[tuple[str, str | None]]:
        """Who asked for whom."""
        events = await undecided(self.lookups)
        assert {e.kind for e in events} <= {"lookup"}
        return [(e.sender, e.to) for e in events]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Alice, who has an address, and Charles de Gaulle, who has none, are protected."""
    store = await Store.open(tmp_path / "d.sqlite")
    await import_into(store, write_files(tmp_path / "files", protect(PEOPLE, "p1", "p3")))
    lookups = await Database.open(tmp_path / "d-lookups.sqlite", EMITTER)
    yield World(store, lookups)
    await lookups.close()
    await store.close()


async def search(world: World, q: str, cut: Cut | None = None) -> list[str]:
    found = await world.service.search(ASKER, parse({"q": q}), cut or Cut())
    return [hit.id for hit in found.items]


async def test_a_search_that_shows_them(world: World) -> None:
    assert await search(world, "horizon") == ["p1", "p2"]
    assert await world.told() == [(ASKER, ALICE)]
    assert await search(world, "gaulle") == ["p3"]
    assert await search(world, "gaulle") == ["p3"]
    assert await world.told() == [(ASKER, ALICE), (ASKER, GAULLE), (ASKER, GAULLE)]


async def test_a_search_that_shows_nobody_protected_writes_nothing(world: World) -> None:
    before = world.lookups.transactions
    assert await search(world, "dupont") == ["p5", "p4", "p8"]
    assert await search(world, "zzzz") == []
    assert world.lookups.transactions == before


async def test_only_the_page_that_is_shown_counts(world: World) -> None:
    assert await search(world, "horizon", Cut(1, after="p1")) == ["p2"]
    assert await world.told() == []
    assert await search(world, "horizon", Cut(1)) == ["p1"]
    assert await world.told() == [(ASKER, ALICE)]
    with pytest.raises(NotFound):
        await search(world, "horizon", Cut(1, after="p9"))
    assert len(await world.told()) == 1


async def test_a_bot_s_search_counts_for_whoever_asks_it(world: World) -> None:
    found = await world.service.search_for(ASKER, "durand", 10)
    assert [entry.id for entry in found.items] == ["p1"]
    assert await world.told() == [(ASKER, ALICE)]
    with pytest.raises(NotAllowed):
        await world.service.search_for("guest@invites.gov.localhost", "durand", 10)
    assert len(await world.told()) == 1


@pytest.mark.parametrize(
    ("ask", "shown"),
    [
        (lambda s, who: s.person(who, jid=ALICE), [ALICE]),
        (lambda s, who: s.person(who, id="p3"), [GAULLE]),
        (lambda s, who: s.person(who, id="p2"), []),
        (lambda s, who: s.members(who, "grp-1", Cut()), [ALICE]),
        (lambda s, who: s.members(who, "grp-1", Cut(9, after="p1")), []),
        (lambda s, who: s.audience(who, "group:grp-2", Cut()), [GAULLE]),
        (lambda s, who: s.audience(who, "person:p3", Cut()), [GAULLE]),
        (lambda s, who: s.audience(who, "body:an", Cut()), [ALICE, GAULLE]),
    ],
)
async def test_a_machine_is_the_asker_unless_it_is_a_service(
    world: World, ask: Any, shown: list[str]
) -> None:
    await ask(world.service, SERVICE)
    assert await world.told() == []
    await ask(world.service, BOT)
    assert await world.told() == [(BOT, who) for who in shown]


async def test_what_cannot_be_written_is_not_shown(world: World) -> None:
    await world.lookups.execute(
        "CREATE TRIGGER broken BEFORE INSERT ON spool_undecided"
        " BEGIN SELECT RAISE(ABORT, 'disk'); END"
    )
    for asking in (
        search(world, "durand"),
        world.service.search_for(ASKER, "durand", 10),
        world.service.person(BOT, jid=ALICE),
        world.service.members(BOT, "grp-1", Cut()),
        world.service.audience(BOT, "group:grp-1", Cut()),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            await asking
    assert await search(world, "dupont") == ["p5", "p4", "p8"]
    assert await world.service.person(SERVICE, jid=ALICE)
    await world.lookups.execute("DROP TRIGGER broken")
    assert await search(world, "durand") == ["p1"]
    assert await world.told() == [(ASKER, ALICE)]


async def test_an_import_takes_effect_at_once(world: World, tmp_path: Path) -> None:
    assert await search(world, "dupont") == ["p5", "p4", "p8"]
    diff = await import_into(
        world.store, write_files(tmp_path / "n", protect(PEOPLE, "p4", "p5", "p1"))
    )
    assert (diff.protected, diff.unprotected) == ({"p4", "p5"}, {"p3"})
    assert {row.id for row in diff.people.changed} == {"p3", "p4", "p5"}
    assert await search(world, "dupont") == ["p5", "p4", "p8"]
    assert await search(world, "gaulle") == ["p3"]
    dupont, lhay = "jean.dupont@gov.localhost", "p4@directory.gov.localhost"
    assert await world.told() == [(ASKER, dupont), (ASKER, lhay)]
    await world.store.follow(DAY + timedelta(days=1))
    await search(world, "dupont")
    assert len(await world.told()) == 4


async def test_a_database_from_before_protects_nobody(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    older = await Database.open(path, Schema(SCHEMA.owner, SCHEMA.scripts[:1]))
    await older.execute(
        "INSERT INTO person (id, title, given, family, lang) VALUES ('p1', '', 'A', 'B', '')"
    )
    await older.close()
    store = await Store.open(path)
    assert await store.protected(["p1"]) == []
    await import_into(store, write_files(tmp_path / "files", protect(PEOPLE, "p1")))
    assert await store.protected(["p1", "p2"]) == [("p1", ALICE)]
    await store.close()


def test_a_service_is_one_of_the_machines(tmp_path: Path) -> None:
    known: dict[str, Any] = {"database": tmp_path / "d.db", "domains": {"gov.localhost"}}
    section = DirectorySection(**known, machines={BOT, SERVICE}, services={SERVICE})
    assert section.lookups_database == tmp_path / "d-lookups.db"
    with pytest.raises(ValidationError, match="in services and not in machines"):
        DirectorySection(**known, machines={BOT}, services={SERVICE})
