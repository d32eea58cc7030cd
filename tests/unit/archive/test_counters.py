"""Completeness from the public log: what is counted only, what is late, what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive import ranges
from xmppgov.archive.counters import LONGEST_OPEN, Counters
from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.leaf import Control, Counted, Counts, DataLeaf, DayEnd, EmitterStart, Gap
from xmppgov.archive.report import Report
from xmppgov.tlog.merkle import EMPTY_ROOT

EM, EPOCH = "1/7", (1, 7)
WAITED, OVER = LONGEST_OPEN + 2, DAY  # ms


def data(seq: int) -> DataLeaf:
    return DataLeaf(1, 7, seq, bytes(32))


def start(t: int = 0, **more: object) -> EmitterStart:
    return EmitterStart(
        **{"v": 1, "kind": "emitter.start", "em": EM, "emitter": "a.example", "t": t, **more}
    )


def counted(text: str, t: int = 0) -> Counted:
    n = ranges.count(ranges.read(text))
    return Counted(v=1, kind="counted", em=EM, ranges=text, n=n, t=t)


def counts(sums: str, n: int, t: int = 0) -> Counts:
    return Counts(v=1, kind="counts", day="2026-11-24", sums=sums, n=n, t=t)


def day(t: int = 0, part: int = 1, name: str = "1970-01-01") -> DayEnd:
    empty = EMPTY_ROOT.hex()
    fields = {"day": name, "part": part, "n": 0, "root": empty, "key": ""}
    fields |= {"named": 0, "names": empty}
    return DayEnd(v=1, kind="day", t=t, **fields)  # type: ignore[arg-type]


def gap(first: int, last: int, t: int = 0) -> Gap:
    return Gap(v=1, kind="gap", em=EM, first=first, last=last, reason="boot", t=t)


def follow(*leaves: DataLeaf | Control) -> tuple[Report, Counters]:
    report = Report("origin")
    counters = Counters(report)
    for index, leaf in enumerate(leaves):
        counters.follow(index, leaf)
    counters.finish()
    return report, counters


def test_counted_numbers_are_open_until_their_entry_names_them() -> None:
    report, counters = follow(start(), data(1), data(4))
    assert (report.total, report.open, counters.open) == (0, 2, {EPOCH: [(2, 3)]})
    report, counters = follow(start(), data(1), data(4), counted("2-3 5-6"), data(7))
    assert (report.total, report.open, report.counted, counters.last) == (0, 0, 4, {EPOCH: 7})


@pytest.mark.parametrize(
    ("code", "leaves"),
    [
        ("counter-gap", [data(1), data(5), counted("2 4")]),
        ("counter-gap", [data(2), gap(3, 3, 1), gap(4, 4, LONGEST_OPEN + 2)]),
        ("counter-twice", [data(1), data(4), counted("2-3"), counted("3")]),
        ("counter-twice", [data(1), counted("1-2")]),
        ("counter-twice", [data(1), data(3), counted("2"), data(2)]),
        ("counts-wrong", [counted("1-2"), counts("a:3", 3)]),
        ("counts-wrong", [counted("1-2"), counts("a:1", 1), day()]),
        ("counts-wrong", [counted("1-2"), counts("a:1 b:1", 3)]),
        ("epoch-changed", [data(1), start(em="1/8", previous=EM, last=0)]),
        ("epoch-changed", [data(1), start(em="1/8")]),
        ("epoch-changed", [data(1), start(em="2/8", previous=EM, last=1)]),
        ("epoch-changed", [data(1), start(em="1/8", previous=EM, last=1), data(2)]),
        ("epoch-changed", [data(1), start(em="1/8", previous=EM, last=1), counted("2")]),
        ("emitter-twice", [start(em="2/7")]),
        ("counter-gap", [data(1), start(em="1/8", previous=EM, last=3), gap(4, 4, WAITED)]),
        ("counter-gap", [data(1), data(3), day(OVER)]),
        ("counter-gap", [data(1), data(3), gap(4, 4, 2**53 - 1), gap(5, 5, 1), gap(6, 6, WAITED)]),
        ("time-wrong", [gap(1, 1, 700_000), gap(2, 2, 99_999)]),
        ("time-wrong", [gap(1, 1, 401 * DAY)]),
        ("day-order", [day(OVER), day(OVER)]),
        ("day-order", [day(OVER, 2)]),
        ("day-order", [day(OVER - 1)]),
        ("day-order", [day(2 * DAY, 1, "1970-01-02")]),
        ("epoch-changed", [start(em="1/8", previous="1/6", last=0)]),
        ("emitter-twice", [start()]),
        ("counter-unopened", [DataLeaf(2, 7, 1, bytes(32))]),
    ],
)
def test_what_is_not_accounted_for_is_found(code: str, leaves: list) -> None:
    assert code in follow(start(), *leaves)[0].counts


def test_what_is_accounted_for_is_not() -> None:
    report, _ = follow(
        start(),
        data(1),
        data(3),
        counted("2", LONGEST_OPEN * 3),
        counts("a:1", 1, OVER),
        day(OVER),
        start(em="1/8", previous=EM, last=3, t=OVER + 1),
    )
    assert (report.total, report.restarts) == (0, 1)


def test_what_an_epoch_counted_at_its_end_may_be_named_behind_it() -> None:
    new = start(em="1/8", previous=EM, last=3)
    report, _ = follow(start(), data(1), new, counted("2-3", 60_000), gap(4, 4, WAITED))
    assert (report.total, report.open, report.counted) == (0, 0, 2)  # a hole may come late, too


def test_clocks_step_archives_are_away_and_records_come_late() -> None:
    late = [day(90 * DAY, 1, day_text(n)) for n in range(1, 90)]
    report, _ = follow(
        start(t=500_000),
        gap(1, 1, 1),
        day(OVER),
        day(OVER + 1, 2),
        *late,
        day(90 * DAY, 3),
        gap(2, 2, 90 * DAY),
    )
    assert report.total == 0


@given(st.lists(st.sampled_from(["data", "counted", "gap"]), max_size=40), st.integers(1, 7))
def test_any_honest_log_is_clean_and_any_number_left_out_is_found(
    kinds: list[str], every: int
) -> None:
    leaves: list[DataLeaf | Control] = [start()]
    waiting: list[int] = []

    def flush() -> None:
        if waiting:
            leaves.append(counted(ranges.write(ranges.ranges(waiting))))
            waiting.clear()

    for seq, kind in enumerate(kinds, 1):
        if kind == "data":
            leaves.append(data(seq))
        elif kind == "gap":
            leaves.append(gap(seq, seq))
        else:
            waiting.append(seq)
        if seq % every == 0:
            flush()
    flush()
    report, counters = follow(*leaves)
    assert (report.total, report.open) == (0, 0)
    assert counters.last == {EPOCH: len(kinds)}
    for index, leaf in enumerate(leaves[:-1]):
        if isinstance(leaf, DataLeaf):
            report, _ = follow(*leaves[:index], *leaves[index + 1 :])
            assert report.total or report.open or leaf.seq == len(kinds)
