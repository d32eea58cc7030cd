"""What someone with the database's password can do to holds and erasures is found by `verify`."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.retention.world import (
    DAY,
    TWO,
    VISA,
    at,
    at_work,
    commit,
    controls,
    erase,
    hold,
    keys,
    message,
    nothing,
    short,
)
from tests.unit.components.archive.test_tampering import (
    Tampering,
    apply,
    content,
    named,
    put_back,
    tamper,
    tamperings,
)
from xmppgov.archive.leaf import Erase, Release
from xmppgov.errors import Conflict, NotFound, StorageError, Unexpected
from xmppgov_archive.retention.erasing.service import Unfinished
from xmppgov_archive.retention.model import Part

TABLES = {
    "holds": set(),
    "erasures": {"id", "done"},
    "erasure_parts": {"generation"},
    "erased": set(),
    "forgotten": set(),
}  # fmt: skip
"""Each with the columns that no entry knows: a change of these alone does nothing to hide."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Three holds of which one lasts, two erasures, and what came late."""
    place = short(Place(tmp_path_factory.mktemp("full")))
    asyncio.run(_fill(place))
    return place


async def _fill(place: Place) -> None:
    place.now = at(2026, 1, 31) + DAY - 1000
    async with at_work(place) as parts:
        await commit(parts, *(message(n, at(2026, 1, 3 + n) + n, f"p{n}") for n in range(1, 9)))
        await commit(parts, message(9, place.now))
        place.now = at(2026, 2, 1) + 1000
        await commit(parts, *(message(n, place.now + n) for n in range(10, 14)))
        await hold(parts, "first", "2026-02-20", first="2026-01-05")
        await hold(parts, "second", first="2026-01-08", last="2026-01-09")
        await hold(parts, "third", last="2026-01-05")
    place.now = at(2026, 4, 2)
    async with at_work(place) as parts:
        await parts.retention.holds.end_what_is_over()
        await parts.retention.holds.release("third", TWO, nothing)
        await erase(parts, "2026-01")
        await commit(parts, message(14, at(2026, 1, 20)))
        await erase(parts, "2026-01", "2026-02")


def hides(table: str, columns: list[str], one: Tampering) -> bool:
    """Tell whether more is changed than what no entry knows."""
    known = [n for n, name in enumerate(columns) if name not in TABLES[table]]
    return sorted([tuple(row[n] for n in known) for row in one.gone], key=repr) != sorted(
        [tuple(row[n] for n in known) for row in one.come], key=repr
    )


@pytest.mark.parametrize("table", TABLES)
def test_every_row_deleted_changed_replayed_put_in_or_swapped_is_found(
    full: Place, table: str
) -> None:
    database = full.section.database
    pristine = database.read_bytes()
    report = asyncio.run(full.verify())
    assert not report.total, report.findings
    columns, rows = content(database, table)
    assert rows
    done = 0
    try:
        for one in tamperings(columns, rows):
            if hides(table, columns, one) and apply(database, table, columns, one):
                done += 1
                assert named(asyncio.run(full.verify())), (table, one)
            put_back(database, pristine)
    finally:
        put_back(database, pristine)
    assert done >= len(rows)


async def erased(place: Place) -> Place:
    short(place)
    place.now = at(2026, 1, 20)
    async with at_work(place) as parts:
        await commit(parts, *(message(n, at(2026, 1, 3) + n) for n in range(1, 6)))
        await hold(parts, first="2026-02-01")
    place.now = at(2026, 3, 2)
    return place


async def test_a_key_that_outlives_its_erasure_is_found(place: Place) -> None:
    await erased(place)
    file = place.section.keys_dir / "body-2026-01-messages.key"
    secret = file.read_bytes()
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
    assert (await place.verify()).total == 0
    file.write_bytes(secret)  # somebody had kept it
    file.chmod(0o600)
    assert dict((await place.verify()).counts) == {"key-kept": 1}
    file.unlink()
    tamper(place, "INSERT INTO doomed_keys VALUES (1, 'body-2026-01-messages')")
    assert dict((await place.verify()).counts) == {"key-kept": 1}


async def test_a_hold_taken_away_is_found_and_stops_erasures_until_two_end_it(
    place: Place,
) -> None:
    await erased(place)
    async with at_work(place) as parts:
        await hold(parts, "january", first="2026-01-01", last="2026-01-31")
    tamper(place, "DELETE FROM holds WHERE id = 'january'")
    assert "hold-changed" in (await place.verify()).counts
    async with at_work(place) as parts:
        with pytest.raises(Unexpected):
            await erase(parts, "2026-01")
        with pytest.raises(Conflict):
            await hold(parts, "january")
        assert len(await place.records()) == 5
        await parts.retention.holds.release("january", TWO, nothing)
        assert await erase(parts, "2026-01") == 5
    assert "hold-changed" in (await place.verify()).counts


HELD = "UPDATE holds SET {} WHERE id = 'january'"
LEAF = (
    "UPDATE leaves SET data = CAST(replace(CAST(data AS TEXT), '{0}', '{1}') AS BLOB)"
    " WHERE instr(data, CAST('{0}' AS BLOB))"
)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (HELD.format("ended = 0"), HELD.format("ended = NULL")),
        (HELD.format("until = '2026-02-01'"), HELD.format("until = '2030-01-01'")),
        (HELD.format("id = 'other'"), "UPDATE holds SET id = 'january' WHERE id = 'other'"),
        (
            LEAF.format("january", "decembr"),
            LEAF.format("decembr", "january"),
        ),
    ],
)
@pytest.mark.parametrize("restart", [True, False])
async def test_what_is_changed_for_a_moment_ends_no_hold(
    place: Place, there: str, back: str, restart: bool
) -> None:
    await erased(place)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(at_work(place))
        await hold(parts, "january", first="2026-01-01", last="2026-01-31")
        await parts.archive.signed((await parts.retention.holds.all())[-1].leaf)
        if restart:
            await stack.aclose()
            parts = await stack.enter_async_context(at_work(place))
        tamper(place, there)
        with pytest.raises((Unexpected, NotFound)):
            await erase(parts, "2026-01")
        await parts.retention.holds.end_what_is_over()
        tamper(place, back)
        with pytest.raises(NotFound):
            await erase(parts, "2026-01")
        assert len(await place.records()) == 5
        await parts.retention.holds.release("january", TWO, nothing)
        tamper(place, HELD.format("ended = NULL"))
        assert await erase(parts, "2026-01") == 5
    ends = [leaf.roles for leaf in await controls(place) if isinstance(leaf, Release)]
    assert ends == ["archivist dpo"]


@pytest.mark.parametrize(
    "change",
    [
        "t = t - 34 * 86400000 WHERE seq > 5",  # of February, not due, as if it were of January
        "t = t + 86400000 WHERE seq < 3",  # held, as if it were of the day after
        "sender = recipient WHERE seq = 4",
        "org = 'AAAAAAAAAAAAAAAAAAAAAA' WHERE seq = 4",
        "epoch = epoch + 1 WHERE seq = 4",
        "sealed = (SELECT sealed FROM records WHERE seq = 5) WHERE seq = 4",
    ],
)
async def test_what_is_erased_is_said_by_the_box_and_not_by_columns(
    place: Place, change: str
) -> None:
    short(place)
    place.now = at(2026, 1, 20)
    async with at_work(place) as parts:
        await commit(parts, *(message(n, at(2026, 1, 4 + n // 3) + n) for n in range(1, 6)))
        place.now = at(2026, 2, 25)
        await commit(parts, *(message(n, at(2026, 2, 10) + n) for n in range(6, 9)))
        await hold(parts, first="2026-01-01", last="2026-01-04")
        place.now = at(2026, 3, 2)
        pristine = _select(place)
        tamper(place, f"UPDATE records SET {change}")
        with pytest.raises(Unexpected) as caught:
            await erase(parts, "2026-01")
        assert "verify" in str(caught.value)
        assert not [leaf for leaf in await controls(place) if isinstance(leaf, Erase)]
        _put_back(place, pristine)
        assert await erase(parts, "2026-01") == 3
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 5, 3)


FORGE = (
    "CREATE TRIGGER forge AFTER INSERT ON leaves"
    ' WHEN instr(new.data, CAST(\'"kind":"erase"\' AS BLOB)) BEGIN'
    " UPDATE leaves SET data = CAST(replace(CAST(data AS TEXT), '{}', '{}') AS BLOB)"
    " WHERE idx = new.idx; END"
)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("named", ["7-9", "1-3"])  # not due; held
async def test_an_entry_that_is_changed_before_it_is_signed_erases_nothing(
    place: Place, named: str, restart: bool
) -> None:
    short(place)
    place.now = at(2026, 1, 20)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(at_work(place))
        await commit(parts, *(message(n, at(2026, 1, 3 + n // 4) + n) for n in range(1, 7)))
        place.now = at(2026, 2, 25)
        await commit(parts, *(message(n, at(2026, 2, 10) + n) for n in range(7, 10)))
        await hold(parts, first="2026-01-01", last="2026-01-03")
        place.now = at(2026, 3, 2)
        before = [(found.idx, found.record["es"]) for found in await place.records()]
        free, other = (
            [i for i, es in before if es in some] for some in ((4, 5, 6), named_by(named))
        )
        old, new = (f"{some[0]}-{some[-1]}" for some in (free, other))
        with sqlite3.connect(place.section.database) as database:
            database.execute(FORGE.format(f'"indexes":"{old}"', f'"indexes":"{new}"'))
        await parts.retention.promises.erase([Part("messages", "2026-01")], VISA, TWO, nothing)
        if restart:
            await stack.aclose()
            parts = await stack.enter_async_context(at_work(place))
        (erasure,) = await parts.retention.promises._store.undone()
        (entry,) = await parts.retention.promises._store.entries(erasure)
        assert f'"indexes":"{new}"'.encode() in entry
        with pytest.raises(Unfinished):
            await parts.retention.rounds._erasing.carry_out(erasure)
        assert [(found.idx, found.record["es"]) for found in await place.records()] == before


async def test_other_months_than_those_of_the_slip_are_not_erased(place: Place) -> None:
    await erased(place)
    async with at_work(place) as parts:
        later = "INSERT INTO erasure_parts VALUES (new.id, 'messages', '2026-02', 2)"
        tamper(place, f"CREATE TRIGGER more AFTER INSERT ON erasures BEGIN {later}; END")
        await parts.retention.promises.erase([Part("messages", "2026-01")], VISA, TWO, nothing)
        (erasure,) = await parts.retention.promises._store.undone()
        assert len(erasure.parts) == 2
        with pytest.raises(Unfinished):
            await parts.retention.rounds._erasing.carry_out(erasure)
        assert len(await place.records()) == 5


def named_by(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1)


async def test_only_keys_of_what_is_erased_are_destroyed(place: Place) -> None:
    short(place)
    place.now = at(2026, 1, 20)
    async with at_work(place) as parts:
        await commit(parts, *(message(n, at(2026, 1, 3) + n) for n in range(1, 6)))
        place.now = at(2026, 3, 2)
        await commit(parts, message(6, place.now))
        tamper(
            place,
            "CREATE TRIGGER doom AFTER INSERT ON erasures BEGIN"
            " INSERT INTO doomed_keys VALUES (new.id, 'body-2026-03-messages');"
            " INSERT INTO doomed_keys VALUES (new.id, 'signing'); END",
        )
        assert await erase(parts, "2026-01") == 5
    assert {"body-2026-03-messages", "signing"} <= set(keys(place))
    assert (await place.verify()).total == 0


def _select(place: Place) -> list[tuple[object, ...]]:
    with sqlite3.connect(place.section.database) as database:
        return database.execute("SELECT t, sender, org, epoch, sealed, idx FROM records").fetchall()


def _put_back(place: Place, rows: list[tuple[object, ...]]) -> None:
    with sqlite3.connect(place.section.database) as database:
        database.executemany(
            "UPDATE records SET t = ?, sender = ?, org = ?, epoch = ?, sealed = ? WHERE idx = ?",
            rows,
        )


async def test_an_erasure_that_is_made_up_erases_nothing_unseen(place: Place) -> None:
    await erased(place)
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
    slip = "SELECT slip FROM erasures WHERE id = 1"
    for first in (2, 9_999):
        tamper(
            place,
            f"INSERT INTO erasures (id, first, last, slip) VALUES (7, {first}, {first}, ({slip}))",
        )
        assert (await place.verify()).counts["erasure-changed"], first
        tamper(place, "DELETE FROM erasures WHERE id = 7")
    assert (await place.verify()).total == 0


async def test_what_is_said_to_be_under_way_hides_no_record_for_long(place: Place) -> None:
    """An erasure that was put back to work is carried out again, and does no harm."""
    await erased(place)
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
    before = keys(place), await place.records()
    tamper(place, "UPDATE erasures SET done = NULL")
    assert (await place.verify()).total == 0
    async with at_work(place) as parts:
        while await parts.retention.promises._store.undone():
            await asyncio.sleep(0.01)
    assert (keys(place), await place.records()) == before
    assert (await place.verify()).total == 0


def test_this_page_names_the_tables(full: Place) -> None:
    page = (Path(__file__).parents[5] / "docs" / "protocol" / "retention.md").read_text("utf-8")
    for code in ("hold-changed", "erasure-changed", "key-kept"):
        assert f"`{code}`" in page


async def test_nothing_is_erased_while_a_hold_cannot_be_read(place: Place) -> None:
    await erased(place)
    tamper(place, "UPDATE holds SET extent = x'7b7d'")
    async with at_work(place) as parts:
        with pytest.raises(StorageError):
            await erase(parts, "2026-01")
    assert len(await place.records()) == 5
    assert dict((await place.verify()).counts) == {"hold-changed": 2}
