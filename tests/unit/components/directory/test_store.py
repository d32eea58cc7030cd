"""The store: imports are whole or nothing and change what they say; the index follows the day."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.directory import BODIES, DAY, PEOPLE, POSTS, import_into, write_files
from xmppgov.directory.model import Device
from xmppgov.errors import CheckFailed, Conflict
from xmppgov_directory.diff import compare
from xmppgov_directory.importer import import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.model import Register
from xmppgov_directory.query import parse
from xmppgov_directory.store import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with the small directory of `DAY`."""
    store = await Store.open(tmp_path / "d.sqlite")
    await import_into(store, write_files(tmp_path / "files"))
    yield store
    await store.close()


async def names(store: Store, q: str) -> list[str]:
    """Return the names found with `q`."""
    return [hit.name for hit in await store.index.search(parse({"q": q}), 50)]


async def test_what_was_imported_is_the_register(store: Store, tmp_path: Path) -> None:
    register = await store.register()
    again = await import_into(store, write_files(tmp_path / "again"))
    assert not again
    assert not again.touched
    assert await store.register() == register
    assert await store.data() == 1


async def test_a_dry_run_changes_nothing(store: Store, tmp_path: Path) -> None:
    before = await store.register()
    files = write_files(tmp_path / "new", people=PEOPLE + "x1,,Zoé,Nouvelle,,\n")
    diff = await import_files(
        store, files, mapping=Mapping(), today=DAY, max_removals=0, dry_run=True
    )
    assert [row.id for row in diff.people.added] == ["x1"]
    assert (await store.register(), await store.data()) == (before, 1)


async def test_changes_are_named_and_searchable(store: Store, tmp_path: Path) -> None:
    people = PEOPLE.replace("Alice,Durand", "Alice,Lefèvre") + "x1,,Zoé,Nouvelle,,\n"
    people = people.replace("p8,M.,Dupont,Martin,,\n", "")
    bodies = BODIES.replace("Groupe Écologie", "Groupe Océan")
    posts = POSTS.replace("p3,grp-2,Président,chair,,", "p3,grp-2,Président,chair,,2026-11-20")
    posts = posts.replace("p8,grp-2,Membre,member,,\n", "") + "x1,grp-2,Membre,member,,\n"
    diff = await import_into(store, write_files(tmp_path / "n", people, bodies, posts))
    assert [row.id for row in diff.people.added] == ["x1"]
    assert [row.id for row in diff.people.changed] == ["p1"]
    assert [row.id for row in diff.people.removed] == ["p8"]
    assert [row.id for row in diff.bodies.changed] == ["grp-2"]
    assert [row.person_id for row in diff.ended] == ["p3"]
    assert diff.vanished == {"p3", "p8"}
    assert await names(store, "lefevre") == ["Alice Lefèvre"]
    assert await names(store, "durand") == []
    assert await names(store, "ocean") == ["Zoé Nouvelle"]
    assert await names(store, "gaulle") == []


async def test_addresses_may_change_hands(store: Store, tmp_path: Path) -> None:
    people = PEOPLE.replace("alice@", "x@").replace("bob@", "alice@").replace("x@", "bob@")
    await import_into(store, write_files(tmp_path / "n", people))
    entry = await store.person(DAY, jid="alice@gov.localhost")
    assert entry is not None
    assert entry.id == "p2"


async def test_too_many_removals_are_refused(store: Store, tmp_path: Path) -> None:
    files = write_files(tmp_path / "n", posts=POSTS.splitlines()[0] + "\n")
    with pytest.raises(CheckFailed) as refused:
        await import_into(store, files, most=0.1)
    assert "--allow-removals" in str(refused.value)
    assert await store.data() == 1
    await import_into(store, files, most=1.0)
    assert await names(store, "durand") == []


async def test_an_import_in_between_is_a_conflict(store: Store) -> None:
    diff = compare(await store.register(), Register(), DAY)
    with pytest.raises(Conflict):
        await store.apply(diff, DAY, data=0)
    assert (await store.status()).people == 8


@pytest.mark.parametrize("table", ["person", "body", "post", "listing", "meta"])
async def test_an_import_that_fails_half_way_changes_nothing(
    store: Store, tmp_path: Path, table: str
) -> None:
    before, status = await store.register(), await store.status()
    with sqlite3.connect(tmp_path / "d.sqlite") as other:
        for event in ("INSERT", "UPDATE"):
            other.execute(
                f"CREATE TRIGGER fail_{event} BEFORE {event} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
    other.close()
    people = PEOPLE.replace("Alice,Durand", "Zoé,Changée") + "x1,,Zoé,Nouvelle,,\n"
    bodies = BODIES + "b9,service,Neuf,,,,,\n"
    posts = POSTS + "x1,b9,Membre,member,,\n"
    with pytest.raises(sqlite3.IntegrityError):
        await import_into(store, write_files(tmp_path / "n", people, bodies, posts))
    assert (await store.register(), await store.status()) == (before, status)
    assert await names(store, "durand") == ["Alice Durand"]
    assert await names(store, "nouvelle") == []


async def test_the_index_follows_the_day_both_ways(store: Store) -> None:
    assert await names(store, "oeuvrard") == ["Benoît Œuvrard"]
    assert await names(store, "flore future") == []
    await store.follow(DAY + timedelta(days=1))
    assert await names(store, "oeuvrard") == []
    assert await names(store, "flore future") == ["Flore Future"]
    await store.follow(DAY - timedelta(days=1))
    assert await names(store, "ancien") == ["Émile Ancien"]
    assert await names(store, "flore future") == []
    await store.follow(date(2025, 12, 31))
    assert await names(store, "close") == ["Benoît Œuvrard"]
    await store.follow(DAY)
    assert await names(store, "close") == []
    assert await store.data() == 1


async def test_following_the_day_is_the_same_as_a_new_index(store: Store, tmp_path: Path) -> None:
    day = DAY + timedelta(days=400)
    await store.follow(day)
    fresh = await Store.open(tmp_path / "fresh.sqlite")
    await import_into(fresh, write_files(tmp_path / "files"), day)
    for q in ("membre", "horizon", "dupont", "assemblee"):
        assert await names(store, q) == await names(fresh, q)
    assert (await store.status()).listed == (await fresh.status()).listed
    await fresh.close()


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("oeuvrard", "Benoît Œuvrard"),
        ("ŒUVRARD Benoit", "Benoît Œuvrard"),
        ("lhay", "Marie-Thérèse L'Haÿ-Dupont"),
        ("l'hay dupont", "Marie-Thérèse L'Haÿ-Dupont"),
        ("marie therese", "Marie-Thérèse L'Haÿ-Dupont"),
        ("degaulle", "Charles de Gaulle"),
        ("gaulle", "Charles de Gaulle"),
        ("de gaulle charles", "Charles de Gaulle"),
        ("dupont", "Jean Dupont"),
        ("dupont finances", "Jean Dupont"),
        ("bercy dup", "Jean Dupont"),
        ("présidente ghc", "Alice Durand"),
        ("duran", "Alice Durand"),
        ("duramd", "Alice Durand"),
        ("alice durend", "Alice Durand"),
        ("gaule charles", "Charles de Gaulle"),
    ],
)
async def test_people_are_found_as_people_type(store: Store, q: str, first: str) -> None:
    assert (await names(store, q))[0] == first


@pytest.mark.parametrize(
    "q", ["zzzz", "dupont zzzz qqqq", 'dup" OR "x', "NEAR(a b)", "family:durand"]
)
async def test_nobody_and_no_error_for_nonsense(store: Store, q: str) -> None:
    assert await names(store, q) in ([], ["Alice Durand"])


async def test_a_query_that_many_match_shows_the_best(store: Store, tmp_path: Path) -> None:
    many = [f"m{n:03},,Martin,Duboismartin{n}," for n in range(300)]
    people = PEOPLE + "".join(f"{row},\n" for row in many) + "best,,Zoé,Martin,z@gov.localhost,\n"
    posts = POSTS + "".join(f"m{n:03},an,M,,,\n" for n in range(300)) + "best,an,M,,,\n"
    await import_into(store, write_files(tmp_path / "n", people, posts=posts))
    found = await names(store, "martin")
    assert (found[0], found[1], len(found)) == ("Dupont Martin", "Zoé Martin", 50)
    assert (await names(store, "zoe mar")) == ["Zoé Martin"]
    reachable = await store.index.search(parse({"q": "ma"}), 50, reachable=True)
    assert [hit.jid for hit in reachable] == ["z@gov.localhost"]


async def test_the_unit_has_twenty_people(store: Store, tmp_path: Path) -> None:
    people = PEOPLE + "".join(f"m{n:02},,A,Legion,,\n" for n in range(19))
    posts = POSTS + "".join(f"m{n:02},min-eco,Agent,,,\n" for n in range(19))
    await import_into(store, write_files(tmp_path / "n", people, posts=posts))
    entry = await store.person(DAY, id="p5")
    assert entry is not None
    assert (entry.posts[0].body, entry.unit) == ("budget", "min-eco")
    assert await store.size("min-eco", DAY) == 20


async def test_a_body_above_itself_ends(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d.sqlite") as other:
        other.execute("UPDATE body SET parent = 'budget' WHERE id = 'min-eco'")
    other.close()
    entry = await store.person(DAY, id="p5")
    assert entry is not None
    assert entry.unit == "min-eco"
    assert entry.posts[0].within == ("min-eco",)


async def test_a_post_says_what_is_above_its_body(store: Store) -> None:
    (first, second) = await store.posts("p1", DAY)
    assert first.within == second.within == ("an", "etat")
    assert [post.within for post in await store.posts("p5", DAY)] == [("min-eco", "etat")]


async def test_a_language_is_known_or_not(store: Store) -> None:
    assert [one.lang for one in await store.people(["p1", "p2"])] == ["fr", None]
    alice, bob = await store.person(DAY, id="p1"), await store.person(DAY, id="p2")
    assert alice is not None
    assert bob is not None
    assert (alice.lang, bob.lang) == ("fr", None)


async def test_a_device_takes_the_place_of_the_former_or_changes_nothing(
    store: Store, tmp_path: Path
) -> None:
    former, other = Device("bot@x", 1, "a" * 64), Device("bot@x", 2, "b" * 64)
    assert await store.write_device(former) is None
    assert await store.write_device(former) is None
    with sqlite3.connect(tmp_path / "d.sqlite") as database:
        database.execute(
            "CREATE TRIGGER fail BEFORE INSERT ON device BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(sqlite3.IntegrityError):
        await store.write_device(other)
    assert await store.devices() == (former,)
    with sqlite3.connect(tmp_path / "d.sqlite") as database:
        database.execute("DROP TRIGGER fail")
    database.close()
    assert await store.write_device(other) == former
    assert await store.devices() == (other,)
    assert await store.data() == 1
