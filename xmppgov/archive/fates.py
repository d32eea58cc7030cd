"""What became of each record: it is there, an entry says it was erased, or nothing explains it.

Every index of a data entry is exactly one of the three. A record that is gone has to be named by an
`erase` entry, which comes behind it; so what is missing is judged at the end. What such an entry
may name is judged by `decisions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from xmppgov.archive import ranges
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Erasure, Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")


class Fates:
    """Gathers what is gone and what was said to be erased."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._gone: list[Range] = []
        self._erasures: list[Erasure] = []

    def gone(self, index: int) -> None:
        """Note that the record of the data entry `index` is not there; in ascending order."""
        if self._gone and self._gone[-1][1] == index - 1:
            self._gone[-1] = (self._gone[-1][0], index)
        else:
            self._gone.append((index, index))

    def erased(self, index: int, entry: Erase) -> None:
        """Note the `erase` entry at `index`. What it may not name is no excuse."""
        before = ranges.subtract(ranges.read(entry.indexes), [(index, ranges.LARGEST)])
        if before:
            self._erasures.append(Erasure(index, entry, tuple(before)))

    def judge(self, under_way: Iterable[Range] = ()) -> None:
        """Compare the two. Records in `under_way` are being erased: some may still be there."""
        said = ranges.union(part for erasure in self._erasures for part in erasure.parts)
        for index in _each(ranges.subtract(self._gone, said)):
            self._say("record-missing", index, texts("The record is missing."))
        kept = ranges.subtract(said, self._gone)
        left = ranges.subtract(kept, ranges.union(under_way))
        for index in _each(left):
            text = texts("The record was said to be erased and is still there.")
            self._say("record-kept", index, text)
        self._report.erasing = ranges.count(kept) - ranges.count(left)
        self._report.erased = ranges.count(said) - ranges.count(kept)
        self._report.erasures = tuple(self._erasures)

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)


def erased_by(entries: Iterable[bytes]) -> list[Range]:
    """Return the indexes that some `erase` entries name."""
    leaves = map(parse_leaf, entries)
    parts = [ranges.read(leaf.indexes) for leaf in leaves if isinstance(leaf, Erase)]
    return [part for found in parts for part in found]


def _each(parts: Sequence[Range]) -> Iterator[int]:
    return (index for first, last in parts for index in range(first, last + 1))
