"""Minutes and days: what is counted only, references and names under a root, late arrivals."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import suppress

import pytest

from tests.unit.archive.batches import START, batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from xmppgov.archive.batch import CountedMessage, Progress
from xmppgov.archive.day import key_digest, reference, references_root
from xmppgov.archive.leaf import (
    Control,
    Counted,
    Counts,
    DataLeaf,
    DayEnd,
    EmitterStart,
    parse_leaf,
)
from xmppgov_archive.records.keys import DAY
from xmppgov_archive.records.service import Committed, Contradicted

MINUTE = 60_000
ROOM, OTHER = "grp-1@rooms.gov.localhost", "grp-2@rooms.gov.localhost"


async def controls(place: Place) -> list[Control]:
    """The control entries of the log, in order."""
    async with place.inspected() as inspection:
        leaves = await inspection.store.indexed_leaves(0, 10**9)
    found = (parse_leaf(leaves[index]) for index in sorted(leaves))
    return [leaf for leaf in found if not isinstance(leaf, DataLeaf)]


async def test_counted_messages_are_named_once_a_minute_and_summed_once_a_day(
    place: Place,
) -> None:
    items = [record(1), CountedMessage(2, ROOM), CountedMessage(3, ROOM), record(4)]
    more = [CountedMessage(5, OTHER), CountedMessage(6), hole(7, 8), CountedMessage(9, ROOM)]
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, *items))
        assert await archive.commit(SERVER, batch(EPOCH, *more)) == Committed(9)
        report = await place.verify()
        assert (report.total, report.open, report.counted) == (0, 4, 0)
        place.now += MINUTE
        await archive.close_what_is_due()
        report = await place.verify()
        assert (report.total, report.open, report.counted) == (0, 0, 5)
        await archive.commit(SERVER, batch(EPOCH, CountedMessage(10, OTHER)))
        place.now += 2 * DAY
        await archive.close_what_is_due()
    assert (await place.verify()).total == 0
    found = await controls(place)
    named = [leaf.ranges for leaf in found if isinstance(leaf, Counted)]
    assert named == ["2-3 5-6 9", "10"]
    (sums,) = [leaf for leaf in found if isinstance(leaf, Counts)]
    assert sorted(pair.rpartition(":")[2] for pair in sums.sums.split(" ")) == ["1", "2", "3"]
    assert sums.n == 6
    assert "-:1" in sums.sums.split(" ")
    assert "@" not in str(found)


async def test_a_counted_message_that_comes_again_is_the_same_and_nothing_else(
    place: Place,
) -> None:
    good = batch(EPOCH, record(1), CountedMessage(2, ROOM), hole(3, 3))
    async with place.running() as archive:
        await archive.commit(SERVER, good)
        assert await archive.commit(SERVER, good) == Committed(3)
        for wrong in (CountedMessage(1), record(2), hole(2, 2), CountedMessage(3)):
            answer = await archive.commit(SERVER, batch(EPOCH, wrong))
            assert isinstance(answer, Contradicted), wrong


async def test_a_day_ends_with_the_root_of_its_references(place: Place) -> None:
    twice = record(3, oid="origin-1", sid=None)  # a client's resend has the same origin-id
    await place.fill(batch(EPOCH, record(1), record(2), twice))
    place.now += DAY
    await place.fill()
    (end,) = [leaf for leaf in await controls(place) if isinstance(leaf, DayEnd)]
    bodies = [found.record for found in await place.records()]
    values = {reference(str(b[k])) for b in bodies for k in ("ref", "oid") if k in b}
    assert (end.day, end.part, end.n) == ("2025-11-23", 1, 4)
    assert references_root(values)[0].hex() == end.root
    assert end.named == 2
    assert (await place.verify()).total == 0


async def test_what_arrives_late_is_a_part_of_its_own(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    place.now += DAY
    await place.fill(batch(EPOCH, record(2)), batch(EPOCH, record(3, t=START - 9 * DAY)))
    place.now += DAY
    await place.fill()
    ends = [leaf for leaf in await controls(place) if isinstance(leaf, DayEnd)]
    assert [(end.day, end.part, end.n) for end in ends] == [
        ("2025-11-23", 1, 2),
        ("2025-11-14", 1, 2),
        ("2025-11-23", 2, 2),
        ("2025-11-24", 1, 0),
    ]
    assert (await place.verify()).total == 0


async def test_days_without_anything_end_too(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    place.now += 4 * DAY
    await place.fill()
    days = [leaf.day for leaf in await controls(place) if isinstance(leaf, DayEnd)]
    assert days == ["2025-11-23", "2025-11-24", "2025-11-25", "2025-11-26"]
    await place.fill()
    assert len([e for e in await controls(place) if isinstance(e, DayEnd)]) == 4


async def test_an_emitter_that_begins_anew_says_how_far_it_had_come(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1), record(2)), batch(EPOCH + 5, record(1)))
    first, second = [e for e in await controls(place) if isinstance(e, EmitterStart)]
    assert (first.previous, first.last) == (None, None)
    assert (second.previous, second.last) == (f"1/{EPOCH}", 2)
    report = await place.verify()
    assert (report.total, report.restarts) == (0, 1)


async def test_what_a_spool_says_of_itself_is_kept(place: Place) -> None:
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(1), waiting=70))
        async with place.inspected() as inspection:
            (spool,) = (await inspection.status()).spools
        assert spool == (SERVER, 70, START + 1, place.now)
        place.now += 5
        assert await archive.last(SERVER, Progress(EPOCH, 3)) == 1
    async with place.inspected() as inspection:
        (spool,) = (await inspection.status()).spools
    assert spool == (SERVER, 3, None, place.now)


@pytest.mark.parametrize("fails", range(1, 8))
async def test_a_day_that_cannot_be_closed_is_closed_by_the_next_attempt(
    place: Place, fails: int
) -> None:
    await place.fill(batch(EPOCH, record(1), CountedMessage(2, ROOM)))
    place.now += 2 * DAY
    async with place.running() as archive:
        await archive.close_what_is_due()
        place.now += DAY
        database = archive._store.database
        steps = itertools.count(1)
        stop = 40 * 2**fails  # instructions of SQLite, from the first statement to the last
        await database._connection.set_progress_handler(lambda: next(steps) == stop, 1)
        with suppress(sqlite3.OperationalError):  # interrupted; the last ones come through
            await archive.close_what_is_due()
        await database._connection.set_progress_handler(None, 0)
        await archive.close_what_is_due()
    assert (await place.verify()).total == 0
    ends = [leaf.day for leaf in await controls(place) if isinstance(leaf, DayEnd)]
    assert ends == ["2025-11-23", "2025-11-24", "2025-11-25"]


async def test_names_are_sealed_and_open_with_the_officers_key_only(place: Place) -> None:
    from xmppgov.archive.sealing import unpad
    from xmppgov_archive.records.pseudonyms import name_info

    await place.fill(batch(EPOCH, record(1, in_room=True)))
    async with place.inspected() as inspection:
        people = await inspection.store.sealed_names(["2025-11"], "person")
        rooms = await inspection.store.sealed_names(["2025-11"], "room")
    opened = {
        unpad(place.officers.open(n.sealed, name_info(n.pseudonym, n.month, n.sort)))
        for n in (*people, *rooms)
    }
    assert opened == {"alice@gov.localhost", ROOM}
    assert "alice" not in json.dumps([found.record for found in await place.records()])


async def test_a_day_ends_with_the_digest_of_its_key(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    place.now += 2 * DAY
    await place.fill()
    full, empty = [leaf for leaf in await controls(place) if isinstance(leaf, DayEnd)]
    file = place.section.keys_dir / "day-2025-11-23.key"
    assert full.key == key_digest(file.read_bytes())
    assert (empty.n, empty.key) == (0, "")
    key = file.read_bytes()
    file.write_bytes(bytes(32))
    assert [f.code for f in (await place.verify()).findings] == ["key-changed"]
    file.unlink()
    assert [f.code for f in (await place.verify()).findings] == ["key-changed"]
    file.write_bytes(key)
    assert (await place.verify()).total == 0


async def test_what_was_counted_at_an_epoch_s_end_is_named_behind_it(place: Place) -> None:
    counted = batch(EPOCH, record(1), CountedMessage(2, ROOM), CountedMessage(3))
    async with place.running() as archive:
        await archive.commit(SERVER, counted)
        await archive.commit(SERVER, batch(EPOCH + 5, CountedMessage(1), record(2)))
        report = await place.verify()
        assert (report.total, report.open) == (0, 3)
        place.now += MINUTE
        await archive.close_what_is_due()
    report = await place.verify()
    assert (report.total, report.open, report.counted) == (0, 0, 3)


async def test_clocks_and_emitters_that_are_put_back_leave_an_honest_log(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    place.now -= 5 * MINUTE
    await place.fill(batch(EPOCH, hole(2, 3)), batch(EPOCH + 1, hole(1, 4), record(5)))
    place.now += 60 * DAY  # the archive was away
    await place.fill(batch(EPOCH + 2, record(1), hole(2, 2)))
    assert (await place.verify()).total == 0
