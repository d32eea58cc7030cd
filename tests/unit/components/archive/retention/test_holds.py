"""Legal holds: what they keep, under which keys, how they end, and that each step is in the log."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.retention.world import (
    TWO,
    VISA,
    AtWork,
    at,
    at_work,
    commit,
    controls,
    erase,
    finished,
    hold,
    keys,
    message,
    nothing,
    short,
)
from xmppgov.archive.leaf import DayEnd, Erase, Hold, Release
from xmppgov.errors import BadRequest, Conflict, NotAllowed, NotFound
from xmppgov_archive.retention.model import Part

JANUARY = Part("messages", "2026-01")


async def january(place: Place) -> Place:
    """Alice, Bob and Carol wrote in January, each ten messages; it is due."""
    short(place)
    place.now = at(2026, 1, 31)
    async with at_work(place) as parts:
        people = ("alice", "bob", "carol")
        rows = [
            message(n, at(2026, 1, 1 + n % 30) + n, people[n % 3], to="dave@gov.localhost")
            for n in range(1, 31)
        ]
        await commit(parts, *rows)
    place.now = at(2026, 3, 1)
    return place


async def pseudonym(place: Place, who: str) -> str:
    """What somebody was in January: whom the first record of theirs names."""
    number = ("bob", "carol", "alice").index(who)
    records = [found.record for found in await place.records()]
    return str(records[number]["from"])


async def test_what_is_held_stays_and_is_as_it_was_signed(place: Place) -> None:
    await january(place)
    alice = await pseudonym(place, "alice")
    before = await place.records()
    async with at_work(place) as parts:
        assert await hold(parts, people=alice) == 0  # whom it names is not counted
        assert await erase(parts, "2026-01") == 20
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 10, 20), report.findings
    left = await place.records()
    assert left == [found for found in before if found.sender == alice]
    assert keys(place, "body-*") == []
    assert keys(place, "hold-*") == ["hold-affaire-7.2026-01-messages"]
    made, erased = [c for c in await controls(place) if isinstance(c, Hold | Erase)]
    assert isinstance(made, Hold)
    assert (made.hold, made.reason, made.roles, made.n) == (
        "affaire-7",
        "judicial",
        "archivist",
        0,
    )
    assert isinstance(erased, Erase)
    assert (erased.n, erased.held) == (20, 10)
    assert alice not in str(made)


async def test_a_hold_keeps_names_and_keys_of_the_month_it_needs(place: Place) -> None:
    await january(place)
    alice = await pseudonym(place, "alice")
    async with at_work(place) as parts:
        await hold(parts, people=alice)
        await erase(parts, "2026-01")
    async with place.inspected() as inspection:
        names = await inspection.store.sealed_names(["2026-01"], "person")
    assert alice in {name.pseudonym for name in names}
    assert "day-2026-01-03" in keys(place)


async def release(parts: AtWork, id: str) -> None:
    await parts.retention.holds.release(id, TWO, nothing)


async def test_what_was_held_is_due_again_and_goes_with_the_hold_s_key(place: Place) -> None:
    await january(place)
    alice = await pseudonym(place, "alice")
    async with at_work(place) as parts:
        await hold(parts, people=alice)
        await erase(parts, "2026-01")
        assert (await parts.retention.holds.all())[0].ended is None
        with pytest.raises(NotFound):
            await erase(parts, "2026-01")
        await release(parts, "affaire-7")
        assert len(await place.records()) == 10
        assert await erase(parts, "2026-01") == 10
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 0, 30)
    assert not [name for name in keys(place) if "2026-01" in name]
    assert [c.roles for c in await controls(place) if isinstance(c, Release)] == ["archivist dpo"]


async def test_overlapping_holds_hand_their_records_over(place: Place) -> None:
    await january(place)
    alice, bob = await pseudonym(place, "alice"), await pseudonym(place, "bob")
    both = " ".join(sorted((alice, bob)))
    async with at_work(place) as parts:
        await hold(parts, "long", "2031-01-01", people=alice)
        await hold(parts, "short", "2027-01-01", people=both)
        assert await erase(parts, "2026-01") == 10
        kept = {"hold-long.2026-01-messages", "hold-short.2026-01-messages"}
        assert set(keys(place, "hold-*")) == kept
        await release(parts, "long")
        assert (await place.verify()).total == 0
        with pytest.raises(NotFound):
            await erase(parts, "2026-01")
        await release(parts, "short")
        assert await erase(parts, "2026-01") == 20
    assert (await place.verify()).total == 0
    assert keys(place, "hold-*") == []


async def test_what_only_another_hold_still_keeps_moves_to_its_key(place: Place) -> None:
    await january(place)
    alice, bob = await pseudonym(place, "alice"), await pseudonym(place, "bob")
    both = " ".join(sorted((alice, bob)))
    async with at_work(place) as parts:
        await hold(parts, "wide", "2031-01-01", people=both)
        await erase(parts, "2026-01")
        await hold(parts, "narrow", "2027-01-01", people=alice)
        await release(parts, "wide")
        assert await erase(parts, "2026-01") == 10
    report = await place.verify()
    assert (report.total, report.records) == (0, 10), report.findings
    assert keys(place, "hold-*") == ["hold-narrow.2026-01-messages"]


async def test_a_hold_ends_by_itself_and_the_log_says_so(place: Place) -> None:
    await january(place)
    async with at_work(place) as parts:
        assert await hold(parts, until="2026-03-31", first="2026-01-01", last="2026-01-31") == 30
        with pytest.raises(NotFound):
            await erase(parts, "2026-01")
    place.now = at(2026, 3, 31) + 86_399_999
    async with at_work(place) as parts:
        await parts.retention.holds.end_what_is_over()
        assert (await parts.retention.holds.all())[0].ended is None
        place.now += 1
        await parts.retention.holds.end_what_is_over()
        ended = (await parts.retention.holds.all())[0]
        assert ended.ended is not None
        assert await erase(parts, "2026-01") == 30
    assert [c.roles for c in await controls(place) if isinstance(c, Release)] == ["nobody"]
    assert (await place.verify()).total == 0


@pytest.mark.parametrize(
    ("said", "n"),
    [
        ({"first": "2026-01-10"}, 21),
        ({"last": "2026-01-02"}, 2),
        ({"first": "2026-01-05", "last": "2026-01-05"}, 1),
        ({"classes": "messages"}, 30),
        ({"classes": "governance"}, 0),
        ({}, 30),
    ],
)
async def test_days_and_classes_are_held(place: Place, said: dict[str, str], n: int) -> None:
    await january(place)
    async with at_work(place) as parts:
        assert await hold(parts, **said) == n
        if n < 30:
            assert await erase(parts, "2026-01") == 30 - n
    assert (await place.verify()).total == 0


async def test_a_hold_of_this_month_is_there_before_anything_is_due(place: Place) -> None:
    await january(place)
    async with at_work(place) as parts:
        await hold(parts, first="2026-03-01")
        await commit(parts, *(message(n, place.now + n) for n in range(31, 41)))
        place.now = at(2026, 5, 1)
        assert await erase(parts, "2026-01") == 30
        with pytest.raises(NotFound):
            await erase(parts, "2026-03")
    assert (await place.verify()).records == 10


async def test_what_cannot_be_held_or_released_is_said(place: Place) -> None:
    await january(place)
    async with at_work(place) as parts:
        await hold(parts)
        with pytest.raises(Conflict):
            await hold(parts)
        with pytest.raises(BadRequest):
            await hold(parts, "late", "2026-02-28")
        with pytest.raises(BadRequest):
            parts.retention.holds.extent(people="alice@gov.localhost")
        for roles in (["archivist"], ["dpo", "dpo"]):
            with pytest.raises(NotAllowed):
                await parts.retention.holds.release("affaire-7", roles, nothing)
        with pytest.raises(NotFound):
            await release(parts, "other")
        await release(parts, "affaire-7")
        with pytest.raises(NotFound):
            await release(parts, "affaire-7")
        with pytest.raises(Conflict):
            await hold(parts)


async def test_a_hold_that_is_made_while_records_are_chosen_is_heeded(place: Place) -> None:
    await january(place)
    async with at_work(place) as parts:
        promises = parts.retention.promises
        choose = promises._choose

        async def choose_slowly(wanted: list[Part]):  # type: ignore[no-untyped-def]
            chosen = await choose(wanted)
            if not await parts.retention.holds.all():
                await hold(parts, first="2026-01-10")
            return chosen

        promises._choose = choose_slowly  # type: ignore[method-assign, assignment]
        promised = await promises.erase([JANUARY], VISA, TWO, nothing)
        parts.retention.rounds.wake()
        await finished(parts)
    assert promised.slip.records == 9
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 21, 9)
    assert len(list(place.section.slips.glob("*.csv"))) == 1


async def test_a_hold_ends_once_however_many_say_so_at_once(place: Place) -> None:
    await january(place)
    async with at_work(place) as parts:
        await hold(parts, "over", "2026-03-01")
        await hold(parts, "released")
        place.now = at(2026, 3, 2)
        ends = [parts.retention.holds.end_what_is_over() for _ in range(4)]
        await asyncio.gather(*ends)
        both = [parts.retention.holds.release("released", TWO, nothing) for _ in range(3)]
        said = await asyncio.gather(*both, return_exceptions=True)
        assert sum(isinstance(one, NotFound) for one in said) == 2
    ended = [c.hold for c in await controls(place) if isinstance(c, Release)]
    assert sorted(ended) == ["over", "released"]
    assert (await place.verify()).total == 0


async def test_a_hold_counts_nothing_that_is_being_erased(place: Place) -> None:
    """Else the next erasure would seem to take what the hold keeps."""
    await january(place)
    place.now = at(2026, 5, 2)
    async with at_work(place) as parts:
        await parts.retention.promises.erase([Part("messages", "2026-01")], VISA, TWO, nothing)
        n = await hold(parts, first="2026-01-01", last="2026-01-31", until="2026-12-31")
        parts.retention.rounds.wake()
        await finished(parts)
        assert n == len([r for r in await place.records() if r["t"] < at(2026, 2, 1)])
    assert (await place.verify()).total == 0


async def test_a_hold_that_ends_while_the_machine_sleeps_ends_behind_its_days(place: Place) -> None:
    """The clock jumps, and nobody has looked at the days yet when the release is written."""
    await january(place)
    place.now = at(2026, 3, 2)
    async with at_work(place) as parts:
        await hold(parts, "over", "2026-04-20", first="2026-01-01", last="2026-01-31")
        place.now = at(2026, 5, 2)
        await parts.retention.holds.end_what_is_over()
        await hold(parts, "next")
    assert (await place.verify()).total == 0
    entries = [c for c in await controls(place) if isinstance(c, DayEnd | Hold | Release)]
    assert [c.kind for c in entries][-3:] == ["day", "release", "hold"]


async def test_a_release_that_waited_for_its_turn_while_the_machine_slept_has_its_time(
    place: Place,
) -> None:
    await january(place)
    place.now = at(2026, 3, 2)
    async with at_work(place) as parts:
        await hold(parts, "a")
        async with parts.archive.adding():
            waiting = asyncio.ensure_future(parts.retention.holds.release("a", TWO, nothing))
            while not parts.archive._turn._waiters:
                await asyncio.sleep(0)
            place.now = at(2026, 5, 2)
        await waiting
    assert (await place.verify()).total == 0
