"""The entries of the log: a commitment for each record, and control entries that anyone can read.

The counters stand in a data leaf in clear: whoever has the log's public files sees that none is
missing. A control leaf says what happened to the archive itself, never to whom.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, cast

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from xmppgov.archive import jcs, ranges
from xmppgov.archive.jcs import NotCanonical
from xmppgov.archive.model import (
    VERSION,
    Closed,
    Count,
    Counter,
    Emitter,
    Label,
    RecordInvalid,
)
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
DATA, CONTROL = 0x01, 0x02  # the second byte of a leaf
DATA_SIZE = 48  # bytes

ROLES = ("archivist", "dpo", "security")


def _ranges(text: str) -> str:
    ranges.read(text)
    return text


def _roles(text: str) -> str:
    names = text.split(" ")
    if names != sorted(set(names)) or not set(names) <= set(ROLES):
        raise ValueError("roles are named once, in alphabetical order")
    return text


def _sums(text: str) -> str:
    pairs = [pair.split(":") for pair in text.split(" ")]
    if not all(len(p) == 2 and p[1].isdecimal() and p[1] == str(int(p[1])) for p in pairs):
        raise ValueError("a sum is a pseudonym, a colon and a number")
    if any(a[0] >= b[0] for a, b in pairwise(pairs)):
        raise ValueError("each room has one sum, in order")
    return text


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Ranges = Annotated[str, Field(max_length=ranges.LONGEST + 100), AfterValidator(_ranges)]
Roles = Annotated[str, Field(max_length=60), AfterValidator(_roles)]
Role = Literal["archivist", "dpo", "security", "requester"]
Sums = Annotated[str, Field(max_length=ranges.LONGEST + 100), AfterValidator(_sums)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Committed = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
RealDay = Annotated[Day, AfterValidator(_day)]
"""A day that the calendar has; what people write is refused with a sentence, where it is read."""
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Identity = Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z-]{0,63}$")]
Visa = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z ./_-]{0,63}$")]
Name = Annotated[str, Field(pattern=r"^[0-9a-z][0-9a-z._-]{0,95}$")]


class _Control(Closed):
    v: Literal[1]
    t: Count


class EmitterStart(_Control):
    """The first entry of an epoch: names the emitter behind a number.

    `previous` and `last` name the emitter's epoch before, and how far it had come: what it had
    numbered behind that, and not sent, is not known.
    """

    kind: Literal["emitter.start"]
    em: Emitter
    emitter: Annotated[str, Field(min_length=1, max_length=2047)]
    previous: Emitter | None = None
    last: Count | None = None


class Gap(_Control):
    """Counters that the emitter declared missing: at most `last` - `first` + 1 records."""

    kind: Literal["gap"]
    em: Emitter
    first: Counter
    last: Counter
    reason: Literal["boot", "lost"]


class Counted(_Control):
    """Numbers of messages that are only counted, since the entry of this kind before."""

    kind: Literal["counted"]
    em: Emitter
    ranges: Ranges
    n: Counter


class Counts(_Control):
    """How many messages were counted in each room (a pseudonym, or `-` outside of rooms)."""

    kind: Literal["counts"]
    day: RealDay
    sums: Sums
    n: Counter


class DayEnd(_Control):
    """The references of a day's messages: root and size of their sorted tree.

    `part` counts from 1; later parts hold what arrived after the day was closed. `key` is the
    digest of the key that they were made with (`day.key_digest`), empty where there is none of
    them. `names` is the root over the `named` sealed names that were added since the entry of this
    kind before.
    """

    kind: Literal["day"]
    day: RealDay
    part: Counter
    n: Count
    root: Digest
    key: Committed
    named: Count
    names: Digest


class Access(_Control):
    """Two officers have opened the names in a request's scope: at most `n` rows are shown."""

    kind: Literal["access"]
    request: Digest
    purpose: Label
    requester: Role
    roles: Roles
    n: Count


class Refusal(_Control):
    """A request was refused by an officer, or ran out."""

    kind: Literal["refusal"]
    request: Digest
    purpose: Label
    role: Role | Literal["nobody"]


class Hold(_Control):
    """What lies in a scope is not erased up to the day `until`."""

    kind: Literal["hold"]
    hold: Identity
    scope: Digest
    reason: Label
    until: RealDay
    roles: Roles
    n: Count


class Release(_Control):
    """A hold has ended: two officers released it, or its last day was over (`nobody`)."""

    kind: Literal["release"]
    hold: Identity
    roles: Roles | Literal["nobody"]


class Erase(_Control):
    """Records were destroyed after their time, `held` others of the same month kept."""

    kind: Literal["erase"]
    class_: Label = Field(alias="class")
    month: Month
    indexes: Ranges
    n: Counter
    held: Count
    slip: Digest
    visa: Visa
    roles: Roles


class KeyChange(_Control):
    """A key was made, sealed to the officers, or destroyed; `public` where it has a public side."""

    kind: Literal["key"]
    name: Name
    fate: Literal["created", "sealed", "destroyed"]
    public: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=8192)]


Control = (
    EmitterStart
    | Gap
    | Counted
    | Counts
    | DayEnd
    | Access
    | Refusal
    | Hold
    | Release
    | Erase
    | KeyChange
)
_control = TypeAdapter[Control](Annotated[Control, Field(discriminator="kind")])


class DataLeaf(NamedTuple):
    """The public side of a record: who counted it, its number, and the 32-byte commitment."""

    emitter: int
    epoch: int
    seq: int
    commitment: bytes


def data_leaf(emitter: int, epoch: int, seq: int, commitment: bytes) -> bytes:
    """Return the 48 bytes of a record's leaf."""
    return b"\1\1%b%b%b%b" % (
        emitter.to_bytes(2, "big"),
        epoch.to_bytes(4, "big"),
        seq.to_bytes(8, "big"),
        commitment,
    )


def control_leaf(control: Control) -> bytes:
    """Return the leaf of a control entry: two bytes and canonical JSON."""
    return bytes([VERSION, CONTROL]) + jcs.encode(
        control.model_dump(by_alias=True, exclude_none=True)
    )


def parse_leaf(data: bytes) -> DataLeaf | Control:
    """Read an entry of the log.

    Raises:
        RecordInvalid: it is no leaf of version 1.
    """
    if data[:2] == b"\1\1" and len(data) == DATA_SIZE:
        number = int.from_bytes
        emitter, epoch, seq = number(data[2:4], "big"), number(data[4:8], "big"), data[8:16]
        return DataLeaf(emitter, epoch, number(seq, "big"), data[16:])
    if data[:2] == b"\1\2":
        try:
            return cast(Control, _control.validate_python(jcs.decode(data[2:])))
        except (NotCanonical, ValidationError, ValueError) as error:
            raise _no_leaf() from error
    raise _no_leaf()


def room_sums(counts: Counts) -> dict[str, int]:
    """Return how many messages were counted, by the room's pseudonym."""
    pairs = (pair.split(":") for pair in counts.sums.split(" "))
    return {room: int(n) for room, n in pairs}


def write_sums(sums: dict[str, int]) -> str:
    """Write the sums of rooms as `Counts.sums`."""
    return " ".join(f"{room}:{sums[room]}" for room in sorted(sums))


def _no_leaf() -> RecordInvalid:
    return RecordInvalid(texts("It is no entry of an archive's log."))
