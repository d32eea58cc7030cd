"""Audiences: whom each selector reaches, unions, pages, and what changes while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.directory import BODIES, DAY, PEOPLE, POSTS, import_into, write_files
from xmppgov.directory.model import Cut, Member, Page
from xmppgov.directory.selector import parse_audience
from xmppgov.errors import NotFound
from xmppgov_directory.audience import MOST_REMEMBERED, Audiences
from xmppgov_directory.store import Store

CRISIS_BODIES = f"{BODIES}crise,list,Liste de crise,,,no,,\nold,list,Ancienne,,,no,,2025-12-31\n"
CRISIS = f"""{POSTS}p3,an,Permanence,duty,,
p4,grp-2,Permanence,duty,,
p5,min-eco,Permanence,duty,,
p8,min-eco,Permanence,duty,,2026-11-22
p1,min-eco,Diffusion,releaser,,
p6,crise,Destinataire,member,,
p8,crise,Responsable,chair,,
p2,old,Destinataire,member,,
"""


class Counting(Store):
    """A store that counts how often an audience is read."""

    readings = 0

    async def sitting(self, *args: object, **named: object) -> dict[str, bool]:
        """Count, and read."""
        self.readings += 1
        return await super().sitting(*args, **named)  # type: ignore[arg-type]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Counting]:
    """The small directory with duties and lists."""
    store = await Counting.open(tmp_path / "d.sqlite")
    assert isinstance(store, Counting)
    await import_into(store, write_files(tmp_path / "files", PEOPLE, CRISIS_BODIES, CRISIS))
    yield store
    await store.close()


async def ask(audiences: Audiences, to: str, cut: Cut | None = None) -> Page[Member]:
    """Return a page of an audience of `DAY`."""
    return await audiences.named(parse_audience(to), DAY, cut or Cut())


@pytest.mark.parametrize(
    ("to", "who"),
    [
        ("person:p6", "p6"),
        ("person:jean.dupont@gov.localhost", "p5"),
        ("group:grp-1", "p1 p2"),
        ("room:grp-2", "p3 p4 p8"),
        ("room:closed", ""),
        ("body:an", "p1 p2 p3 p4 p8"),
        ("list:crise", "p6 p8"),
        ("list:old", ""),
        ("role:duty", "p3 p4 p5"),
        ("role:duty@body:etat", "p3 p4 p5"),
        ("role:duty@body:an", "p3 p4"),
        ("role:duty@body:grp-2", "p4"),
        ("role:duty@group:grp-2", "p4"),
        ("role:duty@group:grp-1", ""),
        ("role:chair@body:an", "p1 p3"),
        ("role:nothing", ""),
        ("group:grp-1 body:an person:p5 role:duty", "p1 p2 p3 p4 p5 p8"),
        ("role:duty@group:grp-1 role:releaser@body:etat list:crise", "p1 p6 p8"),
    ],
)
async def test_whom_a_selector_reaches(store: Counting, to: str, who: str) -> None:
    found = await ask(Audiences(store), to)
    assert [member.person for member in found.items] == who.split()
    assert found.count == len(who.split())


@pytest.mark.parametrize(
    "unknown",
    [
        "person:nobody", "person:no@gov.localhost", "group:an", "group:crise", "room:an",
        "body:none", "list:grp-1", "list:none", "role:duty@body:none", "role:duty@group:an",
    ],
)  # fmt: skip
async def test_what_is_unknown_is_named(store: Counting, unknown: str) -> None:
    with pytest.raises(NotFound) as refused:
        await ask(Audiences(store), f"group:grp-1 {unknown}")
    text = refused.value.text.in_language("en")
    assert text == f"{unknown}: the directory knows no such audience."


async def test_a_chair_is_one_where_any_selector_says_so(store: Counting) -> None:
    audiences = Audiences(store)
    for to in ("person:p1 group:grp-1", "group:grp-1 person:p1"):
        assert (await ask(audiences, to)).items == (
            Member("p1", "Alice Durand", "chair", "alice@gov.localhost", "fr"),
            Member("p2", "Benoît Œuvrard", "member", "bob@gov.localhost"),
        )
    assert [m.role for m in (await ask(audiences, "role:releaser")).items] == ["member"]


async def test_pages_cover_an_audience_that_is_read_once(store: Counting) -> None:
    audiences, found = Audiences(store), []
    page = await ask(audiences, "body:etat list:crise", Cut(3))
    while page.items:
        assert (page.count, page.index) == (7, len(found))
        found += [member.person for member in page.items]
        assert store.readings == 2
        if page.complete:
            break
        page = await ask(audiences, "body:etat list:crise", Cut(3, after=page.last))
    assert found == ["p1", "p2", "p3", "p4", "p5", "p6", "p8"]
    # Who has read it to its end needs it no more.
    await ask(audiences, "body:etat list:crise", Cut(0))
    assert store.readings == 4


async def test_an_import_and_midnight_are_seen_between_two_pages(
    store: Counting, tmp_path: Path
) -> None:
    audiences, crisis = Audiences(store), parse_audience("role:duty")
    page = await audiences.named(crisis, DAY, Cut(1))
    assert (page.last, page.count) == ("p3", 3)
    posts = CRISIS + "p2,an,Permanence,duty,,\np7,an,Permanence,duty,,2026-11-23\n"
    await import_into(store, write_files(tmp_path / "new", PEOPLE, CRISIS_BODIES, posts))
    page = await audiences.named(crisis, DAY, Cut(3, after="p3"))
    assert [member.person for member in page.items] == ["p4", "p5", "p7"]
    page = await audiences.named(crisis, DAY, Cut(1, after="p3"))
    page = await audiences.named(crisis, DAY + timedelta(1), Cut(3, after="p3"))
    assert [member.person for member in page.items] == ["p4", "p5"]


async def test_few_audiences_are_remembered(store: Counting) -> None:
    audiences = Audiences(store)
    for number in range(MOST_REMEMBERED + 1):
        await ask(audiences, f"body:etat role:none{number}", Cut(1))
    before = store.readings
    await ask(audiences, f"body:etat role:none{MOST_REMEMBERED}", Cut(1))
    assert store.readings == before
    await ask(audiences, "body:etat role:none0", Cut(1))
    assert store.readings == before + 2
