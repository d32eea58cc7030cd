"""Record schema v1 and its commitment (docs/protocol/archive.md).

A record is personal data: it lies in a database and can be erased. The log holds its commitment
only, made with a random secret, so that an erased record cannot be guessed back from the log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from xmppgov.archive import jcs
from xmppgov.archive.jcs import NotCanonical, Value
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts
from xmppgov.tlog.merkle import leaf_hash

texts = Texts("xmppgov")
VERSION = 1
SECRET_SIZE = 32  # bytes
FIELDS = (
    *("v", "kind", "id", "t", "from", "to", "room", "org", "class", "basis"),
    *("scope", "domain", "n", "enc", "size", "em", "es", "ref", "oid", "state"),
)
"""Every field of a record, in the order in which they are committed to."""

LARGEST_EMITTER, LARGEST_EPOCH, LARGEST_SEQ = 2**16 - 1, 2**32 - 1, jcs.LARGEST_INTEGER
_SALT_SIZE = 32  # bytes
_FIELD_LABELS = tuple(bytes([len(name)]) + name.encode() for name in FIELDS)
_SORTED = [(FIELDS.index(name), b'"%b":' % name.encode()) for name in sorted(FIELDS)]
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class RecordInvalid(CheckFailed):
    """A record or a leaf is not one of schema v1."""


class Closed(BaseModel):
    """A model without any field that it does not name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _power_of_two(size: int) -> int:
    if size & (size - 1):
        raise ValueError("a size is a power of two")
    return size


Keyed = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
Uuid7 = Annotated[
    str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
Encryption = Literal["omemo:0", "omemo:2", "openpgp:0", "x:encrypted", "otr", "none"]
Count = Annotated[int, Field(ge=0, le=jcs.LARGEST_INTEGER)]
Counter = Annotated[int, Field(ge=1, le=LARGEST_SEQ)]
Size = Annotated[int, Field(ge=1, le=jcs.LARGEST_INTEGER), AfterValidator(_power_of_two)]
Emitter = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}/(0|[1-9][0-9]{0,9})$")]


class _Entry(Closed):
    """What every record has."""

    v: Literal[1]
    id: Uuid7
    t: Count
    from_: Keyed = Field(alias="from")
    org: Keyed | Literal["unknown"]
    class_: Label = Field(alias="class")
    basis: Label
    scope: Literal["internal", "s2s-in", "s2s-out"]
    domain: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    em: Emitter
    es: Counter
    ref: Keyed | None = None
    oid: Keyed | None = None
    state: Literal["accepted", "unconfirmed"]

    @model_validator(mode="after")
    def _remote(self) -> Self:
        if (self.domain is None) != (self.scope == "internal"):
            raise ValueError("a remote domain stands in records of remote messages only")
        return self


class _Sized(_Entry):
    """What has been transferred: how large it was, and how it was encrypted."""

    enc: Encryption
    size: Size
    n: Count | None = None


class Direct(_Sized):
    """A message to one person, or in a room what is not the room's conversation."""

    kind: Literal["msg.direct", "msg.bounce", "msg.call", "msg.keytransport", "msg.invite"]
    to: Keyed | None = None
    room: Keyed | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Direct:
        if self.to is None and self.room is None:
            raise ValueError("a message goes to a person or a room")
        return self


class InRoom(_Sized):
    """A message to everyone in a room, or its subject."""

    kind: Literal["msg.room", "msg.subject"]
    room: Keyed


class Private(_Sized):
    """A message to one occupant of a room."""

    kind: Literal["msg.private"]
    to: Keyed
    room: Keyed


class Upload(_Sized):
    """A file that somebody gave to the upload service: its size only."""

    kind: Literal["file.upload"]
    to: Keyed


class Membership(_Entry):
    """Somebody became, or is no longer, a member of a room."""

    kind: Literal["room.joined", "room.left"]
    room: Keyed


class Notice(_Entry):
    """An alert went to somebody or was acknowledged; or somebody looked up a protected person."""

    kind: Literal["alert.sent", "alert.ack", "dir.access"]
    to: Keyed
    enc: Encryption | None = None
    size: Size | None = None


Record = Direct | InRoom | Private | Upload | Membership | Notice
_record = TypeAdapter[Record](Annotated[Record, Field(discriminator="kind")])


def parse_record(data: bytes) -> dict[str, Value]:
    """Read a record in canonical form and check it against schema v1.

    Raises:
        RecordInvalid: it is not canonical, or has a field or value that the schema has not.
    """
    return parse_record_both(data)[0]


def parse_record_both(data: bytes) -> tuple[dict[str, Value], list[bytes]]:
    """Read a record as `parse_record` does; return it, and what `encode_fields` makes of it."""
    try:
        fields, encoded = jcs.decode_both(data)
        _record.validate_python(fields)
    except (NotCanonical, ValidationError) as error:
        raise RecordInvalid(texts("It is no record of schema v1.")) from error
    return fields, [encoded.get(name, b"") for name in FIELDS]


def canonical(values: Sequence[bytes]) -> bytes:
    """Return a record in canonical form, given the canonical values of its fields."""
    present = [prefix + values[place] for place, prefix in _SORTED if values[place]]
    return b"{%b}" % b",".join(present)


def encode_fields(record: Mapping[str, Value]) -> list[bytes]:
    """Return the canonical value of each of `FIELDS`, empty where the record has none."""
    return [jcs.encode_value(record[name]) if name in record else b"" for name in FIELDS]


def salts(secret: bytes) -> list[bytes]:
    """Return the salt of each of `FIELDS`, disclosed with the value: parts of one SHAKE256."""
    stream = hashlib.shake_256(b"xmppgov/salt/v1\0" + secret).digest(_SALT_SIZE * len(FIELDS))
    return [stream[n : n + _SALT_SIZE] for n in range(0, len(stream), _SALT_SIZE)]


def field_commitment(salt: bytes, field: str, value: bytes) -> bytes:
    """Return c_f; `value` is canonical JSON, or empty where the record has not this field."""
    return leaf_hash(salt + _FIELD_LABELS[FIELDS.index(field)] + value)


def field_commitments(values: Sequence[bytes], secret: bytes) -> list[bytes]:
    """Return c_f for each of `FIELDS`; the archive's hottest loop."""
    sha256 = hashlib.sha256
    return [
        sha256(b"\0" + salt + label + value).digest()
        for salt, label, value in zip(salts(secret), _FIELD_LABELS, values, strict=True)
    ]


def commitment(values: Sequence[bytes], secret: bytes) -> bytes:
    """Return R, the RFC 6962 tree hash of a record with these `values` (`encode_fields`)."""
    return fold(field_commitments(values, secret))


def fold(commitments: Sequence[bytes]) -> bytes:
    """Return R from the fields' commitments: a tree with one leaf for each of `FIELDS`."""
    sha256, row = hashlib.sha256, list(commitments)
    while len(row) > 1:
        above = [sha256(b"\1" + a + b).digest() for a, b in zip(row[::2], row[1::2])]  # noqa: B905
        row = above if len(row) % 2 == 0 else [*above, row[-1]]
    return row[0]


def emitter_text(emitter: int, epoch: int) -> str:
    """Return `em`, the name of an emitter's epoch."""
    return f"{emitter}/{epoch}"


def emitter_numbers(em: str) -> tuple[int, int]:
    """Return number and epoch of an `em`; the inverse of `emitter_text`."""
    number, _, epoch = em.partition("/")
    return int(number), int(epoch)


def pads(secret: bytes) -> tuple[bytes, bytes]:
    """Return HMAC's inner and outer block for a key of 32 bytes (RFC 2104)."""
    block = secret.ljust(64, b"\0")
    return block.translate(_INNER), block.translate(_OUTER)
