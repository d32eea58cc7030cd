"""What a batch adds to the log and beside it, index by index, before any of it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from xmppgov.archive import ranges
from xmppgov.archive.day import DAY, reference
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import Control, control_leaf, data_leaf
from xmppgov.archive.model import canonical, commitment, encode_fields
from xmppgov_archive.records.rest import AtRest, Content
from xmppgov_archive.records.store import NewEntries, NewGap, NewReference, Row


class Entries:
    """Gathers entries from `index` on, of the emitter `number` in its `epoch`."""

    def __init__(self, index: int, number: int, epoch: int, rest: AtRest) -> None:
        self.number, self.epoch = number, epoch
        self._index = index
        self._rest = rest
        self._leaves: list[tuple[int, bytes]] = []
        self._records: list[Row] = []
        self._gaps: list[NewGap] = []
        self._references: list[NewReference] = []
        self._counted: list[int] = []
        self._sums: Counter[str] = Counter()

    def control(self, control: Control) -> int:
        """Add a control entry; return its index."""
        return self._add(control_leaf(control))

    def record(self, seq: int, record: Mapping[str, Value], digest: bytes, secret: bytes) -> None:
        """Add a record of schema v1, whose digest and secret are given."""
        values = encode_fields(record)
        index = self._add(data_leaf(self.number, self.epoch, seq, commitment(values, secret)))
        t, class_ = int(record["t"]), str(record["class"])
        box, key = self._rest.seal(index, t, class_, Content(digest, secret, canonical(values)))
        who = record["from"], record.get("to"), record.get("room"), record["org"]
        self._records.append(
            Row(index, self.number, self.epoch, seq, t, class_, *who, box, key)  # type: ignore[arg-type]
        )
        for name in ("ref", "oid"):
            if name in record:
                value = reference(str(record[name]))
                self._references.append(NewReference(t // DAY, value, index))

    def gap(self, control: Control, first: int, last: int, reason: str) -> None:
        """Add the entry of a hole."""
        index = self.control(control)
        self._gaps.append(NewGap(index, self.number, self.epoch, first, last, reason))

    def counted(self, seq: int, room: str) -> None:
        """Add a message that is only counted, in a room (a pseudonym) or elsewhere (`-`)."""
        self._counted.append(seq)
        self._sums[room] += 1

    def all(self) -> NewEntries:
        """Return everything that was added."""
        return NewEntries(
            self._leaves,
            self._records,
            self._gaps,
            self._references,
            ranges.ranges(self._counted),
            self._sums,
        )

    def _add(self, leaf: bytes) -> int:
        index = self._index
        self._index += 1
        self._leaves.append((index, leaf))
        return index
