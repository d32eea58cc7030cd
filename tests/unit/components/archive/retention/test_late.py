"""What arrives for a month that is erased, and the names and counts of such a month."""

from __future__ import annotations

import sqlite3

import pytest

from tests.unit.archive.batches import batch
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.retention.world import (
    DAY,
    TWO,
    VISA,
    at,
    at_work,
    commit,
    erase,
    finished,
    hold,
    keys,
    message,
    nothing,
    short,
    three_months,
)
from xmppgov.archive.batch import CountedMessage
from xmppgov.errors import Unexpected
from xmppgov_archive.records.service import Committed
from xmppgov_archive.retention.model import Part


async def test_what_arrives_late_has_a_key_of_its_own_and_is_due_at_once(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
        await commit(parts, message(31, at(2026, 1, 5)), message(32, at(2026, 3, 5)))
        assert "body2-2026-01-messages" in keys(place)
    async with at_work(place) as parts:  # the generation is known after a restart
        await commit(parts, message(33, at(2026, 1, 6)))
        assert "body-2026-01-messages" not in keys(place)
        assert (await place.verify()).total == 0
        assert await erase(parts, "2026-01") == 2
        assert "body2-2026-01-messages" not in keys(place)
        await commit(parts, message(34, at(2026, 1, 6)))
        assert "body3-2026-01-messages" in keys(place)
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 22, 12)


async def test_what_arrives_while_records_are_chosen_is_erased_too(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        promises = parts.retention.promises
        choose, tries = promises._choose, []

        async def overtaken(wanted: list[Part]):  # type: ignore[no-untyped-def]
            chosen = await choose(wanted)
            tries.append(chosen)
            if len(tries) < 3:
                await commit(parts, message(30 + len(tries), at(2026, 1, 9)))
            return chosen

        promises._choose = overtaken  # type: ignore[method-assign, assignment]
        assert await erase(parts, "2026-01") == 12
        assert len(tries) == 3
    assert (await place.verify()).total == 0
    assert len(list(place.section.slips.glob("*.csv"))) == 1


async def test_what_arrives_behind_the_promise_outlives_it(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        wanted = [Part("messages", "2026-01")]
        await parts.retention.promises.erase(wanted, VISA, TWO, nothing)
        await commit(parts, message(31, at(2026, 1, 9)))
        with pytest.raises(Unexpected):
            await parts.retention.promises.check(wanted)
        parts.retention.rounds.wake()
        await finished(parts)
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 21, 10), report.findings
    assert "body2-2026-01-messages" in keys(place)
    async with place.inspected() as inspection:
        names = await inspection.store.sealed_names(["2026-01", "2026-02", "2026-03"], "person")
    late = (await place.records())[-1].record
    assert {late["from"], late["to"]} <= {name.pseudonym for name in names}


async def test_rooms_that_are_only_counted_are_named_until_their_month_is_gone(
    place: Place,
) -> None:
    short(place)
    place.now = at(2026, 1, 15)
    async with at_work(place) as parts:
        room = CountedMessage(2, "grp-9@rooms.gov.localhost")
        await parts.archive.commit(SERVER, batch(EPOCH, message(1, place.now), room))
    place.now = at(2026, 3, 15)
    async with at_work(place) as parts:
        async with place.inspected() as inspection:
            assert len(await inspection.store.sealed_names(["2026-01"], "room")) == 1
        await erase(parts, "2026-01")
        async with place.inspected() as inspection:
            assert await inspection.store.sealed_names(["2026-01"], "room") == []
    assert (await place.verify()).total == 0


async def test_names_that_are_left_of_a_day_are_still_those_that_were_signed(place: Place) -> None:
    """The last names of January and the first of February are covered by one entry."""
    short(place)
    place.now = at(2026, 1, 31) + DAY - 1000
    people = [f"person-{n}" for n in range(12)]
    async with at_work(place) as parts:
        await commit(parts, *(message(n, place.now, people[n]) for n in range(1, 6)))
        place.now = at(2026, 2, 1) + 1000
        await commit(parts, *(message(n, place.now, people[n]) for n in range(6, 12)))
    place.now = at(2026, 3, 1)
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
    assert (await place.verify()).total == 0
    with sqlite3.connect(place.section.database) as database:
        gone = database.execute("SELECT count(*), count(DISTINCT closed) FROM forgotten").fetchone()
        assert gone == (6, 1)
        database.execute("UPDATE names SET sealed = zeroblob(112)")
    assert (await place.verify()).counts["pseudonym-changed"] == 1


async def test_one_class_goes_and_the_other_stays(place: Place) -> None:
    await three_months(place)
    place.section = place.section.model_copy(
        update={"emitters": {"directory.gov.localhost": ("lookup",)}}
    )
    async with at_work(place) as parts:
        look = message(1, at(2026, 1, 5), kind="lookup", path="local", sid=None, oid=None)
        look = look._replace(size=None, enc=None)
        answer = await parts.archive.commit("directory.gov.localhost", batch(EPOCH, look))
        assert answer == Committed(1)
        await erase(parts, "2026-01")
        assert "day-2026-01-03" in keys(place)
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 21, 10)
    async with place.inspected() as inspection:
        assert await inspection.store.sealed_names(["2026-01"], "person")


async def test_names_of_a_later_month_stay_as_long_as_late_records_have_them(place: Place) -> None:
    """January has ended when a record of it arrives: its pseudonyms are those of March."""
    await three_months(place)
    place.now = at(2026, 3, 20)
    await three_months_more(place)
    place.now = at(2026, 5, 10)
    async with at_work(place) as parts:
        await hold(parts, first="2026-01-20", last="2026-01-20")
        assert await erase(parts, "2026-01", "2026-02", "2026-03") == 30
        late = (await place.records())[0].record
        async with place.inspected() as inspection:
            names = await inspection.store.sealed_names(["2026-03"], "person")
        assert {late["from"], late["to"]} <= {name.pseudonym for name in names}
        assert (await place.verify()).total == 0
        await parts.retention.holds.release("affaire-7", TWO, nothing)
        assert await erase(parts, "2026-01") == 1
        async with place.inspected() as inspection:
            assert await inspection.store.sealed_names(["2026-03"], "person") == []
    assert not [name for name in keys(place) if name[-2:] < "05" and "2026-0" in name]
    assert (await place.verify()).total == 0


async def three_months_more(place: Place) -> None:
    """A record of January that comes when January and February have ended."""
    async with at_work(place) as parts:
        await commit(parts, message(31, at(2026, 1, 20), "late"))
