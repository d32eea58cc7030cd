"""What an alert is: the request that asks for it, its life cycle, its recipients, its report.

Severities are CAP 1.2's five words (§3.2.2); languages are BCP 47 tags; times are RFC 3339.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_TEXT = 8_000  # characters
LONGEST_LIFE = timedelta(days=30)
MOST_TARGETS = 50

TARGET = r"^(group|room|body|person):[^\s\x00-\x1f*]{1,200}$"
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
ALERT_ID = re.compile(r"^[0-9a-z]{16}$")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u


class Severity(StrEnum):
    """CAP's severities, the gravest first."""

    EXTREME = "Extreme"
    SEVERE = "Severe"
    MODERATE = "Moderate"
    MINOR = "Minor"
    UNKNOWN = "Unknown"

    def exceeds(self, limit: Severity) -> bool:
        """Whether this severity is graver than `limit`."""
        order = list(Severity)
        return order.index(self) < order.index(limit)


class AlertState(StrEnum):
    """The life of an alert as a whole."""

    OPEN = "open"
    EXPIRED = "expired"


TRANSITIONS: Mapping[AlertState, frozenset[AlertState]] = {
    AlertState.OPEN: frozenset({AlertState.EXPIRED}),
    AlertState.EXPIRED: frozenset(),
}


def _legible(text: str) -> str:
    """Refuse what an XML stanza cannot carry, and what shows as nothing at all."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Cn") and c not in "\n\t" for c in text):
        raise ValueError("it holds characters that cannot be sent")
    if not text.strip():
        raise ValueError("it is empty")
    return text


def _rfc3339(value: object) -> object:
    """Refuse the other forms that pydantic takes for a time, such as numbers and days."""
    if value is not None and not (isinstance(value, str) and RFC3339.fullmatch(value)):
        raise ValueError("not RFC 3339")
    return value


class AlertRequest(BaseModel):
    """The body of `POST /v1/alerts`; anything else in it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    to: Annotated[
        list[Annotated[str, Field(pattern=TARGET)]], Field(min_length=1, max_length=MOST_TARGETS)
    ]
    severity: Annotated[Severity, Field(strict=False)]
    text: Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_legible)]
    lang: Annotated[str, Field(pattern=LANGUAGE, max_length=35)] = "fr"
    expires: Annotated[AwareDatetime | None, Field(strict=False), BeforeValidator(_rfc3339)] = None


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a frozen audience; without `jid` where the person has no account."""

    id: str
    name: str
    jid: str | None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it was accepted; the text lies sealed beside it."""

    id: str
    key_name: str
    targets: tuple[str, ...]
    severity: Severity
    lang: str
    created: datetime
    expires: datetime
    state: AlertState = AlertState.OPEN


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Where an alert stands for one person."""

    name: str
    jid: str | None
    state: str
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """An alert and the state of each of its recipients, those in trouble first."""

    alert: Alert
    recipients: tuple[RecipientState, ...]

    def as_json(self) -> dict[str, object]:
        """Return the document that `GET /v1/alerts/{id}` answers."""
        counts = Counter(recipient.state for recipient in self.recipients)
        states = (*STATES, *sorted(set(counts) - set(STATES)))
        return {
            "id": self.alert.id,
            "state": self.alert.state.value,
            "severity": self.alert.severity.value,
            "created": rfc3339(self.alert.created),
            "expires": rfc3339(self.alert.expires),
            "counts": {state: counts[state] for state in states},
            "recipients": [_recipient_json(recipient) for recipient in self.recipients],
        }


NO_ACCOUNT = "no-account"
TROUBLED = ("failed", "unreachable", NO_ACCOUNT)
STATES = (
    "queued", "encrypted", "sent", "accepted", "delivered", "read", "acknowledged",
    "unreachable", "failed", "expired", "withdrawn", NO_ACCOUNT,
)  # fmt: skip


def _recipient_json(recipient: RecipientState) -> dict[str, object]:
    return {
        "jid": recipient.jid,
        "name": recipient.name,
        "state": recipient.state,
        "reason": recipient.reason,
        "since": rfc3339(recipient.since),
    }


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC to the second (`2026-11-23T03:40:00Z`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def alert_id(random: bytes) -> str:
    """Write ten random bytes as the sixteen characters of an alert's id."""
    number = int.from_bytes(random, "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(75, -5, -5))


def distinct(people: Iterable[Person]) -> list[Person]:
    """Keep each person and each address once, in order."""
    seen: set[str] = set()
    kept = []
    for person in people:
        marks = {f"id {person.id}"} | ({f"jid {person.jid.lower()}"} if person.jid else set())
        if not marks & seen:
            kept.append(person)
        seen |= marks
    return kept


def troubled_first(recipients: Sequence[RecipientState]) -> tuple[RecipientState, ...]:
    """Put those whom the alert will not reach before the others, each by name.

    First those for whom something can be done; those without an account may be hundreds.
    """

    def place(one: RecipientState) -> tuple[int, str, str]:
        rank = TROUBLED.index(one.state) if one.state in TROUBLED else len(TROUBLED)
        return rank, one.name, one.jid or ""

    return tuple(sorted(recipients, key=place))
