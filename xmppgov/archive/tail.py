"""The end of the log that too few have cosigned yet: for it the archive alone vouches.

A few entries wait there for some minutes. More, or older ones, could be another history that is
shown to nobody else (docs/decisions/0150).
"""

from __future__ import annotations

from xmppgov.archive.leaf import Control, DataLeaf
from xmppgov.archive.report import Report
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
LONGEST = 65_536  # entries
OLDEST = 600_000  # ms


class Tail:
    """The entries behind the newest cosigned checkpoint; `now` (ms) is 0 where nobody knows.

    Where none is cosigned nothing newer may ever come, so it is compared with `now`.
    """

    def __init__(self, now: int = 0) -> None:
        self._newest, self._now = 0, now
        self._oldest: int | None = None

    def add(self, leaf: DataLeaf | Control) -> None:
        """Take an entry; only control entries have a time."""
        if not isinstance(leaf, DataLeaf):
            self._oldest = min(leaf.t, leaf.t if self._oldest is None else self._oldest)
            self._newest = max(leaf.t, self._newest)

    def judge(self, report: Report) -> None:
        """Say so where too many entries wait, or for too long."""
        waiting = report.size - report.cosigned
        if not report.cosigned:
            self._newest = max(self._newest, self._now)
        late = self._oldest is not None and self._newest - self._oldest > OLDEST
        if late or waiting > LONGEST:
            text = texts("Too few witnesses have cosigned the last {n} entries.", n=waiting)
            report.add("cosigned-behind", "cosigned", text)
