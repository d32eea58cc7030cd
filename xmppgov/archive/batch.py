"""What an emitter tells the archive, whatever it is written in (docs/protocol/archive.md)."""

from __future__ import annotations

from typing import NamedTuple

KINDS = {
    "chat": "msg.direct",
    "normal": "msg.direct",
    "groupchat": "msg.room",
    "muc-pm": "msg.private",
    "invite": "msg.invite",
    "subject": "msg.subject",
    "bounce": "msg.bounce",
    "call": "msg.call",
    "keytransport": "msg.keytransport",
    "upload": "file.upload",
    "joined": "room.joined",
    "left": "room.left",
    "alert-sent": "alert.sent",
    "alert-ack": "alert.ack",
    "lookup": "dir.access",
}
"""Kinds on the wire, and what they are called in a record."""
EVENTS = {"joined", "left", "alert-sent", "alert-ack", "lookup"}
"""Kinds that other emitters than servers send; they may have neither size nor encryption."""
MESSAGES = frozenset(KINDS.keys() - EVENTS)
"""Kinds that a server sends."""
SCOPES = {
    "c2s": "internal",
    "component": "internal",
    "local": "internal",
    "s2s-in": "s2s-in",
    "s2s-out": "s2s-out",
}
ENCRYPTIONS = {
    "omemo:siacs": "omemo:0",
    "omemo:2": "omemo:2",
    "openpgp:0": "openpgp:0",
    "x:encrypted": "x:encrypted",
    "otr": "otr",
    "none": "none",
}


class WireRecord(NamedTuple):
    """One record as its emitter sends it: bare addresses, sizes in bytes, times in ms UTC."""

    seq: int
    id: str
    t: int
    kind: str
    path: str
    sender: str
    to: str | None
    room: str | None
    n: int | None
    size: int | None
    enc: str | None
    oid: str | None
    sid: str | None
    state: str

    def content(self) -> bytes:
        """Return bytes that are equal for equal records only (no value holds a NUL)."""
        return "\0".join(["" if value is None else str(value) for value in self]).encode()


class Hole(NamedTuple):
    """Numbers that the server has no records for; `reason` is "boot" or "lost"."""

    first: int
    last: int
    reason: str


class CountedMessage(NamedTuple):
    """The number of a message that is only counted, and the room that it was in, if any."""

    seq: int
    room: str | None = None


Item = WireRecord | Hole | CountedMessage


class Batch(NamedTuple):
    """The numbers from `first` to `last` of `epoch`, in order, each in one of `items`.

    `waiting` is how many records lie in the emitter's spool behind them, where it says so.
    """

    epoch: int
    first: int
    last: int
    items: tuple[Item, ...]
    waiting: int | None = None


class Progress(NamedTuple):
    """How far an emitter asks about: an epoch, and how many records wait in its spool."""

    epoch: int
    waiting: int | None = None


def reach(item: Item) -> tuple[int, int]:
    """Return the first and the last number of an item."""
    return (item.first, item.last) if isinstance(item, Hole) else (item.seq, item.seq)
