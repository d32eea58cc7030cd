"""Completeness from the public log alone: numbers follow each other, or an entry says why not.

A number is accounted for by a record, by a gap, or by the `counted` entry that names it, at most a
minute after the entries around it. Until then it is *open*: a number that stays open is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from xmppgov.archive import ranges
from xmppgov.archive.leaf import Control, Counted, Counts, DataLeaf, DayEnd, EmitterStart, Gap
from xmppgov.archive.model import emitter_numbers, emitter_text
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
Epoch = tuple[int, int]
LONGEST_OPEN = 120_000  # ms that a counted number may wait for its entry: a minute, and one more


class _Account:
    """One epoch: its last number, and the ranges before it that nothing has accounted for yet."""

    def __init__(self, last: int = 0) -> None:
        self.last = last
        self.open: list[Range] = []
        self.since: int | None = None
        """The time of the first control entry behind the oldest open number."""

    def advance(self, first: int, last: int) -> bool:
        """Account for numbers that follow; False where the first has been passed already."""
        if first <= self.last or last < first:
            self.last = max(self.last, last)
            return False
        if first > self.last + 1:
            self.open.append((self.last + 1, first - 1))
        self.last = last
        return True

    def settle(self, parts: Sequence[Range]) -> bool:
        """Account for counted numbers, open or to come; False where one has been passed already."""
        behind = ranges.subtract(parts, [(0, self.last)])
        before = ranges.subtract(parts, behind)
        known = not ranges.subtract(before, self.open)
        self.open = ranges.subtract(self.open, before)
        for first, last in behind:
            self.advance(first, last)
        return known

    def give_up(self, below: int) -> list[Range]:
        """Return the open ranges below a number, which are missing for good, and forget them."""
        lost = [part for part in self.open if part[0] < below]
        self.open = [part for part in self.open if part[0] >= below]
        self.since = None
        return lost


class Counters:
    """Follows the entries of a log and reports every number that is not where it belongs."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._accounts: dict[Epoch, _Account] = {}
        self._summed = 0
        self.servers: dict[int, str] = {}

    @property
    def last(self) -> dict[Epoch, int]:
        """The last number of each epoch."""
        return {epoch: account.last for epoch, account in self._accounts.items()}

    @property
    def open(self) -> dict[Epoch, list[Range]]:
        """The numbers that wait for their entry, of each epoch that has some."""
        return {epoch: list(a.open) for epoch, a in self._accounts.items() if a.open}

    def follow(self, index: int, leaf: DataLeaf | Control) -> None:
        """Take entry `index` of the log."""
        if isinstance(leaf, DataLeaf):
            self._advance(index, (leaf.emitter, leaf.epoch), leaf.seq, leaf.seq)
            return
        if isinstance(leaf, Gap):
            self._report.missing += leaf.last - leaf.first + 1
            self._advance(index, emitter_numbers(leaf.em), leaf.first, leaf.last)
        elif isinstance(leaf, Counted):
            self._settle(index, leaf)
        elif isinstance(leaf, EmitterStart):
            self._start(index, leaf)
        elif isinstance(leaf, Counts):
            self._sum(index, leaf)
        elif isinstance(leaf, DayEnd):
            self._close(index)
        self._wait(index, leaf.t, overdue=not isinstance(leaf, Counted))

    def finish(self) -> None:
        """Say how many numbers still wait for their entry at the end of the log."""
        self._report.open = sum(ranges.count(a.open) for a in self._accounts.values())

    def _start(self, index: int, start: EmitterStart) -> None:
        epoch = emitter_numbers(start.em)
        server = self.servers.setdefault(epoch[0], start.emitter)
        if epoch in self._accounts or server != start.emitter:
            self._say("emitter-twice", index, texts("{em} is opened a second time.", em=start.em))
        self._accounts.setdefault(epoch, _Account())
        if start.previous is not None:
            before = self._accounts.get(emitter_numbers(start.previous))
            self._report.restarts += 1
            if before is None or before.last != start.last:
                text = texts("{em} follows an epoch that ended otherwise.", em=start.em)
                self._say("epoch-changed", index, text)

    def _advance(self, index: int, epoch: Epoch, first: int, last: int) -> None:
        account = self._account(index, epoch, first)
        if not account.advance(first, last):
            text = texts("{em}: the number {seq} comes a second time.", em=_em(epoch), seq=first)
            self._say("counter-twice", index, text)

    def _settle(self, index: int, leaf: Counted) -> None:
        parts, epoch = ranges.read(leaf.ranges), emitter_numbers(leaf.em)
        account = self._account(index, epoch, parts[0][0])
        if not account.settle(parts) or ranges.count(parts) != leaf.n:
            text = texts("{em}: counted numbers come a second time.", em=leaf.em)
            self._say("counter-twice", index, text)
        self._report.counted += leaf.n
        self._missing(index, epoch, account.give_up(parts[-1][1]))

    def _sum(self, index: int, leaf: Counts) -> None:
        total = sum(int(pair.rpartition(":")[2]) for pair in leaf.sums.split(" "))
        self._summed += total
        if total != leaf.n or self._summed > self._report.counted:
            self._say("counts-wrong", index, texts("The sums of rooms are not what was counted."))

    def _close(self, index: int) -> None:
        if self._summed != self._report.counted:
            self._say("counts-wrong", index, texts("The sums of rooms are not what was counted."))
            self._summed = self._report.counted

    def _wait(self, index: int, t: int, *, overdue: bool) -> None:
        """Note since when numbers are open; those that have waited too long are missing."""
        for epoch, account in self._accounts.items():
            if not account.open:
                account.since = None
            elif account.since is None:
                account.since = t
            elif overdue and t - account.since > LONGEST_OPEN:
                self._missing(index, epoch, account.give_up(account.last))

    def _missing(self, index: int, epoch: Epoch, lost: Sequence[Range]) -> None:
        for first, last in lost:
            text = texts(
                "{em}: the numbers {first} to {last} are missing without a gap entry.",
                em=_em(epoch),
                first=first,
                last=last,
            )
            self._say("counter-gap", index, text)

    def _account(self, index: int, epoch: Epoch, first: int) -> _Account:
        account = self._accounts.get(epoch)
        if account is None:
            text = texts("{em} was never opened.", em=_em(epoch))
            self._say("counter-unopened", index, text)
            account = self._accounts[epoch] = _Account(first - 1)
        return account

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)


def _em(epoch: Epoch) -> str:
    return emitter_text(*epoch)
