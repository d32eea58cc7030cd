"""People find people by XEP-0055 on a real server: both forms, pages, limits, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.directory import (
    FORM,
    PEOPLE,
    POSTS,
    RSM,
    SEARCH,
    ask,
    column,
    form,
    refused,
    running_directory,
    write_files,
)
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

PROSODY_MODULES = ""
ACCOUNTS = ["alice@gov.localhost", "guest@invites.gov.localhost"]
MANY = 70


@pytest.fixture
async def alice(prosody: Prosody, tmp_path: Path) -> AsyncIterator[Account]:
    """Alice, beside a directory in which 70 people are called Legion."""
    people = PEOPLE + "".join(f"m{n:03},M.,Jean{n},Légion,,\n" for n in range(MANY))
    tomorrow = date.today() + timedelta(days=1)
    posts = POSTS.replace("2026-11-23", "").replace("2026-11-24", tomorrow.isoformat())
    posts += "".join(f"m{n:03},an,Huissier,member,,\n" for n in range(MANY))
    files = write_files(tmp_path / "files", people, posts=posts)
    async with (
        running_directory(prosody, tmp_path, files=files),
        logged_in(prosody, "alice@gov.localhost", "xep_0030") as account,
    ):
        yield account


async def test_disco_says_what_it_is(alice: Account) -> None:
    info = await alice.plugin["xep_0030"].get_info("directory.gov.localhost")
    identities = {identity[:2] for identity in info["disco_info"]["identities"]}
    assert ("directory", "user") in identities
    features = info["disco_info"]["features"]
    assert {"jabber:iq:search", "jabber:x:data", "http://jabber.org/protocol/rsm"} <= features


@pytest.mark.parametrize(
    ("lang", "title"), [(None, "Trouver une personne"), ("en", "Find a person")]
)
async def test_the_form_is_in_the_readers_language(
    alice: Account, lang: str | None, title: str
) -> None:
    query = await ask(alice, "get", "<query xmlns='jabber:iq:search'/>", lang=lang)
    assert query.findtext(f"{FORM}x/{FORM}title") == title
    fields = [field.get("var") for field in query.findall(f"{FORM}x/{FORM}field")]
    assert fields == ["FORM_TYPE", "q", "first", "last", "nick", "body"]
    legacy = [
        name for name in ("first", "last", "nick", "email") if query.find(SEARCH + name) is not None
    ]
    assert legacy == ["first", "last", "nick"]


async def test_a_form_finds_name_post_body_and_address(alice: Account) -> None:
    query = await ask(alice, "set", form(q="oeuvrard benoit"))
    assert column(query, "name") == ["Benoît Œuvrard"]
    assert column(query, "jid") == ["bob@gov.localhost"]
    assert column(query, "post") == ["Membre"]
    assert column(query, "body") == ["Groupe Horizon commun"]
    reported = query.findall(f"{FORM}x/{FORM}reported/{FORM}field")
    types = {field.get("var"): field.get("type") for field in reported}
    assert types == dict.fromkeys(("name", "post", "body"), "text-single") | {"jid": "jid-single"}
    assert query.findtext(f"{FORM}x/{FORM}field/{FORM}value") == "jabber:iq:search"


async def test_people_without_an_address_are_found_too(alice: Account) -> None:
    query = await ask(alice, "set", form(q="gaulle"))
    assert column(query, "name") == ["Charles de Gaulle"]
    assert column(query, "jid") == [""]


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"first": "jean", "last": "dupont"}, ["Jean Dupont"]),
        ({"last": "dupont"}, ["Jean Dupont", "Marie-Thérèse L'Haÿ-Dupont"]),
        ({"first": "dupont"}, ["Dupont Martin"]),
        ({"body": "finances"}, ["Jean Dupont"]),
        ({"body": "bercy"}, ["Jean Dupont"]),
        ({"nick": "jean.dupont"}, ["Jean Dupont"]),
        ({"q": "dup finances"}, []),
        ({"q": "finances dup"}, ["Jean Dupont"]),
        ({"q": "ancien"}, []),
        ({"q": "future"}, []),
    ],
)
async def test_fields_narrow_the_search(
    alice: Account, fields: dict[str, str], names: list[str]
) -> None:
    assert column(await ask(alice, "set", form(**fields)), "name") == names


async def test_legacy_fields_find_people_with_an_address(alice: Account) -> None:
    query = await ask(alice, "set", "<query xmlns='jabber:iq:search'><last>dupont</last></query>")
    items = query.findall(f"{SEARCH}item")
    assert [item.get("jid") for item in items] == ["jean.dupont@gov.localhost"]
    assert items[0].findtext(f"{SEARCH}first") == "Jean"
    assert items[0].findtext(f"{SEARCH}last") == "Dupont"
    assert items[0].findtext(f"{SEARCH}nick") == "Jean Dupont"


async def test_pages_are_disjoint_and_end_at_fifty(alice: Account) -> None:
    seen: list[str] = []
    page = "<max>20</max>"
    for expected in (20, 20, 10, 0):
        query = await ask(alice, "set", form(page, q="legion"))
        names = column(query, "name")
        assert len(names) == expected
        assert query.findtext(f"{RSM}set/{RSM}count") == "50"
        seen += names
        last = query.findtext(f"{RSM}set/{RSM}last")
        page = f"<max>20</max><after>{last}</after>"
    assert len(set(seen)) == 50
    end = await ask(alice, "set", form("<max>5</max><before/>", q="legion"))
    assert column(end, "name") == seen[45:]
    none = await ask(alice, "set", form("<max>0</max>", q="legion"))
    assert (column(none, "name"), none.findtext(f"{RSM}set/{RSM}count")) == ([], "50")


async def test_no_page_is_larger_than_fifty(alice: Account) -> None:
    query = await ask(alice, "set", form("<max>500</max>", q="legion"))
    assert len(column(query, "name")) == 50


@pytest.mark.parametrize(
    "payload",
    [
        "<query xmlns='jabber:iq:search'/>",
        "<query xmlns='jabber:iq:search'><email>x</email></query>",
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='cancel'/></query>",
        "<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'/></query>",
        form(q="dupont").replace("<value>jabber:iq:search<", "<value>urn:other<"),
        form("<max>many</max>", q="dupont"),
        form(q="*"),
        form(q="d"),
        form(q="a b c"),
        form(q=""),
        form(q="x" * 201),
        form(q="ab " * 13),
    ],
)
async def test_a_malformed_search_is_refused(alice: Account, payload: str) -> None:
    condition, kind, text = await refused(alice, "set", payload)
    assert (condition, kind) == ("bad-request", "modify")
    assert text


async def test_an_unknown_page_is_not_found(alice: Account) -> None:
    answer = await refused(alice, "set", form("<after>nobody</after>", q="dupont"))
    assert answer[:2] == ("item-not-found", "cancel")


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("fr", "Saisissez au moins 2 lettres d'un nom."),
        ("en", "Type at least 2 letters of a name."),
    ],
)
async def test_errors_are_in_the_readers_language(alice: Account, lang: str, text: str) -> None:
    assert (await refused(alice, "set", form(q="d"), lang=lang))[2] == text


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("get", "<query xmlns='jabber:iq:search'/>"), ("set", form(q="dupont")), ("set", form(q=""))],
)
async def test_a_guest_is_refused(
    alice: Account, prosody: Prosody, kind: str, payload: str
) -> None:
    async with logged_in(prosody, "guest@invites.gov.localhost") as guest:
        assert (await refused(guest, kind, payload))[:2] == ("forbidden", "auth")


async def test_who_searches_too_often_waits_and_others_do_not(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with (
        running_directory(prosody, tmp_path, per_minute=3),
        logged_in(prosody, "alice@gov.localhost/one") as alice,
        logged_in(prosody, "alice@gov.localhost/two") as again,
    ):
        asked = [ask(alice, "set", form(q="dupont")) for _ in range(3)]
        await asyncio.gather(*asked)
        # The bucket is the person's, not the client's.
        condition, kind, text = await refused(again, "set", form(q="dupont"), lang="en")
        assert (condition, kind) == ("resource-constraint", "wait")
        assert text.startswith("Too many searches; wait ")


async def test_names_with_markup_arrive_as_they_are(prosody: Prosody, tmp_path: Path) -> None:
    people = PEOPLE + 'x1,M.,<b>&amp;,"O\'Neil ""]]>"" & Fils",,\n'
    files = write_files(tmp_path / "f", people, posts=POSTS + "x1,an,<i>,member,,\n")
    async with (
        running_directory(prosody, tmp_path, files=files),
        logged_in(prosody, "alice@gov.localhost") as alice,
    ):
        query = await ask(alice, "set", form(q="neil"))
        assert column(query, "name") == ['<b>&amp; O\'Neil "]]>" & Fils']
