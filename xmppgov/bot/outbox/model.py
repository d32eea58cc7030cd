"""Deliveries, their life cycle as a table, and the messages that leave for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is sent: a text, encrypted; the retraction (XEP-0424) of one, in clear; sessions."""

    TEXT = "text"
    RETRACTION = "retraction"
    KEYS = "keys"


class State(StrEnum):
    """Where one text for one person is."""

    QUEUED = "queued"  # to be encrypted
    UNREACHABLE = "unreachable"  # no usable keys, says `reason`; retried when keys appear
    ENCRYPTED = "encrypted"  # ciphertext and ratchet are committed
    SENT = "sent"  # handed to the stream, which proves nothing
    ACCEPTED = "accepted"  # the server has it (XEP-0198 or found in the bot's own archive)
    DELIVERED = "delivered"  # a device said so (XEP-0184)
    READ = "read"  # a client says that it was shown (XEP-0333)
    ACKNOWLEDGED = "acknowledged"  # the person confirmed it
    WITHDRAWN = "withdrawn"  # taken back before it left
    FAILED = "failed"  # the server sent it back, says `reason`
    EXPIRED = "expired"  # its time came before it was surely accepted


ARRIVED = (State.DELIVERED, State.READ, State.ACKNOWLEDGED)
"""States that show that the recipient has the message, and so had the server."""
_ENDED = (State.FAILED, State.EXPIRED, State.WITHDRAWN)
_HANDED = (State.ACCEPTED, *ARRIVED, State.FAILED, State.EXPIRED)

TRANSITIONS: Mapping[State, tuple[State, ...]] = {
    State.QUEUED: (State.ENCRYPTED, State.UNREACHABLE, *_ENDED),
    State.UNREACHABLE: (State.QUEUED, State.ENCRYPTED, *_ENDED),
    State.ENCRYPTED: (State.SENT, *_HANDED),
    State.SENT: _HANDED,
    State.ACCEPTED: (*ARRIVED, State.FAILED),
    State.DELIVERED: (State.READ, State.ACKNOWLEDGED),
    State.READ: (State.ACKNOWLEDGED,),
    State.ACKNOWLEDGED: (),
    State.WITHDRAWN: (),
    # A late receipt or answer is the truth, whatever was feared before.
    State.FAILED: ARRIVED,
    State.EXPIRED: ARRIVED,
}
"""The states that may follow each state; every other change is ignored."""

NEEDS_TEXT = (State.QUEUED, State.UNREACHABLE)
"""States in which the text is still wanted."""

UNCONFIRMED = (State.ENCRYPTED, State.SENT)
"""States that a lost connection leaves open: looked up in the bot's archive, then sent again."""


def may_follow(new: State) -> tuple[State, ...]:
    """Return the states that `new` may follow."""
    return tuple(old for old, following in TRANSITIONS.items() if new in following)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One text for one person."""

    reference: str  # the owner's name for the text, e.g. an alert's id
    recipient: str  # bare address
    origin_id: str  # XEP-0359, stable for (reference, recipient); also the stanza's id
    state: State
    reason: str | None  # a short English code, e.g. "no-device"; "unverified": not every device
    created: float  # seconds, UTC
    changed: float
    expires: float
    kind: Kind = Kind.TEXT
    target: str | None = None  # the id of the message that it corrects or retracts


@dataclass(frozen=True, slots=True)
class Departure:
    """A message that may have left: a text (`encrypted`), or a notice about one in clear."""

    id: str  # the stanza's id and origin-id
    reference: str  # the owner's name for the text
    recipient: str  # bare address
    size: int  # bytes of the stanza
    encrypted: bool

    @classmethod
    def of(cls, delivery: Delivery, stanza: str, notice: str | None = None) -> Departure:
        """Return the message `stanza` of a delivery: its text, or the notice with an id."""
        id, size = notice or delivery.origin_id, len(stanza.encode())
        encrypted = notice is None and delivery.kind is Kind.TEXT
        return cls(id, delivery.reference, delivery.recipient, size, encrypted)


class Unsettled(NamedTuple):
    """A message that may have left: its recipient's bare address, and since when (seconds, UTC)."""

    recipient: str
    since: float
