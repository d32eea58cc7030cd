"""When numbers begin anew, and what of a spool is sent next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.archive.batches import record
from xmppgov.archive.batch import Hole, Item, WireRecord, reach
from xmppgov.archive.emitter.model import Epoch, Mark, Waiting, uuid7
from xmppgov.archive.emitter.policy import (
    BYTES,
    Beginning,
    Send,
    Skip,
    abandoned,
    ahead,
    beginning,
    next_epoch,
)

TWO = Mark(8, 0, 2, ((7, 6),))
SPOOLS = [
    (None, None, Beginning.NEW, []),
    (None, Mark(7, 3, 4), Beginning.RESTORED, [Epoch(7, 0, 4)]),
    (Epoch(7, 1, 4), None, Beginning.UNMARKED, []),
    (Epoch(7, 1, 4), Mark(7, 4, 4), None, []),
    (Epoch(7, 1, 4), Mark(7, 3, 4), None, []),
    (Epoch(7, 1, 4), Mark(7, 4, 9), None, None),  # a crash before the commit
    (Epoch(7, 1, 4), Mark(7, 5, 9), Beginning.RESTORED, [Epoch(7, 1, 9)]),
    (Epoch(7, 1, 4), Mark(6, 9, 9), None, None),
    (Epoch(7, 1, 4), Mark(8, 0, 2), Beginning.RESTORED, [Epoch(8, 0, 2)]),
    (
        Epoch(7, 1, 4),
        TWO,
        Beginning.RESTORED,
        [Epoch(7, 1, 6), Epoch(8, 0, 2)],
    ),
    (Epoch(7, 1, 4), Mark(8, 0, 0, ((7, 4),)), Beginning.RESTORED, [Epoch(8, 0, 0)]),
]


@pytest.mark.parametrize(("newest", "mark", "reason", "left"), SPOOLS)
def test_a_spool_begins_anew_where_numbers_might_be_given_out_twice(
    newest: Epoch | None, mark: Mark | None, reason: Beginning | None, left: list[Epoch]
) -> None:
    assert beginning(newest, mark) is reason
    if reason is not None:
        assert abandoned([newest] if newest else [], mark) == left


def test_an_epoch_is_later_than_those_before_whatever_the_clock_says() -> None:
    assert [next_epoch(100, newest) for newest in (None, 99, 100, 500)] == [100, 100, 101, 501]


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_begins_with_its_time_and_says_its_version(t: int, chance: bytes) -> None:
    id = uuid7(t, chance)
    assert int(id.replace("-", "")[:12], 16) == t
    assert (id[14], id[19] in "89ab", len(id)) == ("7", True, 36)
    assert (uuid7(t, b"\0" * 10) == id) == (uuid7(0, chance) == uuid7(0, b"\0" * 10))


@st.composite
def spools(draw: st.DrawFn) -> tuple[Waiting, int, int]:
    """A spool with numbers from which some are gone, what the archive has, and a limit."""
    committed = draw(st.integers(0, 20))
    last = committed + draw(st.integers(1, 30))
    kept = draw(st.sets(st.integers(committed + 1, last)))
    shown = draw(st.integers(1, 40))
    records = tuple(record(seq) for seq in sorted(kept))
    if not records[:shown]:
        shown = 1
    whole = len(records) <= shown
    waiting = Waiting(Epoch(7, committed, last), records[:shown], whole, last - committed)
    return waiting, draw(st.integers(0, 60)), draw(st.integers(1, 10))


@given(spools(), st.sampled_from([1, BYTES // 3, BYTES]))
def test_every_number_is_passed_once_and_in_order(
    spool: tuple[Waiting, int, int], weight: int
) -> None:
    waiting, known, limit = spool
    records = {record.seq for record in waiting.records}
    part = ahead(waiting, known, limit, lambda _item: weight)
    if isinstance(part, Skip):
        passed = range(waiting.epoch.committed + 1, part.upto + 1)
        assert passed
        assert part.upto <= known
        assert not records.intersection(passed)
        return
    following = waiting.epoch.committed + 1
    for item in part.items:
        first, last = reach(item)
        assert first == following
        assert isinstance(item, WireRecord) == (first in records)
        if isinstance(item, Hole):
            assert item.first > known
            assert not records.intersection(range(first, last + 1))
        following = last + 1
    assert following <= waiting.epoch.last + 1
    assert 1 <= len(part.items) <= limit
    assert len(part.items) == 1 or len(part.items) * weight <= BYTES


def test_a_batch_has_as_many_items_as_fit() -> None:
    items: tuple[Item, ...] = tuple(record(seq) for seq in range(1, 601))
    waiting = Waiting(Epoch(7, 0, 600), items, True, 600)  # type: ignore[arg-type]
    whole = ahead(waiting, 0, 500, lambda _item: 1)
    heavy = ahead(waiting, 0, 500, lambda _item: BYTES // 10)
    assert isinstance(whole, Send)
    assert isinstance(heavy, Send)
    assert (len(whole.items), len(heavy.items)) == (500, 10)
