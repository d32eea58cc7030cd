"""Events as a service knows them, their numbers, and what the archive answers. Pure."""

from __future__ import annotations

from typing import NamedTuple

from xmppgov.archive.batch import WireRecord

RANDOM_SIZE = 10  # bytes of chance in an event's id


class Event(NamedTuple):
    """Something that happened: addresses are bare, `size` in bytes, `oid` an origin-id.

    `kind` is one of `xmppgov.archive.batch.EVENTS`; `t` is when it was, in ms UTC, None: now.
    """

    kind: str
    sender: str
    to: str | None = None
    room: str | None = None
    size: int | None = None
    enc: str | None = None
    oid: str | None = None
    t: int | None = None


class Epoch(NamedTuple):
    """One life of a spool: the second at which it began, and its numbers.

    The archive has every number up to `committed`; `last` is the highest that was given out.
    """

    number: int
    committed: int
    last: int

    @property
    def open(self) -> int:
        """How many numbers the archive does not have yet."""
        return self.last - self.committed


class Mark(NamedTuple):
    """What the file beside the database remembers of the newest epoch.

    The database has held every number up to `done`; those up to `handed` may have been given out.
    `earlier` are epochs before it that the archive does not have yet: number and last.
    """

    epoch: int
    done: int
    handed: int
    earlier: tuple[tuple[int, int], ...] = ()


class Waiting(NamedTuple):
    """The oldest epoch with numbers that the archive does not have, and its first records.

    `whole`: there is no record behind these. `total` counts open numbers of every epoch.
    """

    epoch: Epoch
    records: tuple[WireRecord, ...]
    whole: bool
    total: int


class Committed(NamedTuple):
    """The archive has everything up to `last`."""

    last: int


class Expected(NamedTuple):
    """The archive has nothing from number `seq` on, and takes nothing behind it before."""

    seq: int


class Contradicted(NamedTuple):
    """The archive has other content for number `seq`."""

    seq: int


class Refused(NamedTuple):
    """Nothing was committed; `reason` is the condition, such as "forbidden"."""

    reason: str


Answer = Committed | Expected | Contradicted | Refused
MALFORMED = "bad-request"


def uuid7(t: int, chance: bytes) -> str:
    """Return the UUID version 7 (RFC 9562 §5.7) of a time in ms and `RANDOM_SIZE` random bytes."""
    value = t << 80 | int.from_bytes(chance, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def numbered(event: Event, seq: int, t: int, chance: bytes) -> WireRecord:
    """Return the record of an event that happened at `t` (ms UTC)."""
    return WireRecord(
        seq=seq,
        id=uuid7(t, chance),
        t=t,
        kind=event.kind,
        path="local",
        sender=event.sender,
        to=event.to,
        room=event.room,
        n=None,
        size=event.size,
        enc=event.enc,
        oid=event.oid,
        sid=None,
        state="accepted",
    )
