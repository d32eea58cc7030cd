"""A record as its box and the log have it, whatever the columns beside the box say.

The columns are there to find records by, and whoever administers the database can change them, for
a moment too. The box cannot be changed without its key. So whoever decides by a record, or shows
one, opens it here first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from xmppgov.archive import jcs
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import data_leaf
from xmppgov.archive.model import FIELDS, commitment, emitter_text
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts
from xmppgov_archive.records.rest import AtRest, BoxBroken
from xmppgov_archive.records.store import Row

texts = Texts("xmppgov_archive")
COLUMNS = ("t", "class", "from", "to", "room", "org")
"""The fields of a record that are columns as well, in the columns' order."""


class RecordChanged(CheckFailed):
    """A row of the database is not the record that was committed."""


class StoredRow(NamedTuple):
    """A row of the records' table, and the entry of the same index; None where that is gone."""

    idx: int
    emitter: int
    epoch: int
    seq: int
    t: int
    class_: str
    sender: str
    recipient: str | None
    room: str | None
    org: str
    sealed: bytes
    key: str | None
    leaf: bytes | None


def is_of(row: Row | StoredRow, record: Mapping[str, Value]) -> bool:
    """Tell whether a row's columns say what the record in its box says."""
    said: list[Any] = [*map(record.get, COLUMNS), record.get("em"), record.get("es")]
    return said == [*row[4:10], emitter_text(row.emitter, row.epoch), row.seq]


def opened(rest: AtRest, row: StoredRow) -> dict[str, Value]:
    """Return the record in a row's box, which is that of its columns and of its entry.

    Raises:
        RecordChanged: it does not open, or says anything else than its columns or its entry.
    """
    try:
        content = rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        record, encoded = jcs.decode_both(content.body)
    except (BoxBroken, ValueError) as error:
        raise _changed(row) from error
    if not is_of(row, record):
        raise _changed(row)
    committed = commitment([encoded.get(name, b"") for name in FIELDS], content.secret)
    if data_leaf(row.emitter, row.epoch, row.seq, committed) != row.leaf:
        raise _changed(row)
    return record


def _changed(row: StoredRow) -> RecordChanged:
    return RecordChanged(
        texts(
            "Record {index} of the database was changed; run: xmppgov archive verify", index=row.idx
        )
    )
