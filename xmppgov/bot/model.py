"""What a bot receives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Incoming:
    """A decrypted 1:1 message."""

    sender: str  # bare address
    text: str
    language: str | None  # RFC 5646 tag of the stanza
    stanza_id: str  # the same when the server delivers the message again
    room: str | None = None  # None 1:1
