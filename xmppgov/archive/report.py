"""What a verification has found, said so that a person can act on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from xmppgov.archive.leaf import Erase
from xmppgov.archive.ranges import Range
from xmppgov.i18n import Text

MOST_KEPT = 1000  # findings, holes, restarts that are kept one by one
STANDS = frozenset(
    {
        *("checkpoint-invalid", "cosigned-invalid", "cosigned-behind", "history"),
        *("witness-invalid", "witness-silent", "timestamp-invalid"),
        *("bundle-invalid", "tile-missing", "tile-changed", "root-wrong", "entry-invalid"),
        *("row-changed", "record-changed", "record-number"),
    }
)
"""Findings that hold whatever the entries of lost files say; all others may follow from these."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is wrong: a code for scripts, the place, a sentence."""

    code: str
    where: str
    text: Text


class Hole(NamedTuple):
    """Numbers that an emitter declared missing; `t` (ms) is when, `server` who it is."""

    em: str
    server: str
    first: int
    last: int
    reason: str
    t: int


class Restart(NamedTuple):
    """An epoch that followed another: what was numbered behind `last` and not sent is not known."""

    em: str
    server: str
    previous: str
    last: int
    t: int


class Erasure(NamedTuple):
    """What the `erase` entry at index `leaf` of the log names."""

    leaf: int
    entry: Erase
    parts: tuple[Range, ...]


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; without findings all is as it was signed.

    Every data entry is one of `records` (present), `erased`, or a finding. Of the numbers without
    an entry of their own, `missing` are declared holes, `counted` messages that are only counted,
    and `open` those whose entry is not due yet. `restarts` counts epochs that followed another,
    `waiting` the entries that no checkpoint covers yet. `erasing` records are named by an entry and
    still there, for the archive says that it is at work on them; `erasures` are those entries.
    `cosigned` entries are covered by a checkpoint that satisfies the policy; `kept_cosigned` says
    whether the one that was kept elsewhere does. `witnessed` has what each asked witness has seen.
    `holes` and `begun` name what `missing` and `restarts` count; `gaps` counts the holes. The files
    of `lost` entries are gone; `unsure` counts the findings that may be nothing but a consequence
    of that.
    """

    origin: str
    size: int = 0
    root: bytes = b""
    records: int = 0
    erased: int = 0
    erasing: int = 0
    erasures: tuple[Erasure, ...] = ()
    missing: int = 0
    counted: int = 0
    open: int = 0
    restarts: int = 0
    waiting: int = 0
    cosigned: int = 0
    kept_cosigned: bool | None = None
    witnessed: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    holes: list[Hole] = field(default_factory=list)
    begun: list[Restart] = field(default_factory=list)
    lost: int = 0
    unsure: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, where: str, text: Text) -> None:
        """Note a finding; beyond the first thousand they are only counted.

        Behind lost entries, what may follow from them is counted apart: one finding says it all.
        """
        if self.lost and code not in STANDS:
            self.unsure[code] += 1
            return
        self.counts[code] += 1
        if len(self.findings) < MOST_KEPT:
            self.findings.append(Finding(code, where, text))

    def hole(self, hole: Hole) -> None:
        """Note numbers that are declared missing."""
        self.missing += hole.last - hole.first + 1
        self.gaps += 1
        if len(self.holes) < MOST_KEPT:
            self.holes.append(hole)

    def restart(self, restart: Restart) -> None:
        """Note an epoch that followed another."""
        self.restarts += 1
        if len(self.begun) < MOST_KEPT:
            self.begun.append(restart)

    @property
    def total(self) -> int:
        """How many findings there are, kept or only counted."""
        return self.counts.total()
