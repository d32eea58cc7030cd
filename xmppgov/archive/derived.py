"""Tables of the archive that follow from the log and the records: each is derived again.

They are what the archive goes by: what it answers to an emitter that begins anew, how it closes the
next day, how it proves that a message was not logged. A changed row changes what will be signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from xmppgov.archive.counters import Epoch
from xmppgov.archive.day import DAY, SORTS, day_number, day_text, reference
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import (
    Control,
    Counted,
    Counts,
    DataLeaf,
    DayEnd,
    EmitterStart,
    Erase,
    Hold,
    KeyChange,
    Release,
)
from xmppgov.archive.model import emitter_numbers, emitter_text
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
NAMED = ("from", "to", "room", "org")
UNKNOWN_UNIT, ELSEWHERE = "unknown", "-"
"""What stands for a unit that nobody knows, and for messages that are counted outside rooms."""


class ClosedDay(NamedTuple):
    """A row of the table of days that are closed: days since 1970, and the index of its entry."""

    day: int
    part: int
    idx: int
    in_turn: int
    """1 where the day was the next one; 0 for what arrived late."""


class KeptReference(NamedTuple):
    """A row of the table of references: its day's part, its bytes, and its record's index."""

    part: int
    ref: bytes
    idx: int


class Derived:
    """Takes entries and records in the log's order, then compares tables with what they give."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.decisions: dict[int, Hold | Release | Erase] = {}
        """What entries say of holds and erasures, by index."""
        self._opened: dict[Epoch, int] = {}
        self._days: set[ClosedDay] = set()
        self._turn: int | None = None
        """The day whose turn it is to be closed; at first that of the log's beginning."""
        self._waiting = 0
        """Messages that were counted, and are in no sum of a day yet."""
        self._parts: Counter[int] = Counter()
        self._references: Counter[int] = Counter()
        self._pseudonyms: dict[str, int] = {}
        """Each pseudonym with the first record that has it."""
        self._months: set[tuple[str, str]] = set()
        """Months whose key an entry says was sealed or destroyed, with that fate."""
        self._resolving: dict[int, str] = {}

    def entry(self, index: int, leaf: DataLeaf | Control) -> None:
        """Take the entry `index`."""
        if isinstance(leaf, DataLeaf):
            return
        if self._turn is None:
            self._turn = leaf.t // DAY
        if isinstance(leaf, EmitterStart):
            self._opened.setdefault(emitter_numbers(leaf.em), index)
        elif isinstance(leaf, Counted):
            self._waiting += leaf.n
        elif isinstance(leaf, Counts):
            self._waiting -= leaf.n
        elif isinstance(leaf, DayEnd):
            self._close(index, leaf)
        elif isinstance(leaf, KeyChange):
            self._change(leaf)
        elif isinstance(leaf, Hold | Release | Erase):
            self.decisions[index] = leaf

    def record(self, index: int, fields: Mapping[str, Value]) -> None:
        """Take the record of the entry `index`."""
        for field in NAMED:
            if field in fields and fields[field] != UNKNOWN_UNIT:
                self._pseudonyms.setdefault(str(fields[field]), index)
        day = int(fields["t"]) // DAY
        for sort in SORTS:
            if sort in fields:
                with suppress(ValueError):  # not of 16 bytes; then it has no place in any tree
                    row = KeptReference(self._parts[day] + 1, reference(str(fields[sort])), index)
                    self._references[day] += _digest(row)

    def opened(self, stored: Mapping[Epoch, int]) -> None:
        """Compare the indexes at which epochs begin."""
        for epoch in sorted(self._opened.keys() | stored.keys()):
            if self._opened.get(epoch) != stored.get(epoch):
                text = texts("{em} does not begin where the log says.", em=emitter_text(*epoch))
                self._report.add("epoch-changed", emitter_text(*epoch), text)

    def days(self, stored: Collection[ClosedDay]) -> None:
        """Compare the days that are closed."""
        for row in sorted(self._days.symmetric_difference(stored)):
            self.say_day(
                day_text(row.day), texts("{day}: the log has closed it otherwise.", day=_day(row))
            )

    def sums(self, stored: int, pending: int) -> None:
        """Compare how many messages wait for the day's sums; `pending` have no entry yet."""
        if stored != self._waiting + pending:
            text = texts("The sums of rooms are not what was counted.")
            self._report.add("counts-wrong", "sums", text)

    def keys(
        self, months: Mapping[str, str], resolving: Mapping[int, str], used: Collection[int]
    ) -> None:
        """Compare the months that have ended, with their fates, and the officers' public keys.

        `used` are the numbers of the keys that names are sealed to. A key that was destroyed by an
        erasure need not be among the months.
        """
        sealed = {pair for pair in self._months if pair[1] == "sealed"}
        if not sealed <= {*months.items()} <= self._months:
            text = texts("The months that have ended are not those of the log.")
            self._report.add("key-changed", "months", text)
        if resolving != self._resolving or not {*used} <= (self._resolving.keys() or {1}):
            text = texts("The officers' keys are not those of the log.")
            self._report.add("key-changed", "resolving", text)

    def names(
        self, stored: Collection[str], counted: Iterable[str], under_way: Collection[Range]
    ) -> None:
        """Check that whoever a record or the sums of rooms name has a row in the table of names.

        Of records that are being erased, the names may be gone already.
        """
        for pseudonym, index in self._pseudonyms.items():
            erasing = any(first <= index <= last for first, last in under_way)
            if pseudonym not in stored and not erasing:
                text = texts("A pseudonym of this record is missing among the names.")
                self._report.add("pseudonym-missing", f"entry {index}", text)
        if not {*counted} - {ELSEWHERE} <= {*stored}:
            text = texts("A room of the sums is missing among the names.")
            self._report.add("pseudonym-missing", "sums", text)

    def references(self, day: int, stored: Iterable[KeptReference]) -> None:
        """Compare the references of a day, of the records that are there.

        Only sums of digests are compared, so that no day has to be kept in memory.
        """
        if sum(map(_digest, stored)) != self._references.pop(day, 0):
            text = texts("The references of {day} are not those of its records.", day=day_text(day))
            self.say_day(day_text(day), text)

    def say_day(self, where: str, text: Text) -> None:
        """Note that something of a day is not what the log gives."""
        self._report.add("day-changed", where, text)

    def no_more_references(self) -> None:
        """Say on which days records have references and the table has none."""
        for day in sorted(self._references):
            self.references(day, ())

    def _close(self, index: int, leaf: DayEnd) -> None:
        number = day_number(leaf.day)
        if number is None:
            return
        in_turn = leaf.part == 1 and number == self._turn
        self._turn = number + 1 if in_turn else self._turn
        self._parts[number] = leaf.part
        self._days.add(ClosedDay(number, leaf.part, index, int(in_turn)))

    def _change(self, leaf: KeyChange) -> None:
        kind, _, rest = leaf.name.partition("-")
        if kind == "month" and leaf.fate != "created":
            self._months.add((rest, leaf.fate))
        elif kind == "resolving" and rest.isdecimal():
            self._resolving[int(rest)] = leaf.public


def _day(row: ClosedDay) -> str:
    return f"{day_text(row.day)}/{row.part}"


def _digest(row: KeptReference) -> int:
    place = row.idx.to_bytes(8, "big", signed=True) + row.part.to_bytes(8, "big", signed=True)
    return int.from_bytes(sha256(place + row.ref).digest(), "big")
