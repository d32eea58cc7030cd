"""Periods, due days, what a hold covers: against the calendar and against the database."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xmppgov.errors import NotAllowed
from xmppgov_archive.records.store import RecordStore, Row
from xmppgov_archive.retention import store as retention
from xmppgov_archive.retention.model import PRESETS, Extent, Hold, Part, Period, Traits
from xmppgov_archive.retention.policy import (
    check_roles,
    covers,
    due,
    due_day,
    holder,
    is_due,
    keeper,
    last_due,
    lasts,
    month_of,
    month_span,
    span,
)
from xmppgov_archive.retention.store import RetentionStore

DAY = 86_400_000


@pytest.mark.parametrize(("text", "months"), [*PRESETS.items(), ("1m", 1), ("18m", 18)])
def test_a_period_is_a_preset_or_whole_months(text: str, months: int) -> None:
    period = Period.parse(text)
    assert (period.months, str(period)) == (months, text)


@pytest.mark.parametrize("text", ["", "0m", "1201m", "18", "18 m", "1y", "-1m", "cnil", "١m"])
def test_another_period_is_refused_and_the_presets_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="cnil-6m, cnil-1y, controle-interne-3y"):
        Period.parse(text)


def test_a_month_is_due_when_its_last_day_is_older_than_the_period() -> None:
    half = Period.parse("cnil-6m")
    assert due_day("2025-10", half) == date(2026, 5, 1)
    assert not is_due("2025-10", half, date(2026, 4, 30))
    assert is_due("2025-10", half, date(2026, 5, 1))
    assert due_day("2025-12", Period.parse("cnil-1y")) == date(2027, 1, 1)
    assert due_day("2024-02", Period.parse("1m")) == date(2024, 4, 1)
    assert not is_due("2025-10", None, date(9999, 12, 31))
    assert due_day("9999-12", half) is None


months = st.builds(lambda y, m: f"{y:04}-{m:02}", st.integers(1970, 2200), st.integers(1, 12))
periods = st.integers(1, 1200).map(lambda n: Period.parse(f"{n}m"))
days = st.dates(date(1971, 1, 1), date(2200, 1, 1))


def _later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    number = day.year * 12 + day.month - 1 + months
    for of_month in range(day.day, 0, -1):
        try:
            return date(number // 12, number % 12 + 1, of_month)
        except ValueError:
            continue
    raise AssertionError


@given(months, periods, days)
def test_due_means_older_than_the_period(month: str, period: Period, today: date) -> None:
    start, end = month_span(month)
    assert month_of(start) == month_of(end - 1) == month != month_of(end)
    last_day = date.fromisoformat(f"{month}-01") + timedelta(days=(end - start) // DAY - 1)
    # The last day of a month counts as its last day wherever the months are of other lengths.
    older = (today.year, today.month) > (
        _later(last_day, period.months).year,
        _later(last_day, period.months).month,
    )
    assert is_due(month, period, today) == older
    latest = last_due(period, today)
    assert is_due(month, period, today) == (latest is not None and month <= latest)


def test_classes_have_periods_of_their_own_and_unknown_ones_are_never_due() -> None:
    parts = [Part(c, m) for c in ("a", "b", "gone") for m in ("2026-01", "2025-10", "2025-09")]
    found = due(parts, {"a": Period.parse("1m"), "b": Period.parse("6m")}, date(2026, 4, 1))
    wanted = [("a", "2025-09"), ("a", "2025-10"), ("a", "2026-01"), ("b", "2025-09")]
    assert found == wanted


def test_two_officers_of_different_roles_decide() -> None:
    for roles in ([], ["dpo"], ["dpo", "dpo"], ["security", "requester"]):
        with pytest.raises(NotAllowed):
            check_roles(roles)
    for pair in (["dpo", "archivist"], ["archivist", "security"], ["dpo", "security"]):
        check_roles(pair)
        assert {"archivist", "dpo"} & set(pair)


NAMES = [f"{n}" * 22 for n in range(4)]
listed = st.lists(st.sampled_from(NAMES), unique=True).map(lambda n: " ".join(sorted(n)) or None)
maybe_day = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 6)).map(date.isoformat)


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    first, last = draw(maybe_day), draw(maybe_day)
    if first and last and first > last:
        first, last = last, first
    fields = {
        "first": first,
        "last": last,
        "classes": draw(st.sampled_from([None, "a", "b", "a b"])),
        **{sort: draw(listed) for sort in ("people", "rooms", "units")},
    }
    return Extent.model_validate({"v": 1, "salt": "00" * 16, **fields})


BEGIN = month_span("2026-01")[0]
traits = st.builds(
    Traits,
    st.integers(BEGIN, BEGIN + 7 * DAY) | st.integers(0, 6).map(lambda n: BEGIN + n * DAY),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(NAMES),
    st.none() | st.sampled_from(NAMES),
    st.none() | st.sampled_from(NAMES),
    st.sampled_from([*NAMES, "unknown"]),
)


@given(extents())
def test_an_extent_is_read_as_it_is_written(extent: Extent) -> None:
    assert Extent.parse(extent.encode()) == extent
    start, end = span(extent)
    assert start < end


def test_the_page_s_example_is_an_extent() -> None:
    page = (Path(__file__).parents[5] / "docs" / "protocol" / "retention.md").read_text("utf-8")
    (example,) = re.findall(r"```json\n(.*)\n```", page)
    assert f"`{Extent.parse(example.encode()).digest}`" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"people": "short"},
        {"people": f"{NAMES[1]} {NAMES[0]}"},
        {"people": f"{NAMES[0]} {NAMES[0]}"},
        {"people": " ".join(f"{n:022}" for n in range(501))},
        {"classes": "A"},
        {"first": "2026-02-01", "last": "2026-01-01"},
        {"first": "2026-02-30"},
        {"other": "x"},
        {"salt": ""},
        {"v": 2},
    ],
)
def test_another_extent_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Extent.model_validate({"v": 1, "salt": "00" * 16, **changes})
    with pytest.raises(ValueError, match="no extent"):
        Extent.parse(b"{}")


def made(extent: Extent, id: str = "h", until: str = "2026-12-31", **more: int) -> Hold:
    return Hold(id, extent, "judicial", until, 1, "archivist", 0, 1, **more)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(traits, max_size=25), st.lists(extents(), min_size=1, max_size=3))
def test_the_database_and_the_policy_agree_on_what_is_held(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Traits], reach: list[Extent]
) -> None:
    asyncio.run(_compare(tmp_path_factory.mktemp("db") / "records.db", rows, reach))


async def _compare(path: Path, rows: list[Traits], reach: list[Extent]) -> None:
    records = await RecordStore.open(path, retention.SCHEMA)
    try:
        await records.database.execute_many(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [Row(n, 1, 1, n + 1, *row, b"", None) for n, row in enumerate(rows)],
        )
        store, holds = RetentionStore(records.database), [made(extent) for extent in reach]
        free, held = set(), set()
        for n, row in enumerate(rows):
            (held if any(covers(extent, row) for extent in reach) else free).add(n)
        for extent in reach:
            assert await store.covered(extent) == sum(covers(extent, row) for row in rows)
        assert held == {n for n, row in enumerate(rows) if holder(holds)(row)}
        found = list[int]()
        for class_ in "abc":
            for day in range(BEGIN // DAY, BEGIN // DAY + 8):
                part, start = Part(class_, "2026-01"), day * DAY
                some = await store.rows(part, start, start + DAY, len(rows))
                found += [row.idx for row in some if row.class_ == class_ and row.leaf is None]
        assert sorted(found) == sorted(free | held)
        stock = await store.stock("2026-01", holds)
        assert sum(one.records for one in stock) == len(free)
        assert sum(one.held for one in stock) == len(held)
        assert all(sum(n for _, n in one.units) == one.records for one in stock)
    finally:
        await records.close()


def test_a_record_goes_to_the_hold_that_lasts_longest() -> None:
    everything = Extent.model_validate({"v": 1, "salt": "00" * 16})
    other = everything.model_copy(update={"classes": "b"})
    row = Traits(BEGIN, "a", NAMES[0], None, None, "unknown")
    ended = made(everything, "ended", "2040-01-01", ended=7)
    shorter, longer = made(everything, "short"), made(everything, "long", "2030-01-01")
    assert keeper([ended, shorter, longer, made(other, "other", "2050-01-01")], row) == longer
    assert keeper([ended], row) == ended
    assert keeper([made(other)], row) is None


def test_a_hold_lasts_through_its_last_day() -> None:
    everything = Extent.model_validate({"v": 1, "salt": os.urandom(16).hex()})
    hold = made(everything, until="2026-06-30")
    assert lasts(hold, date(2026, 6, 30))
    assert not lasts(hold, date(2026, 7, 1))
    assert not lasts(hold._replace(ended=3), date(2026, 6, 1))
