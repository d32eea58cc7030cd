"""Holds and erasures as the database has them, compared with what the log says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from xmppgov.archive import ranges
from xmppgov.archive.counters import Epoch
from xmppgov.archive.leaf import Erase, Release
from xmppgov.archive.leaf import Hold as HoldEntry
from xmppgov.archive.model import emitter_text
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts
from xmppgov_archive.retention.model import Hold, Part

texts = Texts("xmppgov_archive")
Decision = HoldEntry | Release | Erase
"""What two officers, one, or the calendar have decided, as an entry says."""


class StoredErasure(NamedTuple):
    """An erasure as the database has it: its entries, its slip, when it was done (ms).

    `parts` have the generation of the key for what arrives later; `doomed` are keys that it owes.
    """

    first: int
    last: int
    slip: bytes
    done: int | None
    parts: Mapping[Part, int]
    doomed: Sequence[str]


class RetentionTables(NamedTuple):
    """The tables of retention at one moment, when there were `size` entries.

    `broken` are the entries of holds that cannot be read. `numbers` are those of erased records by
    epoch; `entries` has the same numbers, from the entries of these records.
    """

    size: int
    holds: Sequence[Hold]
    broken: Sequence[int]
    erasures: Sequence[StoredErasure]
    numbers: Mapping[Epoch, Sequence[Range]]
    entries: Mapping[Epoch, Sequence[Range]]


class RetentionCheck:
    """Compares the tables with the `decisions` of the log, by index, all before `end`."""

    def __init__(self, report: Report, decisions: Mapping[int, Decision], end: int) -> None:
        self._report, self._decisions, self._end = report, decisions, end

    def compare(self, tables: RetentionTables, bodies: Collection[tuple[Part, int]]) -> None:
        """Compare everything; `bodies` are the keys of records that are there, by generation."""
        new = range(self._end, tables.size)  # what was decided while this verified
        for index in tables.broken:
            self._say("hold-changed", index, texts("A hold of the database is not the log's."))
        self._holds([hold for hold in tables.holds if hold.leaf not in new], new)
        erasures = [one for one in tables.erasures if one.first not in new]
        self._erasures(erasures)
        if len(erasures) == len(tables.erasures):
            self._numbers(tables)
            self._keys(erasures, bodies)

    def _holds(self, stored: Sequence[Hold], new: range) -> None:
        kept = {hold.leaf: hold for hold in stored}
        for index, n in Counter(hold.leaf for hold in stored).items():
            if n > 1:
                self._say("hold-changed", index, texts("A hold of the database is not the log's."))
        said = {i: leaf for i, leaf in self._decisions.items() if isinstance(leaf, HoldEntry)}
        for index in sorted(kept.keys() | said.keys()):
            hold, entry = kept.get(index), said.get(index)
            if hold is None or entry is None or not is_as_said(hold, entry):
                self._say("hold-changed", index, texts("A hold of the database is not the log's."))
            elif hold.ended not in new and self._ended(entry.hold, index) != hold.ended:
                text = texts("A hold has not ended as the log says.")
                self._say("hold-changed", index, text)

    def _ended(self, id: str, since: int) -> int | None:
        """Return the entry that ended a hold, None while it lasts."""
        ends = (
            index
            for index, leaf in self._decisions.items()
            if isinstance(leaf, Release) and leaf.hold == id and index > since
        )
        return min(ends, default=None)

    def _erasures(self, stored: Sequence[StoredErasure]) -> None:
        said = {i: leaf for i, leaf in self._decisions.items() if isinstance(leaf, Erase)}
        known: set[int] = set()
        for one in stored:
            entries = {i: said[i] for i in said if one.first <= i <= one.last}
            parts = {Part(leaf.class_, leaf.month) for leaf in entries.values()}
            slips = {leaf.slip for leaf in entries.values()}
            whole = len(entries) == one.last - one.first + 1 and not known & entries.keys()
            if not whole or parts != set(one.parts) or slips != {sha256(one.slip).hexdigest()}:
                text = texts("An erasure of the database is not the log's.")
                self._say("erasure-changed", one.first, text)
            known |= entries.keys()
        for index in sorted(said.keys() - known):
            text = texts("The database knows nothing of an erasure.")
            self._say("erasure-changed", index, text)

    def _numbers(self, tables: RetentionTables) -> None:
        for epoch in sorted(tables.entries.keys() | tables.numbers.keys()):
            said, here = tables.entries.get(epoch, ()), tables.numbers.get(epoch, ())
            same = ranges.union(said) == ranges.union(here)
            once = ranges.count(said) == ranges.count(here) and all(a <= b for a, b in here)
            if not same or not once:
                text = texts("The numbers of erased records are not those of the log.")
                self._report.add("erasure-changed", emitter_text(*epoch), text)

    def _keys(
        self, erasures: Sequence[StoredErasure], bodies: Collection[tuple[Part, int]]
    ) -> None:
        """Find keys that outlive their erasure."""
        newest: dict[Part, int] = {}
        for one in erasures:
            if one.done is None:
                continue
            if one.doomed:
                self._key_kept(one.first)
            for part, generation in one.parts.items():
                newest[part] = max(newest.get(part, 0), generation)
        for part, generation in sorted(bodies):
            if generation < newest.get(part, 0):
                self._report.add("key-kept", f"{part.class_} {part.month}", _KEPT)

    def _key_kept(self, index: int) -> None:
        self._say("key-kept", index, _KEPT)

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)


_KEPT = texts("A key was said to be destroyed and is still there.")


def is_as_said(hold: Hold, entry: HoldEntry) -> bool:
    """Tell whether the database has a hold as its entry has it; its end is another entry's."""
    here = hold.id, hold.extent.digest, hold.reason, hold.until, hold.roles, hold.n, hold.t
    said = entry.hold, entry.scope, entry.reason, entry.until, entry.roles, entry.n, entry.t
    return here == said
