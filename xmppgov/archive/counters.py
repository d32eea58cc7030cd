"""Completeness from the public log alone: numbers follow each other, or an entry says why not.

A number is accounted for by a record, by a gap, or by the `counted` entry that names it, at most a
minute after the entries around it and before the day ends. Until then it is *open*: a number that
stays open is missing. An epoch ends where the emitter's next one begins.
"""

from __future__ import annotations

from collections.abc import Sequence

from xmppgov.archive import ranges
from xmppgov.archive.days import Days
from xmppgov.archive.leaf import Control, Counted, Counts, DataLeaf, DayEnd, EmitterStart, Gap
from xmppgov.archive.model import emitter_numbers, emitter_text
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Hole, Report, Restart
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
        """The earliest time of a control entry behind the oldest open number."""
        self.ended = False

    def advance(self, first: int, last: int) -> bool:
        """Account for numbers that follow; False where the first has been passed already."""
        if first <= self.last or last < first:
            self.last = max(self.last, last)
            return False
        if first > self.last + 1:
            self.open.append((self.last + 1, first - 1))
        self.last = last
        return True

    def end(self, last: int) -> bool:
        """End with a number, up to which some are counted and not named yet; False if it cannot."""
        if last < self.last:
            return False
        if last > self.last:
            self.open.append((self.last + 1, last))
        self.last, self.ended = last, True
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
        self._newest: dict[int, Epoch] = {}
        self._days = Days(report)
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
        self._days.time(index, leaf)
        if isinstance(leaf, Gap):
            epoch = emitter_numbers(leaf.em)
            server = self.servers.get(epoch[0], "")
            hole = Hole(leaf.em, server, leaf.first, leaf.last, leaf.reason, leaf.t)
            self._report.hole(hole)
            self._advance(index, epoch, leaf.first, leaf.last, declared=True)
        elif isinstance(leaf, Counted):
            self._settle(index, leaf)
        elif isinstance(leaf, EmitterStart):
            self._start(index, leaf)
        elif isinstance(leaf, Counts):
            self._sum(index, leaf)
        elif isinstance(leaf, DayEnd):
            self._close(index)
            self._days.close(index, leaf)
        self._wait(index, leaf)

    def finish(self) -> None:
        """Say how many numbers still wait for their entry at the end of the log."""
        self._report.open = sum(ranges.count(a.open) for a in self._accounts.values())

    def _start(self, index: int, start: EmitterStart) -> None:
        epoch = emitter_numbers(start.em)
        self.servers.setdefault(epoch[0], start.emitter)
        same = [number for number, name in self.servers.items() if name == start.emitter]
        if epoch in self._accounts or same != [epoch[0]]:
            text = texts("{em} or its server is opened a second time.", em=start.em)
            self._say("emitter-twice", index, text)
        self._accounts.setdefault(epoch, _Account())
        if start.previous is not None:
            known = start.em, start.emitter, start.previous, start.last or 0, start.t
            self._report.restart(Restart(*known))
        if not self._follows(epoch, start):
            text = texts("{em} follows an epoch that ended otherwise.", em=start.em)
            self._say("epoch-changed", index, text)
        self._newest[epoch[0]] = epoch

    def _follows(self, epoch: Epoch, start: EmitterStart) -> bool:
        """End the emitter's epoch before; False where it is not the one that is named."""
        before = self._newest.get(epoch[0])
        named = emitter_numbers(start.previous) if start.previous is not None else None
        if named != before:
            return False
        if before is None or start.last is None:
            return before is None
        account = self._accounts[before]
        return start.last >= account.last if before == epoch else account.end(start.last)

    def _advance(
        self, index: int, epoch: Epoch, first: int, last: int, *, declared: bool = False
    ) -> None:
        account = self._account(index, epoch, first)
        self._check_going(index, epoch, last, declared=declared)
        if not account.advance(first, last):
            text = texts("{em}: the number {seq} comes a second time.", em=_em(epoch), seq=first)
            self._say("counter-twice", index, text)

    def _check_going(self, index: int, epoch: Epoch, last: int, *, declared: bool = False) -> None:
        """Find what comes behind the end of an epoch; only a hole may still be declared there."""
        account = self._accounts[epoch]
        if account.ended and last > account.last and not declared:
            text = texts("{em} has ended, and goes on.", em=_em(epoch))
            self._say("epoch-changed", index, text)

    def _settle(self, index: int, leaf: Counted) -> None:
        parts, epoch = ranges.read(leaf.ranges), emitter_numbers(leaf.em)
        account = self._account(index, epoch, parts[0][0])
        self._check_going(index, epoch, parts[-1][1])
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

    def _wait(self, index: int, leaf: Control) -> None:
        """Note since when numbers are open; those that have waited too long are missing."""
        overdue = not isinstance(leaf, Counted)
        for epoch, account in self._accounts.items():
            if not account.open:
                account.since = None
                continue
            account.since = min(leaf.t, leaf.t if account.since is None else account.since)
            late = overdue and leaf.t - account.since > LONGEST_OPEN
            if late or isinstance(leaf, DayEnd):
                self._missing(index, epoch, account.give_up(account.last + 1))

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
