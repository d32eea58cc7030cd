"""Independent verification: is the archive what was signed, complete and in order?

`log.LogCheck` needs the log's public files and the public key only. `RecordCheck` compares the
records of the database with what the log has committed to. Neither trusts an index, a counter or a
hash that the archive's program has written: all of it is derived again from the entries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from xmppgov.archive import ranges
from xmppgov.archive.counters import Counters, Epoch
from xmppgov.archive.day import DAY, day_text, key_digest, names_root, references_root
from xmppgov.archive.derived import Derived
from xmppgov.archive.fates import Fates
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import (
    Control,
    DataLeaf,
    DayEnd,
    Erase,
    Gap,
    KeyChange,
    parse_leaf,
)
from xmppgov.archive.model import (
    RecordInvalid,
    commitment,
    emitter_text,
    parse_record_both,
)
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
COLUMNS = ("t", "class", "from", "to", "room", "org")
"""The fields of a record that have a column of their own."""


class StoredRecord(NamedTuple):
    """A row of the records' table, opened; `body` is None where it does not open.

    `columns` are the values that queries go by: t, class, sender, recipient, room, org.
    """

    idx: int
    emitter: int
    epoch: int
    seq: int
    secret: bytes
    body: bytes | None
    columns: tuple[int | str | None, ...]


class StoredName(NamedTuple):
    """A row of the table of pseudonyms; `month` is that of its key, `sealed` the address."""

    pseudonym: str
    month: str
    sort: str
    sealed: bytes


class ForgottenName(NamedTuple):
    """What is left of a destroyed row of the table of pseudonyms: its place in its day's order."""

    place: int
    month: str
    digest: bytes


class RecordCheck:
    """Compares the database with the log: each data entry has its record, and no other is there.

    A record that is gone has to be named by an `erase` entry, which comes behind it; so what is
    missing is judged at the end, by `finish`.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._gaps: dict[int, tuple[str, int, int, str]] = {}
        self._fates = Fates(report)
        self._days: list[tuple[int, DayEnd]] = []
        self._destroyed: dict[str, int] = {}
        self._seen: dict[int, int] = {}
        """The first record of each day, in days since 1970."""
        self._unread: list[Range] = []
        """The data entries whose records are not there or cannot be read."""
        self.derived = Derived(report)

    def chunk(
        self,
        start: int,
        entries: Sequence[bytes | None],
        records: Sequence[StoredRecord],
        rows: Mapping[int, bytes],
    ) -> None:
        """Check the entries from index `start`, given the database's rows of the same range."""
        by_index = {record.idx: record for record in records}
        for index, entry in enumerate(entries, start):
            record = by_index.get(index)
            if entry is None:
                self._not_read(index)
                continue
            if rows.get(index) != entry:
                self._say("row-changed", index, texts("The database has not the log's entry."))
            try:
                self._entry(index, parse_leaf(entry), record)
            except RecordInvalid:
                continue  # LogCheck has said so

    def numbers(
        self,
        log: Counters,
        ends: Mapping[Epoch, int],
        counted: Mapping[Epoch, Sequence[Range]],
    ) -> None:
        """Compare the log's numbers, pending ones included, with the database's.

        `ends` are the last numbers there, `counted` those that wait for their entry.
        """
        for epoch in sorted(log.last.keys() | ends.keys() | counted.keys()):
            where, last = emitter_text(*epoch), log.last.get(epoch, 0)
            waiting = counted.get(epoch, ())
            tail = ranges.subtract(waiting, [(0, last)])
            end = tail[0][1] if tail and tail[0][0] == last + 1 else last
            if len(tail) > 1 or end != ends.get(epoch):
                text = texts("{em}: the database's last number is not the log's.", em=where)
                self._report.add("epoch-changed", where, text)
            if ranges.subtract(waiting, tail) != log.open.get(epoch, []):
                text = texts("{em}: numbers are missing without a gap entry.", em=where)
                self._report.add("counter-gap", where, text)

    def servers(self, log: Mapping[int, str], stored: Mapping[int, str]) -> None:
        """Compare the emitters' names in the log with the database's."""
        for number in sorted(log.keys() | stored.keys()):
            if log.get(number) != stored.get(number):
                text = texts("Emitter {number} is another server in the log.", number=number)
                self._report.add("emitter-changed", f"emitter {number}", text)

    def gaps(self, stored: Mapping[int, tuple[str, int, int, str]], end: int) -> None:
        """Compare the gap entries before index `end` with the database's holes."""
        for index in sorted(self._gaps.keys() | stored.keys()):
            if index < end and self._gaps.get(index) != stored.get(index):
                self._say("gap-forged", index, texts("A gap of the database is not the log's."))

    def names(
        self,
        stored: Mapping[int | None, Sequence[StoredName]],
        forgotten: Mapping[int, Sequence[ForgottenName]],
    ) -> None:
        """Compare the sealed names with the roots of the days; both are by the day's entry.

        `stored` has those of the day that is not closed under None.

        Names may be forgotten where an entry says so of their month, and no record of it is left.
        """
        for index, day in self._days:
            gone = forgotten.get(index, ())
            if not self._same_names(day, stored.get(index, ()), gone):
                text = texts("The pseudonyms of {day} are not those that were signed.", day=day.day)
                self._say("pseudonym-changed", index, text)
            if any(self._destroyed.get(f"names-{name.month}", -1) < index for name in gone):
                self._say("pseudonym-missing", index, texts("Pseudonyms are gone unexplained."))
        for stray in stored.keys() - {None, *(index for index, _ in self._days)}:
            text = texts("Pseudonyms are among those of a day that the log does not have.")
            self._say("pseudonym-changed", stray or 0, text)
        for number, index in self._seen.items():
            if index < self._destroyed.get(f"names-{day_text(number)[:7]}", -1):
                text = texts("The pseudonyms of a record that is there were destroyed.")
                self._say("pseudonym-missing", index, text)

    @property
    def days(self) -> tuple[tuple[int, DayEnd], ...]:
        """The entries that close days, each with its index."""
        return tuple(self._days)

    def references(self, index: int, day: DayEnd, stored: Iterable[bytes]) -> None:
        """Compare the references that the database has of a part of a day with their root."""
        root, n = references_root(stored)
        if (root.hex(), n) != (day.root, day.n):
            text = texts("The references of {day} are not those that were signed.", day=day.day)
            self._say("day-changed", index, text)

    def day_keys(self, find: Callable[[str], bytes | None], *, erasing: bool) -> None:
        """Compare the keys of days with the digests in the log.

        Only what an entry says was destroyed may be gone, or what an erasure under way destroys.
        """
        for index, day in self._days:
            if not day.key or self._destroyed.get(f"day-{day.day}", -1) > index:
                continue
            key = find(day.day)
            if (key is None and not erasing) or (key is not None and key_digest(key) != day.key):
                text = texts("The key of {day} is not the one that was signed.", day=day.day)
                self._say("key-changed", index, text)

    def finish(self, under_way: Iterable[Range] = ()) -> None:
        """Judge what is missing, now that every `erase` entry is known.

        `under_way` are the records that the archive says it is erasing.
        """
        self._fates.judge(under_way)

    def _entry(self, index: int, leaf: DataLeaf | Control, record: StoredRecord | None) -> None:
        self.derived.entry(index, leaf)
        if isinstance(leaf, DataLeaf):
            self._data(index, leaf, record)
            return
        if isinstance(leaf, Gap):
            self._gaps[index] = (leaf.em, leaf.first, leaf.last, leaf.reason)
        elif isinstance(leaf, Erase):
            self._fates.erased(index, leaf)
        elif isinstance(leaf, DayEnd):
            self._days.append((index, leaf))
        elif isinstance(leaf, KeyChange) and leaf.fate == "destroyed":
            self._destroyed[leaf.name] = index
        if record is not None:
            self._say("record-extra", index, texts("A record lies where the log has none."))

    def _data(self, index: int, leaf: DataLeaf, record: StoredRecord | None) -> None:
        if record is None:
            self._fates.gone(index)
            self._not_read(index)
            return
        self._report.records += 1
        self._seen.setdefault(int(record.columns[0] or 0) // DAY, index)
        if (record.emitter, record.epoch, record.seq) != leaf[:3]:
            self._say("record-number", index, texts("The record's number is not the log's."))
        if record.body is None:
            self._not_read(index)
            self._say("record-changed", index, texts("The record cannot be opened."))
            return
        try:
            fields, values = parse_record_both(record.body)
        except RecordInvalid:
            self._not_read(index)
            self._say("record-changed", index, texts("It is no record of schema v1."))
            return
        self.derived.record(index, fields)
        if tuple(fields.get(name) for name in COLUMNS) != record.columns:
            self._say("record-changed", index, texts("A column is not what the record says."))
        self._committed(index, leaf, fields, commitment(values, record.secret))

    def has_read(self, index: int) -> bool:
        """Tell whether the record of an entry was there and could be read."""
        place = bisect_right(self._unread, (index, ranges.LARGEST)) - 1
        return place < 0 or self._unread[place][1] < index

    def _not_read(self, index: int) -> None:
        if self._unread and self._unread[-1][1] == index - 1:
            self._unread[-1] = (self._unread[-1][0], index)
        else:
            self._unread.append((index, index))

    @staticmethod
    def _same_names(day: DayEnd, rows: Sequence[StoredName], gone: Sequence[ForgottenName]) -> bool:
        try:
            root = names_root(rows, {name.place: name.digest for name in gone})
        except ValueError:
            return False
        return len(rows) + len(gone) == day.named and root.hex() == day.names

    def _committed(
        self, index: int, leaf: DataLeaf, fields: dict[str, Value], found: bytes
    ) -> None:
        if (fields["em"], fields["es"]) != (emitter_text(leaf.emitter, leaf.epoch), leaf.seq):
            self._say("record-number", index, texts("The record's number is not the log's."))
        elif found != leaf.commitment:
            text = texts("The record is not the one that the log has committed to.")
            self._say("record-changed", index, text)

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)
