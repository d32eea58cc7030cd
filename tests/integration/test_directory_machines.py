"""Machines ask the directory over a real server: every question and refusal, terms, imports."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.directory import (
    BODIES,
    DAY,
    PEOPLE,
    POSTS,
    ask,
    import_into,
    refused,
    running_directory,
    write_files,
)
from tests.streams import component_section, connected, logged_in
from xmppgov.config import load
from xmppgov.demo.prosody import Prosody
from xmppgov.directory.client import DirectoryClient
from xmppgov.directory.model import Member, Post, Room
from xmppgov.errors import BadRequest, NotAllowed, NotFound, TooMany, Unreachable
from xmppgov.xmpp.component import Component
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store

PROSODY_MODULES = ""
ACCOUNTS = ["alice@gov.localhost", "annuaire@gov.localhost"]
ADDRESS = "directory.gov.localhost"
MAPPING = Path(__file__).parents[2] / "components/xmppgov_directory/mappings/assemblee.toml"


@asynccontextmanager
async def governance(prosody: Prosody) -> AsyncIterator[DirectoryClient]:
    """A component that is in the list of machines."""
    stream = Component(
        component_section(prosody, "governance", "rooms"),
        name="g",
        identity=("component", "generic"),
    )
    async with connected(stream):
        yield DirectoryClient(stream, ADDRESS, timeout=10)


@pytest.fixture
async def client(prosody: Prosody, tmp_path: Path) -> AsyncIterator[DirectoryClient]:
    """The directory as the governance component asks it, with terms around today."""
    around = {(DAY + timedelta(n)).isoformat(): n for n in (-1, 0, 1)}  # each replaced once
    posts = re.sub(
        "|".join(around),
        lambda found: (date.today() + timedelta(around[found[0]])).isoformat(),
        POSTS,
    )
    files = write_files(tmp_path / "files", posts=posts)
    async with running_directory(prosody, tmp_path, files=files), governance(prosody) as asking:
        yield asking


async def test_rooms_and_their_members_of_today(client: DirectoryClient) -> None:
    assert await client.rooms() == (
        Room("grp-1", "Groupe Horizon commun", "group"),
        Room("grp-2", "Groupe Écologie", "group"),
    )
    # Two rows, one chair; the last day of a term belongs to it; yesterday's and tomorrow's do not.
    assert await client.members("grp-1") == (
        Member("p1", "Alice Durand", "chair", "alice@gov.localhost", "fr"),
        Member("p2", "Benoît Œuvrard", "member", "bob@gov.localhost"),
    )
    assert await client.members("closed") == ()


async def test_a_person_with_posts_and_unit(client: DirectoryClient) -> None:
    alice = await client.person("alice@gov.localhost/phone")
    assert (alice.id, alice.name, alice.jid) == ("p1", "Alice Durand", "alice@gov.localhost")
    within = ("an", "etat")
    assert alice.posts[0] == Post("grp-1", "Groupe Horizon commun", "Présidente", "chair", within)
    assert alice.lang == "fr"
    # Nobody above has twenty people: the whole is named.
    assert alice.unit == "etat"
    assert await client.person_by_id("p1") == alice


async def test_audiences(client: DirectoryClient) -> None:
    async def who(to: str) -> list[str]:
        return [member.person for member in await client.audience(to)]

    assert await who("person:p5") == ["p5"]
    assert await who("person:jean.dupont@gov.localhost") == ["p5"]
    assert await who("group:grp-1") == await who("room:grp-1") == ["p1", "p2"]
    assert await who("body:an") == ["p1", "p2", "p3", "p4", "p8"]
    assert await who("body:min-eco") == ["p5"]
    assert await who("role:chair@body:an") == await who("role:chair") == ["p1", "p3"]
    assert await who("role:member@group:grp-2") == ["p8"]
    for to in ("person:nobody", "group:min-eco", "room:an", "body:none", "list:grp-1"):
        with pytest.raises(NotFound) as unknown:
            await client.audience("body:an", to)
        assert str(unknown.value) == f"{to}: the directory knows no such audience."
    with pytest.raises(BadRequest) as nobody:
        await client.audience("body:an", "everybody")
    assert str(nobody.value).startswith("“everybody” names nobody; write ")


async def test_several_selectors_are_one_audience(client: DirectoryClient) -> None:
    found = await client.audience("group:grp-1", "person:p5", "person:p1", "role:chair@body:an")
    assert [(member.person, member.role, member.lang) for member in found] == [
        ("p1", "chair", "fr"), ("p2", "member", None), ("p3", "chair", None), ("p5", "member", None)
    ]  # fmt: skip


async def test_search_as_a_person_would_be_answered(client: DirectoryClient) -> None:
    found = await client.search("dupont finances", asker="alice@gov.localhost/phone")
    assert [entry.name for entry in found.items] == ["Jean Dupont"]
    post = Post("budget", "Direction du budget", "Chef de bureau", within=("min-eco", "etat"))
    assert (found.items[0].posts, found.items[0].lang) == ((post,), None)
    (alice,) = (await client.search("durand", asker="alice@gov.localhost")).items
    assert alice.lang == "fr"
    assert found.count == 1
    two = await client.search("dupont", asker="alice@gov.localhost", most=1)
    assert (len(two.items), two.count) == (1, 3)
    for stranger in ("guest@invites.gov.localhost", "gov.localhost", "x@example.org"):
        with pytest.raises(NotAllowed):
            await client.search("dupont", asker=stranger)
    with pytest.raises(BadRequest) as short:
        await client.search("d", asker="alice@gov.localhost", language="en")
    assert str(short.value) == "Type at least 2 letters of a name."


async def test_search_has_the_persons_own_limit(prosody: Prosody, tmp_path: Path) -> None:
    async with running_directory(prosody, tmp_path, per_minute=2), governance(prosody) as client:
        for _ in range(2):
            await client.search("dupont", asker="alice@gov.localhost")
        with pytest.raises(TooMany):
            await client.search("dupont", asker="alice@gov.localhost")
        await client.search("dupont", asker="bob@gov.localhost")


async def test_the_version_follows_imports_by_another_process(
    client: DirectoryClient, tmp_path: Path
) -> None:
    before = await client.version()
    assert before.day == date.today()
    store = await Store.open(tmp_path / "directory.sqlite")
    try:
        same = Files(*(tmp_path / "files" / f"{n}.csv" for n in ("people", "bodies", "posts")))
        assert not await import_into(store, same)
        assert await client.version() == before
        more = POSTS + "p5,grp-2,Membre,member,,\n"
        await import_into(store, write_files(tmp_path / "new", posts=more))
    finally:
        await store.close()
    assert (await client.version()).data == before.data + 1
    assert [member.person for member in await client.members("grp-2")] == ["p3", "p5", "p8"]
    found = await client.search("dupont ecologie", asker="alice@gov.localhost")
    assert [entry.name for entry in found.items] == ["Jean Dupont", "Dupont Martin"]


async def test_more_members_than_a_page(prosody: Prosody, tmp_path: Path) -> None:
    people = PEOPLE + "".join(f"m{n:04},M.,Jean{n},Légion,,\n" for n in range(1201))
    posts = POSTS + "".join(f"m{n:04},grp-2,Membre,member,,\n" for n in range(1201))
    files = write_files(tmp_path / "files", people, BODIES, posts)
    async with running_directory(prosody, tmp_path, files=files), governance(prosody) as client:
        members = await client.members("grp-2")
        assert len(members) == len({member.person for member in members}) == 1203


async def test_only_listed_machines_may_ask(client: DirectoryClient, prosody: Prosody) -> None:
    questions = ("version", "rooms", "members", "person", "audience", "search", "devices")
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        for name in questions:
            answer = await refused(alice, "get", f"<{name} xmlns='urn:xmppgov:directory:0'/>")
            assert answer[:2] == ("forbidden", "auth")
    async with logged_in(prosody, "annuaire@gov.localhost") as bot:
        assert (await ask(bot, "get", "<version xmlns='urn:xmppgov:directory:0'/>")).get("data")
        for name in ("members", "person", "audience", "search"):
            answer = await refused(bot, "get", f"<{name} xmlns='urn:xmppgov:directory:0'/>")
            assert answer[:2] == ("bad-request", "modify")
        answer = await refused(bot, "set", "<version xmlns='urn:xmppgov:directory:0'/>")
        assert answer[0] in ("service-unavailable", "feature-not-implemented")


async def test_a_stopped_directory_is_unreachable(prosody: Prosody) -> None:
    async with governance(prosody) as client:
        with pytest.raises(Unreachable):
            await client.version()


async def test_the_assemblys_groups(prosody: Prosody, tmp_path: Path, shared_data: Path) -> None:
    store = await Store.open(tmp_path / "directory.sqlite")
    files = Files(*(shared_data / f"{n}.csv" for n in ("deputies", "bodies", "memberships")))
    await import_files(
        store, files, mapping=load(Mapping, MAPPING), today=date.today(), max_removals=1
    )
    register = await store.register()
    await store.close()
    assert (len(register.people), len(register.bodies), len(register.posts)) == (598, 62, 3581)
    async with running_directory(prosody, tmp_path, keep=True), governance(prosody) as client:
        rooms = await client.rooms()
        members = [await client.members(room.body) for room in rooms]
        sizes = sorted((len(part) for part in members), reverse=True)
        assert sizes == [170, 89, 75, 62, 51, 31, 30, 23, 22, 20]
        chairs = [sum(member.role == "chair" for member in part) for part in members]
        assert chairs == [1] * 10
