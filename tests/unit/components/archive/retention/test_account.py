"""No key is destroyed that a record needs, wherever its row pretends to be meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

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
    hold,
    keys,
    message,
    nothing,
    short,
)
from tests.unit.components.archive.test_tampering import tamper
from xmppgov.archive.leaf import KeyChange
from xmppgov_archive.retention.erasing.account import Unaccounted, month_of_key
from xmppgov_archive.retention.erasing.store import Erasure
from xmppgov_archive.retention.model import Part

HELD = 5  # the number of the record that is held
FEBRUARY = at(2026, 2, 20)


async def with_a_held_record(place: Place) -> None:
    """Five records of January, of which one is held, and one of February, which is not due."""
    short(place)
    place.now = at(2026, 1, 25)
    async with at_work(place) as parts:
        await commit(parts, *(message(n, at(2026, 1, 3 + n) + n) for n in range(1, 5)))
        await commit(parts, message(HELD, at(2026, 1, 20), "alice"))
        await hold(parts, first="2026-01-20", last="2026-01-20")
        place.now = FEBRUARY
        await commit(parts, message(6, FEBRUARY))
    place.now = at(2026, 3, 2)


async def promise(parts: AtWork, month: str = "2026-01") -> Erasure:
    await parts.retention.promises.erase([Part("messages", month)], VISA, TWO, nothing)
    (erasure,) = await parts.retention.promises._store.undone()
    return erasure


async def carry_out(parts: AtWork, erasure: Erasure) -> None:
    await parts.retention.rounds._erasing.carry_out(erasure)


def rows(place: Place, table: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(place.section.database) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()


def put_back(place: Place, table: str, pristine: list[tuple[object, ...]]) -> None:
    with sqlite3.connect(place.section.database) as database:
        for row in pristine:
            marks = ",".join("?" * len(row))
            database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)


HIDING = {
    "of another month": f"UPDATE records SET t = {FEBRUARY}",
    "of a month that no key is of": "UPDATE records SET t = 0",
    "of a time that no calendar has": f"UPDATE records SET t = {2**60}",
    "of another class": "UPDATE records SET class = 'governance'",
    "under another key": f"UPDATE records SET t = {FEBRUARY}, key = 'body-2026-02-messages'",
    "under its own key by another way": (
        "UPDATE records SET key = '../keys/body-2026-01-messages'"
    ),
    "under a key that no file can be": f"UPDATE records SET t = {FEBRUARY}, key = char(0) || 'x'",
    "not there": "DELETE FROM records",
    "at another place": "UPDATE records SET idx = idx + 100",
}


@pytest.mark.parametrize("how", HIDING)
@pytest.mark.parametrize("restart", [False, True])
async def test_a_record_that_hides_keeps_its_key(place: Place, how: str, restart: bool) -> None:
    await with_a_held_record(place)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(at_work(place))
        erasure = await promise(parts)
        if restart:
            await stack.aclose()
            pristine, there = rows(place, "records"), keys(place)
            tamper(place, f"{HIDING[how]} WHERE seq = {HELD}")
            parts = await stack.enter_async_context(at_work(place))
        else:
            pristine, there = rows(place, "records"), keys(place)
            tamper(place, f"{HIDING[how]} WHERE seq = {HELD}")
        with pytest.raises(Unaccounted) as caught:
            await carry_out(parts, erasure)
        assert "verify" in str(caught.value)
        assert keys(place) == there
        said = [c.name for c in await controls(place) if isinstance(c, KeyChange)]
        assert not [name for name in said if name.startswith(("body", "names-2026-01"))]
        put_back(place, "records", pristine[-2:])
        await carry_out(parts, erasure)
    await as_it_has_to_be(place)


async def as_it_has_to_be(place: Place) -> None:
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 2, 4), report.findings
    assert [found.record["es"] for found in await place.records()] == [HELD, 6]
    assert "body-2026-01-messages" not in keys(place)


async def test_what_is_hidden_by_the_one_who_changes_the_list_of_keys_keeps_its_key(
    place: Place,
) -> None:
    """The key of the hold is put on the list when its record is under it."""
    await with_a_held_record(place)
    async with at_work(place) as parts:
        tamper(
            place,
            "CREATE TRIGGER doom AFTER UPDATE ON records WHEN new.key LIKE 'hold-%' BEGIN"
            " INSERT OR IGNORE INTO doomed_keys SELECT max(id), new.key FROM erasures;"
            f" UPDATE records SET t = {FEBRUARY} WHERE idx = new.idx; END",
        )
        erasure = await promise(parts)
        with pytest.raises(Unaccounted):
            await carry_out(parts, erasure)
        assert "hold-affaire-7.2026-01-messages" in keys(place)
        tamper(place, "DROP TRIGGER doom")
        tamper(place, f"UPDATE records SET t = {at(2026, 1, 20)} WHERE seq = {HELD}")
        tamper(place, "DELETE FROM doomed_keys WHERE name LIKE 'hold-%'")
        await carry_out(parts, erasure)
    await as_it_has_to_be(place)


async def carry_out_while(
    parts: AtWork, monkeypatch: pytest.MonkeyPatch, meddle: Callable[[], Awaitable[None]]
) -> None:
    """Carry out an erasure, and meddle when all records have been accounted for."""
    erasing, erasure = parts.retention.rounds._erasing, await promise(parts)
    forgettable = erasing._forgettable

    async def later(*args: object) -> list[str]:
        await meddle()
        return await forgettable(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(erasing, "_forgettable", later)
    await carry_out(parts, erasure)


async def test_a_key_that_comes_onto_the_list_afterwards_is_looked_at_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_a_held_record(place)

    async def meddle() -> None:
        tamper(place, "INSERT INTO doomed_keys VALUES (1, 'hold-affaire-7.2026-01-messages')")
        tamper(place, f"UPDATE records SET t = {FEBRUARY} WHERE seq = {HELD}")

    async with at_work(place) as parts:
        with pytest.raises(Unaccounted):
            await carry_out_while(parts, monkeypatch, meddle)
    assert "hold-affaire-7.2026-01-messages" in keys(place)


async def test_what_comes_when_all_is_accounted_for_is_looked_at_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies under the key that has to go, for somebody has changed the generation."""
    await with_a_held_record(place)
    async with at_work(place) as parts:

        async def meddle() -> None:
            parts.archive._rest._keys.renew("2026-01", "messages", 1)
            await commit(parts, message(7, at(2026, 1, 9)))
            tamper(place, "UPDATE records SET key = 'body-2026-01-messages' WHERE seq = 7")
            tamper(place, f"UPDATE records SET t = {FEBRUARY} WHERE seq = 7")

        with pytest.raises(Unaccounted):
            await carry_out_while(parts, monkeypatch, meddle)
    assert "body-2026-01-messages" in keys(place)


async def test_names_of_a_later_month_stay_though_nothing_says_who_came_late(
    place: Place,
) -> None:
    """Which months had ended when a record came is said by the log, not by a table."""
    short(place)
    place.now = at(2026, 1, 31)
    async with at_work(place) as parts:
        await commit(parts, message(1, at(2026, 1, 5), "bob"))
    place.now = at(2026, 2, 10)
    async with at_work(place) as parts:
        await commit(parts, message(2, at(2026, 1, 20), "alice"), message(3, at(2026, 2, 9)))
        await hold(parts, first="2026-01-20", last="2026-01-20")
    place.now = at(2026, 4, 2)
    async with at_work(place) as parts:
        pristine = rows(place, "late")
        assert pristine == [("2026-01", "2026-02")]
        tamper(place, "DELETE FROM late")
        assert await erase(parts, "2026-02") == 1
        put_back(place, "late", pristine)
        (held,) = [found.record for found in await place.records() if found.record["es"] == 2]
        async with place.inspected() as inspection:
            names = await inspection.store.sealed_names(["2026-02"], "person")
        assert {held["from"], held["to"]} <= {name.pseudonym for name in names}
    assert (await place.verify()).total == 0


async def test_days_of_a_record_that_hides_stay(place: Place) -> None:
    """Another class of the month is erased; the key of its own is not on the list."""
    await with_a_held_record(place)
    async with at_work(place) as parts:
        assert await erase(parts, "2026-01") == 4
        tamper(place, f"UPDATE records SET t = {FEBRUARY} WHERE seq = {HELD}")
        await commit(parts, message(7, at(2026, 1, 9)))
        await erase(parts, "2026-01")
        tamper(place, f"UPDATE records SET t = {at(2026, 1, 20)} WHERE seq = {HELD}")
        async with place.inspected() as inspection:
            assert await inspection.store.sealed_names(["2026-01"], "person")
    assert "day-2026-01-20" in keys(place)
    assert (await place.verify()).total == 0


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("body-2026-01-messages", "2026-01"),
        ("body12-2026-01-a.b-c", "2026-01"),
        ("hold-affaire-7.2025-12-messages", "2025-12"),
        ("../keys/body-2026-01-messages", None),
        ("body-2026-01-x/../body-2026-01-messages", None),
        ("month-2026-01", None),
        ("", None),
    ],
)
def test_only_names_of_keys_of_records_are_some(name: str, month: str | None) -> None:
    if month is None:
        with pytest.raises(ValueError, match="no name"):
            month_of_key(name)
    else:
        assert month_of_key(name) == month
