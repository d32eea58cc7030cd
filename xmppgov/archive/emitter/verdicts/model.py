"""Where an event happened, and what the server's policy says of that place. Pure."""

from __future__ import annotations

from typing import NamedTuple

from xmppgov.archive.emitter.model import Event

FULL = "full"
LEVELS = frozenset({FULL, "counts", "none"})


class Verdict(NamedTuple):
    """What the server's policy says of a place: how much is kept, one of `LEVELS`, and where."""

    level: str
    archive: str


GONE = Verdict("none", "")
"""Of a room that is no more: nobody can say what held there, so the least does."""


def place(event: Event) -> str:
    """Return what decides about an event: its room, or two domains with a blank between them.

    No address has a blank.
    """
    if event.room is not None:
        return event.room
    people = event.sender, event.to or event.sender
    return " ".join(address.rpartition("@")[2] for address in people)
