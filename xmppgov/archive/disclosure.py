"""A record of which some fields are shown and the others hidden, and which still verifies.

Of a shown field whoever reads gets the value and its salt, of a hidden one only its commitment: all
twenty together give the record's commitment, which the log holds. The record's secret, from which
every salt follows, is never among them (docs/protocol/exports.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xmppgov.archive import jcs
from xmppgov.archive.document import base64_of, digest, malformed, take
from xmppgov.archive.jcs import NotCanonical, Value
from xmppgov.archive.leaf import data_leaf
from xmppgov.archive.model import (
    FIELDS,
    LARGEST_EMITTER,
    LARGEST_EPOCH,
    emitter_numbers,
    field_commitment,
    fold,
    salts,
)

_EMITTER = re.compile(r"[1-9][0-9]{0,4}/(?:0|[1-9][0-9]{0,9})", re.ASCII)
PUBLIC = ("v", "em", "es")
"""Always shown: the schema's version, and what stands in the leaf in clear."""

PURPOSES: dict[str, tuple[str, ...]] = {
    "audit": (*PUBLIC, "t", "kind", "org", "class", "basis", "scope", "domain", "state"),
    "statistics": (*PUBLIC, "t", "kind", "org", "class", "scope", "n", "enc", "size"),
    "evidence": tuple(f for f in FIELDS if f not in ("ref", "oid")),
    "member": (*PUBLIC, "t", "kind", "ref", "oid"),
    "transfer": FIELDS,
}
"""What an export shows by default, by its purpose: no more than that purpose needs."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Each of `FIELDS` is in `shown`, with value and salt, or in `hidden`, with its commitment.

    A value of None says that the record has no such field.
    """

    shown: Mapping[str, tuple[Value | None, bytes]]
    hidden: Mapping[str, bytes]

    def commitment(self) -> bytes:
        """Return R, the record's commitment."""
        return fold([self._field(name) for name in FIELDS])

    def leaf(self) -> bytes:
        """Return the entry of the log that this record has."""
        numbers = emitter_numbers(str(self.value("em")))
        return data_leaf(*numbers, int(self.value("es") or 0), self.commitment())

    def value(self, name: str) -> Value | None:
        """Return a shown field's value, None where it is hidden or the record has none."""
        return self.shown[name][0] if name in self.shown else None

    def fields(self) -> dict[str, Value]:
        """Return the values that are shown and there."""
        return {name: value for name, (value, _) in self.shown.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """Return it for JSON; the inverse of `parse`."""
        shown = {name: [value, base64_of(salt)] for name, (value, salt) in self.shown.items()}
        return {"shown": shown, "hidden": {n: base64_of(c) for n, c in self.hidden.items()}}

    @classmethod
    def parse(cls, document: Any) -> Disclosure:
        """Read what `document` writes, as far as it stands in `shown` and `hidden`.

        Raises:
            DocumentInvalid: it has another form, or a field is in neither or both.
        """
        shown, hidden = take(document, "shown", dict), take(document, "hidden", dict)
        if sorted([*shown, *hidden]) != sorted(FIELDS) or not set(PUBLIC) <= shown.keys():
            raise malformed()
        found = cls(
            {name: _shown(pair) for name, pair in shown.items()},
            {name: digest(text) for name, text in hidden.items()},
        )
        found._check_public()
        return found

    def _field(self, name: str) -> bytes:
        if name in self.hidden:
            return self.hidden[name]
        value, salt = self.shown[name]
        return field_commitment(salt, name, b"" if value is None else jcs.encode_value(value))

    def _check_public(self) -> None:
        em, es = self.value("em"), self.value("es")
        if self.value("v") != 1 or not _EMITTER.fullmatch(str(em)) or type(es) is not int or es < 1:
            raise malformed()
        number, epoch = emitter_numbers(str(em))
        if number > LARGEST_EMITTER or epoch > LARGEST_EPOCH:
            raise malformed()


def disclose(
    record: Mapping[str, Value], values: Sequence[bytes], secret: bytes, names: Collection[str]
) -> Disclosure:
    """Show the fields `names` of a record, and what must be shown; hide the others.

    `values` is what `parse_record_both` or `encode_fields` returns beside the record.
    """
    shown: dict[str, tuple[Value | None, bytes]] = {}
    hidden: dict[str, bytes] = {}
    for name, value, own in zip(FIELDS, values, salts(secret), strict=True):
        if name in names or name in PUBLIC:
            shown[name] = record.get(name), own
        else:
            hidden[name] = field_commitment(own, name, value)
    return Disclosure(shown, hidden)


def _shown(pair: Any) -> tuple[Value | None, bytes]:
    if type(pair) is not list or len(pair) != 2:
        raise malformed()
    value, own = pair
    try:
        if value is not None:
            jcs.encode_value(value)
    except NotCanonical as error:
        raise malformed() from error
    return value, digest(own)
