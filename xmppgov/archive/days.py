"""The log's clock: control entries go forward in time, and each day ends in its turn."""

from __future__ import annotations

from collections import Counter

from xmppgov.archive.day import DAY, day_number, day_text
from xmppgov.archive.leaf import Control, Counted, Counts, DayEnd, Erase, Hold, Release
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
BACK = 600_000  # ms that a clock may be set back, or an entry wait to be written
AHEAD = 400  # days that may be over and not closed yet, before anything else is written
DECIDED_AHEAD = 3  # the same, before a decision that depends on the day: what is over, what is due


class Days:
    """Follows the times of control entries, and the days that they close.

    The day whose turn it is is at first that of the log's beginning.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._newest = 0
        self._turn: int | None = None
        self._parts: Counter[int] = Counter()

    def time(self, index: int, leaf: Control) -> None:
        """Take the time of a control entry; those that close days may be late."""
        t, closes = leaf.t, isinstance(leaf, Counted | Counts | DayEnd)
        if self._turn is None:
            self._turn = t // DAY
        most = DECIDED_AHEAD if isinstance(leaf, Hold | Release | Erase) else AHEAD
        if t < self._newest - BACK or (t > (self._turn + most) * DAY and not closes):
            text = texts("Its time is long before or behind what is around it.")
            self._say("time-wrong", index, text)
            self._newest = t
        self._newest = max(self._newest, t)

    def close(self, index: int, leaf: DayEnd) -> None:
        """Take the end of a day: the one whose turn it is, or a later part of one before."""
        day, turn = day_number(leaf.day), self._turn
        assert day is not None, "no entry names a day that no calendar has"
        assert turn is not None, "an entry's time comes before what it says"
        expected = leaf.part == self._parts[day] + 1
        if not expected or day > turn or leaf.t < (day + 1) * DAY:
            where = f"{day_text(day)}/{leaf.part}"
            text = texts("{day} is not the day or the part that comes next.", day=where)
            self._say("day-order", index, text)
        self._parts[day] = max(self._parts[day], leaf.part)
        if leaf.part == 1:
            self._turn = max(turn, day + 1)

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)
