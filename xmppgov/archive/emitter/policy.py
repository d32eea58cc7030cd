"""What an emitter decides: when its numbers begin anew, and what of its spool is sent next. Pure.

A number that was given out and has no record in the spool is lost, and a hole says so; but what the
archive has of it already stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from xmppgov.archive.batch import Hole, Item, WireRecord, reach
from xmppgov.archive.emitter.model import Epoch, Mark, Waiting

RECORDS, BYTES = 500, 200 * 1024
"""At most so many items and bytes are in one batch."""


class Beginning(StrEnum):
    """Why a spool begins a new epoch."""

    NEW = "new"
    RESTORED = "the database is older than its mark"
    UNMARKED = "the mark is gone, so nobody knows how old the database is"
    PASSED = "the archive has numbers that this database never gave out"
    FORKED = "the archive has other content for a number"


class Skip(NamedTuple):
    """The archive has these numbers and the spool has no record of them: go on behind `upto`."""

    upto: int


class Send(NamedTuple):
    """These items are the next batch."""

    items: tuple[Item, ...]


def beginning(newest: Epoch | None, mark: Mark | None) -> Beginning | None:
    """Return why a spool that is opened begins a new epoch, or None where it goes on."""
    if newest is None:
        return Beginning.NEW if mark is None else Beginning.RESTORED
    if mark is None:
        return Beginning.UNMARKED
    if (mark.epoch, mark.done) > (newest.number, newest.last):
        return Beginning.RESTORED
    return None


def abandoned(known: Iterable[Epoch], mark: Mark | None) -> list[Epoch]:
    """Return the epochs of which more numbers may have been given out than is known."""
    if mark is None:
        return []
    by_number = {epoch.number: epoch for epoch in known}
    handed = (*mark.earlier, (mark.epoch, mark.handed))
    found = (by_number.get(n, Epoch(n, 0, 0))._replace(last=last) for n, last in handed)
    return [e for e in found if e.number not in by_number or e.last > by_number[e.number].last]


def next_epoch(now: int, newest: int | None) -> int:
    """Return the number of an epoch that begins at `now` (s), greater than any before."""
    return now if newest is None else max(now, newest + 1)


def ahead(waiting: Waiting, known: int, limit: int, size: Callable[[Item], int]) -> Skip | Send:
    """Return what is next, where the archive has every number up to `known`.

    At most `limit` items are sent; `size` tells the bytes of one.
    """
    items = _filled(waiting)
    first = items[0]
    if isinstance(first, Hole) and first.first <= known:
        return Skip(min(known, first.last))
    sent: list[Item] = []
    room = BYTES
    for item in items[:limit]:
        room -= size(item)
        had_before = isinstance(item, Hole) and item.first <= known
        if sent and (room < 0 or had_before):
            break
        sent.append(item)
    return Send(tuple(sent))


def _filled(waiting: Waiting) -> list[Item]:
    """Return the records in order, with a hole for each number between that has none."""
    items: list[Item] = []
    following = waiting.epoch.committed + 1
    for record in waiting.records:
        if record.seq > following:
            items.append(Hole(following, record.seq - 1, "lost"))
        items.append(record)
        following = record.seq + 1
    if waiting.whole and following <= waiting.epoch.last:
        items.append(Hole(following, waiting.epoch.last, "lost"))
    return items


def is_record(items: Sequence[Item], seq: int) -> bool:
    """Tell whether number `seq` is a record among `items`."""
    return any(isinstance(item, WireRecord) and item.seq == seq for item in items)


def numbers(items: Sequence[Item]) -> int:
    """Return how many numbers there are from the first item to the last."""
    return reach(items[-1])[1] - reach(items[0])[0] + 1
