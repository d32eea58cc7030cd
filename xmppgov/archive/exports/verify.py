"""Independent verification of an export: each index is present, erased by an entry, or unexplained.

It needs the export and whoever opens its checkpoint; the log's files make it stronger, since then
also what was erased later is known, and whether the log still has the tree that was exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from xmppgov.archive import ranges
from xmppgov.archive.document import DocumentInvalid
from xmppgov.archive.exports.model import (
    EntryLine,
    Line,
    Manifest,
    RecordLine,
    leads,
    parse_line,
    parse_manifest,
)
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.model import RecordInvalid
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import PolicyUnmet

texts = Texts("xmppgov")
Opens = Callable[[bytes], Checkpoint]
"""Return the checkpoint of a note that is signed as required; raises `CheckFailed`."""
RootAt = Callable[[int], bytes | None]
"""Return the root of the log's first entries, None where it has not as many."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Records that entry `leaf` of the log says were erased."""

    part: Range
    leaf: int


@dataclass(slots=True)
class Outcome:
    """What was found of an export: where each of its indexes stands."""

    report: Report
    present: list[Range] = field(default_factory=list)
    outside: list[Range] = field(default_factory=list)
    erased: list[Erased] = field(default_factory=list)
    unexplained: list[Range] = field(default_factory=list)


class ExportCheck:
    """Checks an export line by line; memory does not grow with it, but with its gaps."""

    def __init__(self, opens: Opens) -> None:
        self._opens = opens
        self._manifest: Manifest | None = None
        self._checkpoint: Checkpoint | None = None
        self._last = -1
        self._readable: list[Range] = []
        self._wrong: list[Range] = []
        self._erasures: list[Erased] = []
        self._edges: dict[int, int] = {}
        """Times of records of other times: what begins and ends with such shows all between them"""
        self.outcome = Outcome(Report(""))

    def run(self, lines: Iterable[bytes]) -> Outcome:
        """Check a whole export by itself."""
        number = 0
        for number, line in enumerate(lines, 1):
            if number == 1:
                if not self._begin(line.rstrip(b"\n")):
                    return self.outcome
            else:
                self._line(number, line.rstrip(b"\n"))
        if number == 0:
            self._begin(b"")
        else:
            self._finish()
        return self.outcome

    def compare(self, root_at: RootAt, erased: Sequence[Erased]) -> None:
        """Compare what was exported with the log: its tree, and what it says was erased since."""
        if self._checkpoint is None or self._manifest is None:
            return
        root = root_at(self._checkpoint.size)
        if root != self._checkpoint.root:
            self._say("history", "manifest", _no_history(root))
        known = {(e.part, e.leaf) for e in self._erasures}
        self._kept([e for e in erased if (e.part, e.leaf) not in known])

    def _begin(self, line: bytes) -> bool:
        report = self.outcome.report
        try:
            self._manifest = manifest = parse_manifest(line)
            report.origin = manifest.origin
            self._checkpoint = checkpoint = self._opens(manifest.checkpoint)
        except DocumentInvalid as error:
            self._say("manifest-invalid", "manifest", error.text)
            return False
        except CheckFailed as error:
            unmet = isinstance(error, PolicyUnmet)
            code = "quorum-unmet" if unmet else "checkpoint-invalid"
            self._say(code, "manifest", error.text)
            return False
        report.size, report.root = checkpoint.size, checkpoint.root
        reach = manifest.covers[-1][1] if manifest.covers else -1
        if manifest.origin != checkpoint.origin or not reach < manifest.entries <= checkpoint.size:
            text = texts("The manifest is not of the log that its checkpoint is of.")
            self._say("manifest-invalid", "manifest", text)
            return False
        if len(manifest.covers) != (1 if manifest.whole and manifest.entries else 0):
            text = texts("It has to cover one range of indexes, or of a room or a unit nothing.")
            self._say("manifest-invalid", "manifest", text)
            return False
        return True

    def _line(self, number: int, data: bytes) -> None:
        try:
            line = parse_line(data)
        except DocumentInvalid as error:
            self._say("line-invalid", f"line {number}", error.text)
            return
        assert self._manifest is not None
        if not self._last < line.index < self._manifest.entries:
            text = texts("The index is not behind the one before, or not in the log.")
            self._say("line-order", f"line {number}", text)
            return
        self._last = line.index
        self._place(line)

    def _place(self, line: Line) -> None:
        assert self._checkpoint is not None
        if not leads(line, self._checkpoint.size, self._checkpoint.root):
            ranges.add(self._wrong, line.index)
            text = texts("It is not what the log has at this index.")
            self._at("record-changed", line.index, text)
        elif isinstance(line, RecordLine):
            self.outcome.report.records += 1
            ranges.add(self.outcome.outside if line.outside else self.outcome.present, line.index)
            if line.outside and type(t := line.disclosure.value("t")) is int:
                self._edges[line.index] = t
            if not self._fits(line):
                text = texts("It is not what the manifest says that the export shows.")
                self._at("scope-wrong", line.index, text)
        else:
            self._entry(line)

    def _entry(self, line: EntryLine) -> None:
        ranges.add(self._readable, line.index)
        try:
            leaf = parse_leaf(line.entry)
        except RecordInvalid as error:
            self._at("entry-invalid", line.index, error.text)
            return
        if isinstance(leaf, Erase):
            self._erasures += [Erased(part, line.index) for part in ranges.read(leaf.indexes)]

    def _fits(self, line: RecordLine) -> bool:
        """Tell whether what a record shows is in the manifest's scope, or rightly outside."""
        manifest, show = self._manifest, line.disclosure.value
        assert manifest is not None
        t, room, unit = show("t"), show("room"), show("org")
        if type(t) is not int or not line.disclosure.shown.keys() <= set(manifest.fields):
            return False
        within = manifest.start <= t < manifest.end
        if line.outside:
            return not within and bool(manifest.covers)
        rooms = not manifest.rooms or room is None or room in manifest.rooms
        return within and rooms and (not manifest.units or unit is None or unit in manifest.units)

    def _finish(self) -> None:
        outcome, manifest = self.outcome, self._manifest
        assert manifest is not None
        lines = map(ranges.count, (outcome.present, outcome.outside, self._readable))
        if list(lines) != [manifest.records, manifest.outside, manifest.readable]:
            text = texts("It has not as many lines as its manifest says.")
            self._say("export-count", "manifest", text)
        seen = ranges.union([*outcome.present, *outcome.outside, *self._readable, *self._wrong])
        absent = ranges.subtract(manifest.covers, seen)
        gone = ranges.union([e.part for e in self._erasures])
        missing = ranges.subtract(absent, gone)
        for first, last in missing:
            for index in range(first, last + 1):
                self._at("record-missing", index, texts("The record is missing."))
        outcome.unexplained = ranges.union([*missing, *self._wrong])
        outcome.erased = [
            Erased(part, e.leaf)
            for e in self._erasures
            for part in (ranges.common([e.part], absent) if manifest.covers else [e.part])
        ]
        outcome.report.erased = sum(ranges.count([e.part]) for e in outcome.erased)
        self._kept(self._erasures)
        self._check_ends(manifest)

    def _check_ends(self, manifest: Manifest) -> None:
        """Find ends amid what should be covered: there nothing shows where the times end."""
        if not manifest.covers:
            return
        first, last = manifest.covers[0]
        begins = first == 0 or self._edges.get(first, manifest.start) < manifest.start
        ends = last == manifest.entries - 1 or self._edges.get(last, 0) >= manifest.end
        for at, well in ((first, begins), (last, ends)):
            if not well:
                self._at("covers-short", at, texts("It ends amid what it should cover."))

    def _kept(self, erasures: Sequence[Erased]) -> None:
        """Name what an entry that the export has looked at says was erased, and is in it."""
        assert self._manifest is not None
        shown = ranges.union([*self.outcome.present, *self.outcome.outside])
        gone = ranges.union([e.part for e in erasures if e.leaf < self._manifest.entries])
        for first, last in ranges.common(shown, gone):
            for index in range(first, last + 1):
                text = texts("The record was said to be erased and is still there.")
                self._at("record-kept", index, text)

    def _at(self, code: str, index: int, text: Text) -> None:
        self._say(code, f"entry {index}", text)

    def _say(self, code: str, where: str, text: Text) -> None:
        self.outcome.report.add(code, where, text)


def _no_history(root: bytes | None) -> Text:
    if root is None:
        return texts("The log is shorter than the checkpoint that was kept.")
    return texts("The log does not begin with the tree of the checkpoint that was kept.")
