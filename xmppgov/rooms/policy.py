"""A seat's life, as tables: who may sit, in which order a person gets in, and how they get out.

A seat is one person in one room. It moves by a wish (what the directory and the keys say now) and
by a step that the server has answered. Keys come first, then affiliation, then bookmark, then
invitation; out of a room, affiliation goes first and the bookmark after it. Every step may be done
twice, so after a crash the step of the stage that was stored is simply done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from xmppgov.rooms.model import Keys, Standing


class Stage(StrEnum):
    """How far a seat has come; what is stored is what the server has answered."""

    NO_ACCOUNT = "no-account"
    WAITING = "waiting"
    READY = "ready"
    """To be in the next setting of the room; may already be in the server's list."""
    AFFILIATED = "affiliated"
    """In the server's list; the bookmark may already be there."""
    BOOKMARKED = "bookmarked"
    """The bookmark is there; the invitation may have been sent."""
    ADMITTED = "admitted"
    LEAVING = "leaving"
    """Not to be in the next setting; may still be in the server's list, and have the bookmark."""
    LEFT = "left"
    """Out of the server's list; the bookmark may still be there."""


class Wish(StrEnum):
    """What the directory and the keys say about a seat now."""

    ADMIT = "admit"
    KEEP = "keep"
    """Nothing can be said of the keys: whoever is in stays in."""
    HOLD = "hold"
    NO_ACCOUNT = "no-account"
    DROP = "drop"


class Step(StrEnum):
    """What is done towards the server."""

    SET = "set the room"
    BOOKMARK = "publish the bookmark"
    INVITE = "invite"
    RETRACT = "retract the bookmark"


NEXT_STEP: Mapping[Stage, Step] = {
    Stage.READY: Step.SET,
    Stage.AFFILIATED: Step.BOOKMARK,
    Stage.BOOKMARKED: Step.INVITE,
    Stage.LEAVING: Step.SET,
    Stage.LEFT: Step.RETRACT,
}

TRANSITIONS: Mapping[tuple[Stage, Wish | Step], Stage] = {
    (Stage.NO_ACCOUNT, Wish.ADMIT): Stage.READY,
    (Stage.NO_ACCOUNT, Wish.HOLD): Stage.WAITING,
    (Stage.NO_ACCOUNT, Wish.KEEP): Stage.WAITING,
    (Stage.WAITING, Wish.ADMIT): Stage.READY,
    (Stage.WAITING, Wish.NO_ACCOUNT): Stage.NO_ACCOUNT,
    (Stage.READY, Step.SET): Stage.AFFILIATED,
    (Stage.READY, Wish.HOLD): Stage.LEAVING,
    (Stage.READY, Wish.NO_ACCOUNT): Stage.LEAVING,
    (Stage.READY, Wish.DROP): Stage.LEAVING,
    (Stage.AFFILIATED, Step.BOOKMARK): Stage.BOOKMARKED,
    (Stage.AFFILIATED, Wish.HOLD): Stage.LEAVING,
    (Stage.AFFILIATED, Wish.NO_ACCOUNT): Stage.LEAVING,
    (Stage.AFFILIATED, Wish.DROP): Stage.LEAVING,
    (Stage.BOOKMARKED, Step.INVITE): Stage.ADMITTED,
    (Stage.BOOKMARKED, Wish.HOLD): Stage.LEAVING,
    (Stage.BOOKMARKED, Wish.NO_ACCOUNT): Stage.LEAVING,
    (Stage.BOOKMARKED, Wish.DROP): Stage.LEAVING,
    (Stage.ADMITTED, Wish.HOLD): Stage.LEAVING,
    (Stage.ADMITTED, Wish.NO_ACCOUNT): Stage.LEAVING,
    (Stage.ADMITTED, Wish.DROP): Stage.LEAVING,
    (Stage.LEAVING, Step.SET): Stage.LEFT,
    (Stage.LEAVING, Wish.ADMIT): Stage.READY,
    (Stage.LEFT, Step.RETRACT): Stage.WAITING,
    (Stage.LEFT, Wish.ADMIT): Stage.READY,
}
"""Whatever is not listed leaves the stage as it is."""

IN_ROOM = frozenset({Stage.READY, Stage.AFFILIATED, Stage.BOOKMARKED, Stage.ADMITTED})
"""The stages whose people the next setting of the room names."""

VACANT = frozenset({Stage.NO_ACCOUNT, Stage.WAITING})
"""The stages in which a seat has left no trace on the server; it may be forgotten."""

_WISHES: Mapping[Keys, Wish] = {
    Keys.USABLE: Wish.ADMIT,
    Keys.UNKNOWN: Wish.KEEP,
    Keys.MISSING: Wish.HOLD,
    Keys.NO_ACCOUNT: Wish.NO_ACCOUNT,
}


def wish(listed: bool, keys: Keys) -> Wish:
    """Return what is wanted for somebody whom the directory lists or not, with such keys."""
    return _WISHES[keys] if listed else Wish.DROP


def advance(stage: Stage, event: Wish | Step) -> Stage:
    """Return the stage after `event`."""
    return TRANSITIONS.get((stage, event), stage)


def standing(stage: Stage) -> Standing:
    """Return how a seat is shown: whoever is not to be in the room waits or has no account."""
    if stage in IN_ROOM:
        return Standing.ADMITTED
    return Standing.NO_ACCOUNT if stage is Stage.NO_ACCOUNT else Standing.WAITING
