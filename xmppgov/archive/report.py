"""What a verification has found, said so that a person can act on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from xmppgov.archive.leaf import Erase
from xmppgov.archive.ranges import Range
from xmppgov.i18n import Text

MOST_KEPT = 1000  # findings that are kept one by one


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is wrong: a code for scripts, the place, a sentence."""

    code: str
    where: str
    text: Text


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
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, where: str, text: Text) -> None:
        """Note a finding; beyond the first thousand they are only counted."""
        self.counts[code] += 1
        if len(self.findings) < MOST_KEPT:
            self.findings.append(Finding(code, where, text))

    @property
    def total(self) -> int:
        """How many findings there are, kept or only counted."""
        return self.counts.total()
