"""Records and batches for tests."""

from __future__ import annotations

from typing import Any

from xmppgov.archive.batch import Batch, Hole, Item, WireRecord, reach

START = 1_763_864_012_345  # ms


def uuid7(t: int, seq: int) -> str:
    """An id of the millisecond `t`."""
    return f"{t >> 16:08x}-{t & 0xFFFF:04x}-7c55-8f0e-{seq:012x}"


def record(seq: int, *, in_room: bool = False, **changes: Any) -> WireRecord:
    """A record of Alice to Bob, or in a room, that any field can be changed of."""
    t = changes.get("t", START + seq)
    wire = WireRecord(
        seq=seq,
        id=uuid7(t, seq),
        t=t,
        kind="groupchat" if in_room else "chat",
        path="c2s",
        sender="alice@gov.localhost",
        to=None if in_room else "bob@gov.localhost",
        room="grp-1@rooms.gov.localhost" if in_room else None,
        n=12 if in_room else None,
        size=1500 + seq,
        enc="omemo:siacs",
        oid=f"origin-{seq}",
        sid=f"stanza-{seq}",
        state="accepted",
    )
    return wire._replace(**changes)


def hole(first: int, last: int, reason: str = "boot") -> Hole:
    """Numbers without records."""
    return Hole(first, last, reason)


def batch(epoch: int, *items: Item, waiting: int | None = None) -> Batch:
    """A batch of what follows each other."""
    return Batch(epoch, reach(items[0])[0], reach(items[-1])[1], items, waiting)
