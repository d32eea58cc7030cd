"""What officers have decided, from the public log alone: by whom, of what, and what a hold keeps.

It takes two officers, neither of them in the role of whoever asks, and one for a hold. A scope is
secret, so a hold shows only how many records it covers: as many have to be left before its entry.
"""

from __future__ import annotations

from typing import NamedTuple

from xmppgov.archive import ranges
from xmppgov.archive.day import DAY, day_text
from xmppgov.archive.leaf import Access, Control, DataLeaf, Erase, Hold, Release
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts

texts = Texts("xmppgov")


class _Open(NamedTuple):
    """A hold that has not ended: the index of its entry, and how many records there were before."""

    leaf: int
    before: int
    hold: Hold


class Decisions:
    """Follows the entries of a log and reports each decision that could not be one."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._records = 0
        self._data: list[Range] = []
        self._erased: list[Range] = []
        self._known: set[str] = set()
        self._holds: dict[str, _Open] = {}

    def follow(self, index: int, leaf: DataLeaf | Control) -> None:
        """Take entry `index` of the log."""
        if isinstance(leaf, DataLeaf):
            self._records += 1
            ranges.add(self._data, index)
            return
        if isinstance(leaf, Hold):
            self._hold(index, leaf)
        elif isinstance(leaf, Release):
            self._release(index, leaf)
        elif isinstance(leaf, Erase):
            self._erase(index, leaf)
        if isinstance(leaf, Access | Erase | Release):
            self._roles(index, leaf)

    def _roles(self, index: int, leaf: Access | Erase | Release) -> None:
        roles = leaf.roles.split(" ")
        alone = len(roles) < 2 and roles != ["nobody"]
        if alone or (isinstance(leaf, Access) and leaf.requester in roles):
            text = texts("It takes two officers, and not of the requester's role.")
            self._say("roles-wrong", index, text)

    def _hold(self, index: int, hold: Hold) -> None:
        if hold.hold in self._known:
            self._say("hold-wrong", index, texts("There was a hold of this name before."))
        self._known.add(hold.hold)
        self._holds[hold.hold] = _Open(index, self._records, hold)

    def _release(self, index: int, release: Release) -> None:
        kept = self._holds.pop(release.hold, None)
        today = day_text(release.t // DAY)
        if kept is None or (release.roles == "nobody" and today <= kept.hold.until):
            text = texts("There is no such hold, or it is not over.")
            self._say("hold-wrong", index, text)

    def _erase(self, index: int, leaf: Erase) -> None:
        named = ranges.read(leaf.indexes)
        parts = ranges.common(named, self._data)
        right = parts == named and ranges.count(parts) == leaf.n
        if not right or leaf.month > day_text(leaf.t // DAY)[:7]:
            self._say("erase-forged", index, texts("An erase entry names what it cannot."))
        if ranges.common(parts, self._erased):
            text = texts("What an erase entry names is erased by another one already.")
            self._say("erase-twice", index, text)
        self._erased = ranges.union([*self._erased, *parts])
        if self._short(leaf):
            text = texts("It says that no hold keeps, or takes what one has to keep.")
            self._say("erase-held", index, text)

    def _short(self, leaf: Erase) -> bool:
        """Tell whether what is said to be held has no hold, or a hold more than what is left."""
        today = day_text(leaf.t // DAY)
        lasting = (kept for kept in self._holds.values() if today <= kept.hold.until)
        return bool(leaf.held and not self._holds) or any(map(self._takes, lasting))

    def _takes(self, kept: _Open) -> bool:
        before = ranges.subtract(self._erased, [(kept.leaf, ranges.LARGEST)])
        return kept.before - ranges.count(before) < kept.hold.n

    def _say(self, code: str, index: int, text: Text) -> None:
        self._report.add(code, f"entry {index}", text)
