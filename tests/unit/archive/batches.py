"""Records and batches for tests."""

from __future__ import annotations

from typing import Any

from xmppgov.archive.batch import Batch, Hole, WireRecord

START = 1_763_864_012_345  # ms


def record(seq: int, *, in_room: bool = False, **changes: Any) -> WireRecord:
    """A record of Alice to Bob, or in a room, that any field can be changed of."""
    wire = WireRecord(
        seq=seq,
        id=f"019ab0c4-7d6e-7c55-8f0e-{seq:012x}",
        t=START + seq,
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


def batch(epoch: int, *items: WireRecord | Hole) -> Batch:
    """A batch of what follows each other."""
    first, last = items[0], items[-1]
    low = first.seq if isinstance(first, WireRecord) else first.first
    high = last.seq if isinstance(last, WireRecord) else last.last
    return Batch(epoch, low, high, items)
