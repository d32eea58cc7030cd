"""A look into the archive, with names: its rows, its entry before them, months that have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.archive.batches import START, batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place, nobody
from tests.unit.components.archive.officers.conftest import (
    ARCHIVES,
    DPD,
    JUGE,
    ROLES_OF,
    RSSI,
    Bureau,
)
from xmppgov.archive.officer import write_generations
from xmppgov.archive.request import AccessScope
from xmppgov.errors import BadRequest
from xmppgov_archive.__main__ import opened
from xmppgov_archive.config import ArchiveSection, OfficersSection
from xmppgov_archive.officers.model import Answer
from xmppgov_archive.officers.office import Office, office
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import DAY

ROOM = "grp-1@rooms.gov.localhost"
ACCOUNTS = OfficersSection(
    security=(RSSI,), archivist=(ARCHIVES,), dpo=(DPD,), requesters=(JUGE,), most_rows=50
)


class Desk:
    """An archive with its officers, in one run."""

    def __init__(self, place: Place, bureau: Bureau, parts: Parts, desk: Office) -> None:
        self.place, self.bureau, self.parts, self.office = place, bureau, parts, desk

    async def look(self, **scope: object) -> Answer:
        """Ask, approve twice, read."""
        fields = {"first": "2025-11-01", "last": "2025-12-31", "rows": 20, **scope}
        requests = self.office.requests
        made = await requests.make(JUGE, "access", "judicial", "7", AccessScope(**fields))
        for officer in (ARCHIVES, DPD):
            code = self.bureau.code(made.request, ROLES_OF[officer])
            await requests.hand_in(made.standing.hash, officer, code)
        return (await requests.answer(made.standing.hash, JUGE))[1]


@pytest.fixture
async def desk(place: Place) -> AsyncIterator[Desk]:
    bureau = Bureau()
    (place.folder / "officers.pub").write_text(write_generations(bureau.generations))
    section: ArchiveSection = place.section.model_copy(update={"officers": ACCOUNTS})
    async with (
        opened(section, nobody, lambda: place.now) as parts,
        office(section, parts) as one,
    ):
        items = [record(1), record(2, in_room=True), record(3, sender="carol@gov.localhost")]
        await parts.archive.commit(SERVER, batch(EPOCH, *items))
        yield Desk(place, bureau, parts, one)


def who(answer: Answer) -> list[tuple[str, ...]]:
    """Sender, recipient, room and entry of each row."""
    return [(row[2], row[3], row[4], row[6]) for row in answer.rows]


async def test_rows_of_a_person_a_room_or_both_have_names(desk: Desk) -> None:
    alice, bob, carol = (f"{name}@gov.localhost" for name in ("alice", "bob", "carol"))
    every = {
        "one": (alice, bob, ""),
        "room": (alice, "", ROOM),
        "carol": (carol, bob, ""),
    }
    assert [row[:3] for row in who(await desk.look(people=carol))] == [every["carol"]]
    assert [row[:3] for row in who(await desk.look(rooms=ROOM))] == [every["room"]]
    both = await desk.look(people=carol, rooms=ROOM)
    assert [row[:3] for row in who(both)] == [every["room"], every["carol"]]
    assert [row[:3] for row in who(await desk.look(people=bob, rows=1))] == [every["one"]]
    assert who(await desk.look(people="nobody@gov.localhost")) == []
    assert who(await desk.look(people=alice, last="2025-11-22")) == []
    assert JUGE in both.sentence.in_language("en")


async def test_a_month_that_has_ended_opens_with_two_shares(desk: Desk) -> None:
    desk.place.now += 40 * DAY
    await desk.parts.archive.commit(SERVER, batch(EPOCH, record(4, t=desk.place.now)))
    await desk.office.months.end_what_is_due()
    assert not (desk.place.section.keys_dir / "month-2025-11.key").exists()
    late = record(5, t=START + 5)
    await desk.parts.archive.commit(SERVER, batch(EPOCH, late))
    answer = await desk.look(people="alice@gov.localhost", last="2026-01-31")
    assert len(answer.rows) == 4
    assert {row[2] for row in answer.rows} == {"alice@gov.localhost"}


async def test_the_entry_is_in_the_log_and_says_how_many(desk: Desk) -> None:
    await desk.look(people="alice@gov.localhost")
    leaves = await desk.parts.store.leaves(0, 10**9)
    said = [leaf for leaf in leaves if b'"access"' in leaf]
    assert len(said) == 1
    assert b'"n":2' in said[0]
    assert b"alice" not in said[0]
    assert b'"roles":"archivist dpo"' in said[0]


async def test_more_rows_than_an_answer_may_have_are_refused(desk: Desk) -> None:
    with pytest.raises(BadRequest):
        await desk.look(people="alice@gov.localhost", rows=51)
