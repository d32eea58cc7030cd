"""What a server tells the archive, whatever it is written in (docs/protocol/archive.md)."""

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
}
"""Kinds on the wire, and what they are called in a record."""
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
    """One record as the server sends it: bare addresses, sizes in bytes, times in ms UTC."""

    seq: int
    id: str
    t: int
    kind: str
    path: str
    sender: str
    to: str | None
    room: str | None
    n: int | None
    size: int
    enc: str
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


class Batch(NamedTuple):
    """The numbers from `first` to `last` of `epoch`, in order, each in a record or in a hole."""

    epoch: int
    first: int
    last: int
    items: tuple[WireRecord | Hole, ...]
