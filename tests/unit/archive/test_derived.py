"""What a changed row of a derived table would make the archive sign, and that it is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.derived import ClosedDay, Derived, KeptReference
from xmppgov.archive.leaf import Counted, Counts, DayEnd, EmitterStart, KeyChange
from xmppgov.archive.report import Report

EM, EPOCH = "1/7", (1, 7)
REF = "A" * 22
START, NEXT = 20_000, 20_001  # days since 1970


def day(number: int, part: int = 1) -> DayEnd:
    root = "0" * 64
    return DayEnd(
        v=1, kind="day", t=number * DAY, day=day_text(number), part=part, n=0, root=root,
        key="", named=0, names=root,
    )  # fmt: skip


def followed() -> tuple[Derived, Report]:
    """A log of two days, in which a message of the first arrives on the second."""
    report = Report("origin")
    derived = Derived(report)
    derived.entry(0, EmitterStart(v=1, kind="emitter.start", em=EM, emitter="a", t=START * DAY))
    who = {"from": "A", "to": "B", "room": "C", "org": "unknown"}
    derived.record(1, {"t": START * DAY, "ref": REF, **who})
    derived.entry(2, day(START))
    derived.record(3, {"t": START * DAY + 1, "oid": REF})
    derived.entry(4, Counted(v=1, kind="counted", t=NEXT * DAY, em=EM, ranges="3-5", n=3))
    derived.entry(5, Counts(v=1, kind="counts", t=1, day=day_text(START), sums="-:2", n=2))
    derived.entry(6, day(START, 2))
    derived.entry(7, day(NEXT))
    derived.entry(
        8, KeyChange(v=1, kind="key", t=1, name="month-2024-10", fate="sealed", public="")
    )
    created = {"name": "resolving-1", "fate": "created", "public": "ab"}
    derived.entry(9, KeyChange.model_validate({"v": 1, "kind": "key", "t": 1, **created}))
    return derived, report


DAYS = [ClosedDay(START, 1, 2, 1), ClosedDay(START, 2, 6, 0), ClosedDay(NEXT, 1, 7, 1)]
ROWS = [KeptReference(1, bytes(16), 1), KeptReference(2, bytes(16), 3)]
MONTHS, RESOLVING = {"2024-10": "sealed"}, {1: "ab"}
CHANGES: list[tuple[str, Callable[[Derived], None]]] = [
    ("", lambda d: d.opened({EPOCH: 0})),
    ("epoch-changed", lambda d: d.opened({EPOCH: 1})),
    ("epoch-changed", lambda d: d.opened({})),
    ("epoch-changed", lambda d: d.opened({EPOCH: 0, (2, 7): 4})),
    ("", lambda d: d.days(DAYS)),
    *[("day-changed", lambda d, n=n: d.days(DAYS[:n] + DAYS[n + 1 :])) for n in range(3)],
    ("day-changed", lambda d: d.days([*DAYS, ClosedDay(NEXT, 2, 8, 0)])),
    ("day-changed", lambda d: d.days([*DAYS[:2], ClosedDay(NEXT, 1, 7, 0)])),
    ("", lambda d: d.sums(3, 2)),
    ("counts-wrong", lambda d: d.sums(2, 2)),
    ("", lambda d: d.references(START, ROWS)),
    ("", lambda d: d.references(START, ROWS[::-1])),
    ("day-changed", lambda d: d.references(START, ROWS[:1])),
    ("day-changed", lambda d: d.references(START, [*ROWS, ROWS[0]])),
    ("day-changed", lambda d: d.references(START, [ROWS[0]._replace(idx=3), ROWS[1]])),
    ("day-changed", lambda d: d.references(START, [ROWS[0]._replace(part=2), ROWS[1]])),
    ("day-changed", lambda d: d.references(START, [ROWS[0]._replace(ref=b"x" * 16), ROWS[1]])),
    ("day-changed", lambda d: d.references(NEXT, ROWS)),
    ("day-changed", Derived.no_more_references),
    ("", lambda d: d.names({"A", "B", "C", "D"}, ["-", "D"], [])),
    ("pseudonym-missing", lambda d: d.names({"A", "B", "D"}, [], [])),
    ("", lambda d: d.names({"A", "B", "D"}, [], [(1, 1)])),
    ("pseudonym-missing", lambda d: d.names({"A", "B", "C"}, ["-", "D"], [])),
    ("", lambda d: d.keys(MONTHS, RESOLVING, [1])),
    ("key-changed", lambda d: d.keys({}, RESOLVING, [1])),
    ("key-changed", lambda d: d.keys({"2024-10": "destroyed"}, RESOLVING, [])),
    ("key-changed", lambda d: d.keys(MONTHS, {1: "ac"}, [1])),
    ("key-changed", lambda d: d.keys(MONTHS, RESOLVING, [1, 2])),
]


@pytest.mark.parametrize(("code", "compare"), CHANGES)
def test_a_table_that_is_not_what_the_log_gives_is_named(
    code: str, compare: Callable[[Derived], None]
) -> None:
    derived, report = followed()
    compare(derived)
    assert set(report.counts) == ({code} if code else set())


def test_what_no_calendar_has_is_passed_over() -> None:
    report = Report("origin")
    derived = Derived(report)
    derived.entry(0, day(START).model_copy(update={"day": "2024-02-31"}))
    derived.record(1, {"t": 1, "ref": "A" * 21 + "B"})
    derived.days([])
    derived.no_more_references()
    assert not report.total
