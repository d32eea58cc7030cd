"""What whoever writes to the database can make of the officers' requests: nothing unseen."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator

import pytest

from tests.unit.archive.batches import record
from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.officers.conftest import (
    ARCHIVES,
    DPD,
    HOUR,
    JUGE,
    MINUTE,
    RSSI,
    Office,
)
from tests.unit.components.archive.officers.test_access import (
    DAY,
    JANUARY,
    OF_ALICE,
    PEOPLE,
    Ministry,
    pairs,
    talk,
)
from xmppgov.archive.day import name_digest
from xmppgov.archive.leaf import Access, Refusal
from xmppgov.archive.sealing import PublicKey, pad
from xmppgov.archive.verify import StoredName
from xmppgov.errors import BadRequest, Conflict, NotAllowed, NotFound, TooMany, Unexpected
from xmppgov_archive.officers.model import State
from xmppgov_archive.records.pseudonyms import name_info


def sql(place: Place, statement: str, *params: object) -> list[tuple[object, ...]]:
    database = sqlite3.connect(place.section.database, timeout=10)
    try:
        with database:
            return database.execute(statement, params).fetchall()
    finally:
        database.close()


@pytest.fixture
async def ministry(place: Place) -> AsyncIterator[Ministry]:
    """An archive in which people have talked."""
    one = Ministry(place)
    async with one.running():
        await one.send(*talk(1))
        yield one


async def sentence(ministry: Ministry, **scope: str) -> str:
    made = await ministry.ask(**scope)
    await ministry.approve(made, ARCHIVES, DPD)
    _, answer = await ministry.requests.answer(made.request.id, JUGE)
    return answer.sentence.in_language("en")


@pytest.mark.parametrize(
    "change",
    [
        "recipient = (SELECT sender FROM records WHERE seq = 1) WHERE seq = 2",
        "sender = (SELECT sender FROM records WHERE seq = 1) WHERE seq = 3",
        "sealed = zeroblob(400), sender = (SELECT sender FROM records WHERE seq = 1) WHERE seq = 2",
    ],
)
async def test_a_row_that_is_moved_into_a_scope_is_not_shown_and_said(
    ministry: Ministry, change: str
) -> None:
    made = await ministry.ask(people=PEOPLE[0])
    sql(ministry.place, f"UPDATE records SET {change}")
    await ministry.approve(made, ARCHIVES, DPD)
    _, answer = await ministry.requests.answer(made.request.id, JUGE)
    assert len(answer.rows) == 2
    assert "1 rows and 0 names were changed" in answer.sentence.in_language("en")
    names = " ".join(value for row in answer.rows for value in row)
    assert not any(name in names for name in ("carol", "dave", "grp-1"))
    assert (await ministry.requests.find(made.request.id)).n == 2


async def test_another_s_name_in_a_row_of_the_scope_is_not_shown(ministry: Ministry) -> None:
    dave = "(SELECT recipient FROM records WHERE seq = 2)"
    sql(ministry.place, f"UPDATE records SET room = {dave} WHERE seq = 1")
    assert pairs(await ministry.rows(people=PEOPLE[0])) == OF_ALICE[1:]
    assert "1 rows of 2" in await sentence(ministry, people=PEOPLE[0])


async def test_what_no_scope_asks_for_is_left_out_of_no_count(ministry: Ministry) -> None:
    assert await sentence(ministry, people=PEOPLE[0]) == "2 rows of 2."


def forge(ministry: Ministry, month: str | None = None) -> None:
    """Seal another's address to the officers' key, behind the sender of the first record."""
    sender, own = sql(
        ministry.place,
        "SELECT pseudonym, month FROM names WHERE pseudonym ="
        " (SELECT sender FROM records WHERE seq = 1)",
    )[0]
    month = month or str(own)
    box = PublicKey(bytes.fromhex(ministry.bureau.public)).seal(
        pad("innocent@gov.localhost"), name_info(str(sender), month, "person")
    )
    statement = "UPDATE names SET sealed = ?, month = ? WHERE pseudonym = ?"
    sql(ministry.place, statement, box, month, sender)


@pytest.mark.parametrize("month", [None, "2026-02", "2025-01"])
async def test_nobody_is_named_who_is_not_behind_the_pseudonym(
    ministry: Ministry, month: str | None
) -> None:
    forge(ministry, month)
    rows = await ministry.rows(people=PEOPLE[0])
    assert len(rows) == 2
    assert "innocent" not in str(rows)
    assert "0 rows and 1 names were changed" in await sentence(ministry, people=PEOPLE[0])
    assert await ministry.rows(people="innocent@gov.localhost") == []


@pytest.mark.parametrize("month", [None, "2026-02"])
@pytest.mark.parametrize("fate", ["seal", "destroy"])
async def test_names_of_a_month_that_has_ended_are_compared(
    place: Place, fate: str, month: str | None
) -> None:
    one = Ministry(place)
    one.configure(month_keys=fate)
    async with one.running():
        await one.send(*talk(1))
    place.now += 40 * DAY
    async with one.running():
        assert pairs(await one.rows(people=PEOPLE[0])) == OF_ALICE
        forge(one, month)
        assert "innocent" not in str(await one.rows(people=PEOPLE[1]))
        if fate == "seal":  # else nobody can tell any more whose pseudonym it is
            assert "1 names were changed" in await sentence(one, people=PEOPLE[1])
        assert await one.rows(people="innocent@gov.localhost") == []
    assert "pseudonym-changed" in (await place.verify()).counts


async def test_a_month_that_never_had_a_key_opens_nothing(place: Place) -> None:
    one = Ministry(place)
    async with one.running():
        await one.send(*talk(1))
    place.now = JANUARY + 5 * DAY  # nothing was said in December
    async with one.running():
        await one.send(*talk(5, t=place.now))
    place.now = JANUARY + 36 * DAY
    async with one.running():
        await one.send(*talk(9, t=place.now))
        assert "month-2025-12" not in one.parts.keys.dated().get("2025-12", [])
        forge(one, "2025-12")
        rows = await one.rows(people=PEOPLE[1], last="2025-12-31")
        assert "innocent" not in str(rows)
        assert "1 names were changed" in await sentence(one, people=PEOPLE[1])
        assert await one.rows(people="innocent@gov.localhost", last="2025-12-31") == []


async def test_a_name_is_not_known_before_its_day_has_ended_where_its_key_is_gone(
    place: Place,
) -> None:
    one = Ministry(place)
    one.configure(month_keys="destroy")
    async with one.running():
        await one.send(*talk(1))
    place.now += 40 * DAY
    async with one.running():
        sql(place, "UPDATE names SET closed = NULL")
        forge(one)
        assert "innocent" not in str(await one.rows(people=PEOPLE[1]))
        assert await one.rows(people="innocent@gov.localhost") == []


@pytest.mark.parametrize("entry", [0, 1, 10**6])
async def test_a_name_is_not_that_of_another_day(place: Place, entry: int) -> None:
    one = Ministry(place)
    one.configure(month_keys="destroy")
    async with one.running():
        await one.send(*talk(1))
    place.now += 40 * DAY
    async with one.running():
        forge(one)
        sql(
            place,
            "UPDATE names SET closed = ? WHERE pseudonym ="
            " (SELECT sender FROM records WHERE seq = 1)",
            entry,
        )
        assert "innocent" not in str(await one.rows(people=PEOPLE[1]))


OF_ALICE_S_NAME = "WHERE pseudonym = (SELECT sender FROM records WHERE seq = 1)"
HIDDEN = {
    "it is gone": [f"DELETE FROM names {OF_ALICE_S_NAME}"],
    "it is of another sort": [f"UPDATE names SET sort = 'room' {OF_ALICE_S_NAME}"],
    "it is of another month": [f"UPDATE names SET month = '2026-02' {OF_ALICE_S_NAME}"],
    "it is another one": [f"UPDATE names SET sealed = zeroblob(112) {OF_ALICE_S_NAME}"],
    "it is of no day": [f"UPDATE names SET closed = NULL {OF_ALICE_S_NAME}"],
    "another one of its day is gone": [
        "DELETE FROM names WHERE pseudonym = (SELECT recipient FROM records WHERE seq = 2)"
    ],
    "all are gone": ["DELETE FROM names"],
    "no day is known": ["DELETE FROM names", "DELETE FROM days"],
}


@pytest.mark.parametrize("how", HIDDEN)
async def test_a_search_that_a_hidden_name_cuts_short_says_so(place: Place, how: str) -> None:
    one = Ministry(place)
    one.configure(month_keys="destroy")
    async with one.running():
        await one.send(*talk(1))
    place.now += 40 * DAY
    async with one.running():
        await one.send(*talk(5, t=place.now))
    place.now += 2 * DAY
    async with one.running():
        whole = await sentence(one, people=PEOPLE[0])
        assert whole.endswith("2 rows of 2.")
        for statement in HIDDEN[how]:
            sql(place, statement)
        said = await sentence(one, people=PEOPLE[0])
        assert "of these days" in said
        assert ": 2025-11-23" in said
        assert "verify" in said
        later = {"first": "2026-01-01", "last": "2026-01-31", "people": PEOPLE[0]}
        assert "of these days" not in await sentence(one, **later)


async def test_names_of_a_day_when_the_month_was_over_matter_to_no_search_of_it(
    place: Place,
) -> None:
    one = Ministry(place)
    one.configure(month_keys="destroy")
    async with one.running():
        await one.send(*talk(1))
    for later in (40, 2):
        place.now += later * DAY
        async with one.running():
            pass
    async with one.running():
        await one.send(*talk(5, t=place.now))
    place.now += 2 * DAY
    async with one.running():
        assert sql(place, "DELETE FROM names WHERE month = '2026-01' RETURNING closed")
        assert (await sentence(one, people=PEOPLE[0])).endswith("2 rows of 2.")
    assert "pseudonym-changed" in (await place.verify()).counts


async def test_a_name_that_is_said_to_have_been_erased_is_missed(place: Place) -> None:
    """What is left of it makes the root; but no entry says that its month was erased."""
    one = Ministry(place)
    one.configure(month_keys="destroy")
    async with one.running():
        await one.send(*talk(1))
    place.now += 40 * DAY
    async with one.running():
        ((entry,),) = sql(place, "SELECT DISTINCT closed FROM names")
        assert isinstance(entry, int)
        columns = "pseudonym, month, sort, sealed"
        ordered = sql(place, f"SELECT {columns} FROM names ORDER BY pseudonym")
        ((alice,),) = sql(place, "SELECT sender FROM records WHERE seq = 1")
        (at,) = [n for n, row in enumerate(ordered) if row[0] == alice]
        name = StoredName(*ordered[at])  # type: ignore[arg-type]
        forgotten = (entry, at, name.month, name_digest(name))
        sql(place, "INSERT INTO forgotten VALUES (?, ?, ?, ?)", *forgotten)
        sql(place, "DELETE FROM names WHERE pseudonym = ?", alice)
        assert "of these days" in await sentence(one, people=PEOPLE[0])


CHANGED = "UPDATE requests SET requester = ?, role = 'requester', until = until + 9999999999"


async def test_who_asked_and_until_when_is_not_asked_of_the_database(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask(ARCHIVES)
        sql(office.place, CHANGED, JUGE)
        with pytest.raises(NotAllowed):
            await office.approve(made, ARCHIVES)
        assert [one.requester for one in await requests.requests(DPD)] == [ARCHIVES]
        assert await requests.requests(JUGE) == []
        await office.approve(made, DPD, RSSI)
        with pytest.raises(NotAllowed):
            await requests.answer(made.request.id, JUGE)
        await requests.answer(made.request.id, ARCHIVES)
        late = await office.ask(ARCHIVES)
        sql(office.place, CHANGED, JUGE)
        office.place.now += 24 * HOUR
        with pytest.raises(Unexpected):
            await office.approve(late, DPD)
        entries = await office.controls()
    assert [(e.kind, e.requester) for e in entries if isinstance(e, Access)] == [
        ("access", "archivist")
    ]
    assert [e.request for e in entries if isinstance(e, Refusal)] == [late.request.hash]


async def test_approvals_are_not_asked_of_the_database(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        sql(office.place, "UPDATE requests SET state = 'half'")
        step = "INSERT INTO request_steps VALUES (?, 1, 1, 'approve', 'security')"
        sql(office.place, step, made.request.hash)
        assert (await requests.find(made.request.id)).state is State.OPEN
        await office.approve(made, DPD)
        assert (await requests.find(made.request.id)).approved == ("dpo",)
        sql(office.place, "DELETE FROM request_steps WHERE event = 'approve'")
        with pytest.raises(Conflict):
            await office.approve(made, DPD)
        assert office.deed.done == []
        await office.approve(made, ARCHIVES)
        assert office.deed.done[0].roles == ("archivist", "dpo")
        sql(office.place, "UPDATE requests SET state = 'half'")
        with pytest.raises(Unexpected):
            await office.approve(made, RSSI)
        assert len(office.deed.done) == 1


async def test_a_request_that_only_the_database_has_is_none(office: Office) -> None:
    async with office.running() as requests:
        made = await office.ask()
        await requests.refuse(made.request.id, DPD)
        sql(office.place, "UPDATE requests SET state = 'open'")
        with pytest.raises(NotFound):
            await office.approve(made, RSSI)
        for _ in range(5):
            await office.ask()
        sql(office.place, "UPDATE requests SET state = 'ended'")
        with pytest.raises(TooMany):
            await office.ask()


@pytest.mark.parametrize("back", [0, 3 * DAY])
async def test_a_clock_that_is_set_back_gives_no_time(office: Office, back: int) -> None:
    async with office.running() as requests:
        made, shown = await office.ask(), await office.ask()
        await office.approve(shown, DPD, ARCHIVES)
        office.uptime += 14 * MINUTE / 1000
        office.place.now += 14 * MINUTE - back
        await requests.answer(shown.request.id, JUGE)
        office.uptime += MINUTE / 1000
        with pytest.raises(NotFound):
            await requests.answer(shown.request.id, JUGE)
        await requests.close_what_is_due()
        assert (await requests.find(shown.request.id)).state is State.ENDED
        office.uptime += 24 * HOUR / 1000
        with pytest.raises(Unexpected):
            await office.approve(made, RSSI)
        await requests.close_what_is_due()
        assert (await requests.find(made.request.id)).state is State.EXPIRED


@pytest.mark.parametrize(
    ("first", "last"),
    [("9999-12-01", "9999-12-31"), ("2026-02-30", "2026-03-01"), ("2026-01-01", "2026-19-39")],
)
async def test_days_that_no_calendar_has_make_no_request(
    ministry: Ministry, first: str, last: str
) -> None:
    with pytest.raises(ValueError, match=r"day|month"):
        await ministry.ask(first, last, people=PEOPLE[0])


async def test_a_span_of_centuries_is_refused_at_once(ministry: Ministry) -> None:
    for last in ("2035-11-01", "2999-12-31"):
        with pytest.raises(BadRequest):
            await ministry.ask("2025-11-01", last, people=PEOPLE[0])
    await ministry.send(record(5))
    await ministry.ask("2025-11-01", "2035-10-31", people=PEOPLE[0])
