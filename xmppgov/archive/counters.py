"""Completeness from the public log alone: numbers follow each other, or a gap says why."""

from __future__ import annotations

from xmppgov.archive.model import (
    Control,
    DataLeaf,
    EmitterStart,
    Gap,
    emitter_numbers,
    emitter_text,
)
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")
Epoch = tuple[int, int]


class Counters:
    """Follows the entries of a log and reports every number that is not where it belongs."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.last: dict[Epoch, int] = {}
        self.servers: dict[int, str] = {}

    def follow(self, index: int, leaf: DataLeaf | Control) -> None:
        """Take entry `index` of the log."""
        if isinstance(leaf, DataLeaf):
            self._advance(index, (leaf.emitter, leaf.epoch), leaf.seq, leaf.seq)
        elif isinstance(leaf, Gap):
            self._report.missing += leaf.last - leaf.first + 1
            self._advance(index, emitter_numbers(leaf.em), leaf.first, leaf.last)
        else:
            self._open(index, leaf)

    def _open(self, index: int, start: EmitterStart) -> None:
        epoch = emitter_numbers(start.em)
        if epoch in self.last or self.servers.setdefault(epoch[0], start.emitter) != start.emitter:
            self._say("emitter-twice", index, texts("{em} is opened a second time.", em=start.em))
        self.last.setdefault(epoch, 0)

    def _advance(self, index: int, epoch: Epoch, first: int, last: int) -> None:
        em = emitter_text(*epoch)
        before = self.last.get(epoch)
        if before is None:
            self._say("counter-unopened", index, texts("{em} was never opened.", em=em))
            before = first - 1
        if first > before + 1:
            text = texts(
                "{em}: the numbers {first} to {last} are missing without a gap entry.",
                em=em,
                first=before + 1,
                last=first - 1,
            )
            self._say("counter-gap", index, text)
        elif first <= before or last < first:
            text = texts("{em}: the number {seq} comes a second time.", em=em, seq=first)
            self._say("counter-twice", index, text)
        self.last[epoch] = max(before, last)

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)
