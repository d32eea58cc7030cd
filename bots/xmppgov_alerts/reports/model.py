"""Where an alert stands: one message of it, and each of its recipients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from xmppgov_alerts.model import Alert, rfc3339

NO_ACCOUNT = "no-account"
TROUBLED = ("failed", "unreachable", NO_ACCOUNT)
"""States of whom the alert does not reach: first those for whom something can be done."""
STATES = (
    "queued", "encrypted", "sent", "accepted", "delivered", "read", "acknowledged",
    "unreachable", "failed", "expired", "withdrawn", NO_ACCOUNT,
)  # fmt: skip
PAGE, LARGEST_PAGE = 500, 1000  # recipients


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Where a message stands for one person.

    `sent_as` is `text`, or `correction` of what left before; `nudge` and `retraction` are the
    states of what goes with updates and cancellations.
    """

    person: str
    name: str
    jid: str | None
    state: str
    since: datetime
    reason: str | None = None
    sent_as: str | None = None
    how: str | None = None
    nudge: str | None = None
    retraction: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return a recipient of the document that `GET /v1/alerts/{id}` answers."""
        return {
            "jid": self.jid,
            "name": self.name,
            "state": self.state,
            "reason": self.reason,
            "since": rfc3339(self.since),
            "how": self.how,
            "as": self.sent_as,
            "nudge": self.nudge,
            "retraction": self.retraction,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A message of an alert, how many recipients are in each state, and a page of them."""

    alert: Alert
    banner: str | None  # what an alert that is none begins and ends with
    references: Sequence[str]  # ids of the messages that this one updates or cancels
    counts: Mapping[str, int]
    recipients: Sequence[RecipientState]
    next: str | None = None  # what to ask the next page with

    def as_json(self) -> dict[str, object]:
        """Return the document that `GET /v1/alerts/{id}` answers."""
        alert, states = self.alert, (*STATES, *sorted(set(self.counts) - set(STATES)))
        return {
            "status": alert.status.value,
            "id": alert.id,
            "number": alert.number,
            "version": alert.version,
            "msg_type": alert.msg_type.value,
            "references": list(self.references),
            "state": alert.state.value,
            "severity": alert.severity.value,
            "created": rfc3339(alert.created),
            "expires": rfc3339(alert.expires),
            "counts": {state: self.counts.get(state, 0) for state in states},
            "recipients": [recipient.as_json() for recipient in self.recipients],
            "next": self.next,
            "banner": self.banner,
        }
