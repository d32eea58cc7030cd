"""Jobs, and the times at which they are due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

PATIENCE = timedelta(minutes=5)


class Schedule(Protocol):
    """When something is due."""

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, UTC."""


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, a period after the last time."""

    period: timedelta

    def __post_init__(self) -> None:
        if self.period < timedelta(seconds=1):
            raise ValueError("a period is a second or longer")

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, UTC."""
        return moment + self.period


@dataclass(frozen=True, slots=True)
class Cron:
    """The times of a line of crontab(5) in a time zone.

    As Debian's cron does it: a time that the clocks leave out is at once after the change, and one
    that they give twice is the first of the two. Raises `ValueError` for a line or zone of none.
    """

    line: str
    zone: str = "Europe/Paris"

    def __post_init__(self) -> None:
        try:
            CronSim(self.line, datetime(2000, 1, 1, tzinfo=ZoneInfo(self.zone)))
        except CronSimError as error:
            raise ValueError(f"{self.line!r} is no line of a crontab: {error}") from None
        except (KeyError, OSError):
            raise ValueError(f"{self.zone!r} is no time zone") from None

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, UTC."""
        times = CronSim(self.line, moment.astimezone(ZoneInfo(self.zone)))
        return next(time for time in (t.astimezone(UTC) for t in times) if time > moment)


@dataclass(frozen=True, slots=True)
class Job:
    """Something done by the clock: `action` is given the context; `patience` ends it."""

    name: str
    schedule: Schedule
    action: Callable[..., Awaitable[None]]
    patience: timedelta = PATIENCE
