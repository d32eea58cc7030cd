"""What an alert is: the requests that ask for it, its life cycle, its recipients.

Severities, statuses and types are CAP 1.2's words (§3.2); languages are BCP 47 tags; times are
RFC 3339.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from xmppgov.cap.words import MsgType, Severity, Status

LONGEST_TEXT = 8_000  # characters
LONGEST_LIFE = timedelta(days=30)
MOST_TARGETS = 50

TARGET = r"^(group|room|body|person):[^\s\x00-\x1f*]{1,200}$"
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
ALERT_ID = re.compile(r"^[0-9a-z]{16}$")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u


class AlertState(StrEnum):
    """The life of one message of an alert: of the alert itself, an update, a cancellation."""

    OPEN = "open"
    SUPERSEDED = "superseded"  # an update came after it
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TRANSITIONS: Mapping[AlertState, frozenset[AlertState]] = {
    AlertState.OPEN: frozenset({AlertState.SUPERSEDED, AlertState.CANCELLED, AlertState.EXPIRED}),
    AlertState.SUPERSEDED: frozenset(),
    AlertState.CANCELLED: frozenset(),
    AlertState.EXPIRED: frozenset(),
}


class How(StrEnum):
    """How somebody confirmed; the server could have made up the last one, which is in clear."""

    WORD = "word"  # "reçu"
    COMMAND = "command"  # "reçu 7F3K"
    SIGN = "sign"  # 👍, encrypted: alone, or below a quotation of the alert
    REACTION = "reaction"  # 👍 by XEP-0444


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


def _for_people(status: Status) -> Status:
    """Refuse CAP's Draft, which is for nobody yet, and System, which is for machines."""
    if status in (Status.DRAFT, Status.SYSTEM):
        raise ValueError("not for people")
    return status


_Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_legible)]
_Language = Annotated[str, Field(pattern=LANGUAGE, max_length=35)]
_Expiry = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_rfc3339)]


class Body(BaseModel):
    """The JSON of a request; a member that is not among its fields is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class AlertRequest(Body):
    """The body of `POST /v1/alerts`."""

    to: Annotated[
        list[Annotated[str, Field(pattern=TARGET)]], Field(min_length=1, max_length=MOST_TARGETS)
    ]
    severity: Severity
    text: _Text
    lang: _Language = "fr"
    expires: _Expiry | None = None
    status: Annotated[Status, AfterValidator(_for_people)] = Status.ACTUAL


class UpdateRequest(Body):
    """The body of `POST /v1/alerts/{id}/update`; what is absent stays as it was."""

    text: _Text
    severity: Severity | None = None
    lang: _Language | None = None
    expires: _Expiry | None = None


class CancelRequest(Body):
    """The body of `POST /v1/alerts/{id}/cancel`; `text` says why."""

    text: _Text | None = None
    lang: _Language | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a frozen audience; without `jid` where the person has no account."""

    id: str
    name: str
    jid: str | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One message of an alert as it was accepted; its text lies sealed beside it.

    An alert, its updates and its cancellation are one family, whose name is the id of the first;
    they have one number, which people read and type, and count their versions.
    """

    id: str
    family: str
    number: str
    key_name: str
    targets: tuple[str, ...]
    severity: Severity
    lang: str
    created: datetime
    expires: datetime
    status: Status = Status.ACTUAL
    msg_type: MsgType = MsgType.ALERT
    version: int = 1
    state: AlertState = AlertState.OPEN


class Accepted(NamedTuple):
    """What a request became: the id of its message, and the alert's number."""

    id: str
    number: str


NUDGE, RETRACTION = ".n", ".x"
"""Behind an id: the reference of the word that an update came, and of the retraction."""


def message_of(reference: str) -> str:
    """Return the id of the message that a reference of the outbox belongs to."""
    return reference.partition(".")[0]


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
