"""Whom something can be encrypted for, as far as is known without asking anybody."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Warmth(StrEnum):
    """How near a person is."""

    WARM = "warm"  # a session with every usable device: nothing has to be fetched
    KEYS = "keys"  # keys are published; a session is still to be made with some device
    NONE = "none"  # nothing can be encrypted, says the reason


class Reach(NamedTuple):
    """How near a person is, and if not at all, why.

    `reason` is as in `NoKeys`, or `unknown`: nobody has asked for the person's keys yet. `missing`
    are the devices with which a session is still to be made.
    """

    warmth: Warmth
    reason: str | None = None
    missing: tuple[int, ...] = ()
