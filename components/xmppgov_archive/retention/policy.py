"""What is due on a day, what a hold covers, and who may decide: no clock, no database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta

from xmppgov.archive.day import DAY
from xmppgov.archive.leaf import ROLES
from xmppgov.errors import NotAllowed
from xmppgov.i18n import Texts
from xmppgov_archive.retention.model import Extent, Hold, Part, Period, Traits

texts = Texts("xmppgov_archive")
APPROVALS = 2
_EPOCH = date(1970, 1, 1)


def due_day(month: str, period: Period) -> date | None:
    """Return the first day on which records of a month are due.

    A month is due when its last day is longer ago than the period: October 2025 with six months
    on May 1st 2026. None where the calendar ends before.
    """
    number = _number(month) + 1 + period.months
    return date(number // 12, number % 12 + 1, 1) if number // 12 <= date.max.year else None


def is_due(month: str, period: Period | None, today: date) -> bool:
    """Tell whether records of a month are due; without a period they never are."""
    day = due_day(month, period) if period else None
    return day is not None and day <= today


def last_due(period: Period, today: date) -> str | None:
    """Return the latest month that is due, None where no month can be."""
    number = today.year * 12 + today.month - 1 - 1 - period.months
    return f"{number // 12:04d}-{number % 12 + 1:02d}" if number >= 12 else None


def due(parts: Iterable[Part], periods: Mapping[str, Period], today: date) -> list[Part]:
    """Return which of `parts` are due, in order."""
    return sorted(p for p in parts if is_due(p.month, periods.get(p.class_), today))


def lasts(hold: Hold, today: date) -> bool:
    """Tell whether a hold still keeps records from erasure; it does on its last day."""
    return hold.ended is None and today <= date.fromisoformat(hold.until)


def covers(extent: Extent, traits: Traits) -> bool:
    """Tell whether a hold covers a record."""
    start, end = span(extent)
    if not start <= traits.t < end:
        return False
    if extent.classes and traits.class_ not in extent.classes.split(" "):
        return False
    names = extent.names
    if not any(names.values()):
        return True
    return (
        traits.sender in names["people"]
        or traits.recipient in names["people"]
        or traits.room in names["rooms"]
        or traits.org in names["units"]
    )


def holder(holds: Iterable[Hold]) -> Callable[[Traits], bool]:
    """Return what tells whether one of some holds covers a record."""
    reach = [(*span(hold.extent), hold.extent) for hold in holds]
    return lambda traits: any(
        start <= traits.t < end and covers(extent, traits) for start, end, extent in reach
    )


def keeper(holds: Iterable[Hold], traits: Traits) -> Hold | None:
    """Return the hold whose key a record is to be under: one that lasts, and as long as any."""
    covering = [hold for hold in holds if covers(hold.extent, traits)]
    return max(covering, key=lambda h: (h.ended is None, h.until, h.id), default=None)


def span(extent: Extent) -> tuple[int, int]:
    """Return the first ms of an extent, and the first behind it."""
    start = 0 if extent.first is None else _ms(date.fromisoformat(extent.first))
    end = 2**53 if extent.last is None else _ms(date.fromisoformat(extent.last)) + DAY
    return start, end


def month_span(month: str) -> tuple[int, int]:
    """Return the first ms of a month (UTC), and the first behind it."""
    number = _number(month) + 1
    first = date.fromisoformat(f"{month}-01")
    if number // 12 > date.max.year:
        return _ms(first), 2**53
    return _ms(first), _ms(date(number // 12, number % 12 + 1, 1))


def is_day(text: str) -> bool:
    """Tell whether the calendar has a day, written `2026-11-24`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def day_of(t: int) -> date:
    """Return the day (UTC) of a time in ms."""
    return _EPOCH + timedelta(days=t // DAY)


def month_of(t: int) -> str:
    """Return the month (UTC) of a time in ms, as `2026-11`."""
    return day_of(t).isoformat()[:7]


def check_roles(roles: Collection[str]) -> None:
    """Refuse to erase, or to end a hold, for less than two officers of different roles.

    Since there are three roles, the archivist or the data protection officer is always one of two.

    Raises:
        NotAllowed: they are less.
    """
    if len(set(roles) & set(ROLES)) < APPROVALS:
        raise NotAllowed(texts("Two officers of different roles have to want this."))


def _number(month: str) -> int:
    """Return a month's number since the year 0."""
    year, of_year = month.split("-")
    return int(year) * 12 + int(of_year) - 1


def _ms(day: date) -> int:
    return (day - _EPOCH).days * DAY
