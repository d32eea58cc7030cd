"""Each index of a data entry is present, erased by an entry, or a finding: exactly one of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive import ranges
from xmppgov.archive.fates import Fates
from xmppgov.archive.leaf import Erase, control_leaf, parse_leaf
from xmppgov.archive.report import Report

SIZE = 40


def erase(indexes: str) -> Erase:
    fields = {
        "v": 1,
        "kind": "erase",
        "t": 1,
        "class": "messages",
        "month": "2025-11",
        "indexes": indexes,
        "n": ranges.count(ranges.read(indexes)),
        "held": 0,
        "slip": "00" * 32,
        "visa": "AD-2026/14",
        "roles": "archivist dpo",
    }
    leaf = parse_leaf(control_leaf(Erase.model_validate(fields)))
    assert isinstance(leaf, Erase)
    return leaf


def judged(gone: list[int], *erasures: tuple[int, Erase], under_way: str = "") -> Report:
    report = Report("log")
    fates = Fates(report)
    for index in gone:
        fates.gone(index)
    for index, entry in erasures:
        fates.erased(index, entry)
    fates.judge(ranges.read(under_way) if under_way else ())
    return report


def test_what_is_gone_has_to_be_named() -> None:
    report = judged([1, 2, 3, 7], (20, erase("1-2")))
    assert report.counts == {"record-missing": 2}
    assert {f.where for f in report.findings} == {"entry 3", "entry 7"}
    assert report.erased == 2
    assert [(e.leaf, e.parts) for e in report.erasures] == [(20, ((1, 2),))]


def test_what_is_named_has_to_be_gone_unless_the_work_is_under_way() -> None:
    assert judged([1, 2], (20, erase("1-4"))).counts == {"record-kept": 2}
    report = judged([1, 2], (20, erase("1-4")), under_way="1-4")
    assert (report.total, report.erased, report.erasing) == (0, 2, 2)
    assert judged([], (20, erase("1-4")), under_way="1-3 9").counts == {"record-kept": 1}


def test_an_entry_excuses_only_what_lies_before_it() -> None:
    assert judged([1, 25], (20, erase("1 25"))).counts == {"record-missing": 1}
    assert judged([], (3, erase(f"1-{ranges.LARGEST}"))).counts == {"record-kept": 2}


def test_what_two_entries_name_is_gone_once() -> None:
    report = judged([1, 2, 3], (20, erase("1-2")), (21, erase("2-3")))
    assert (report.total, report.erased) == (0, 3)


indexes = st.sets(st.integers(0, SIZE - 1))


@given(indexes, st.lists(indexes, max_size=4), indexes)
def test_every_index_is_exactly_one_of_the_three(
    gone: set[int], said: list[set[int]], under_way: set[int]
) -> None:
    entries = [
        (SIZE + n, erase(ranges.write(ranges.ranges(sorted(part)))))
        for n, part in enumerate(said)
        if part
    ]
    work = ranges.write(ranges.ranges(sorted(under_way)))
    report = judged(sorted(gone), *entries, under_way=work)
    named = set().union(*said)
    found = {
        code: {int(f.where.split()[1]) for f in report.findings if f.code == code}
        for code in ("record-missing", "record-kept")
    }
    assert found["record-missing"] == gone - named
    assert found["record-kept"] == named - gone - under_way
    assert report.erased == len(gone & named)
    assert report.erasing == len((named - gone) & under_way)
