"""All SQL of reports: an audience beside what the outbox of the same database says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from xmppgov.storage.database import Database
from xmppgov_alerts.model import NUDGE, RETRACTION
from xmppgov_alerts.reports.model import NO_ACCOUNT, TROUBLED, RecipientState

_STATE = f"iif(r.jid IS NULL, '{NO_ACCOUNT}', coalesce(o.state, 'withdrawn'))"
_RANK = " ".join(f"WHEN '{state}' THEN {rank}" for rank, state in enumerate(TROUBLED))
_LINES = (
    f"SELECT r.person, r.name, r.jid, {_STATE} AS state, o.reason,"  # noqa: S608 (constants only)
    " coalesce(o.changed, a.created) AS since, r.how,"
    " iif(o.state IS NULL, NULL, iif(o.target IS NULL, 'text', 'correction')) AS sent_as,"
    " n.state AS nudge, x.state AS retraction"
    " FROM alert_recipient AS r JOIN alert AS a ON a.id = r.alert"
    " LEFT JOIN outbox AS o ON o.reference = r.alert AND o.recipient = r.jid"
    f" LEFT JOIN outbox AS n ON n.reference = r.alert || '{NUDGE}' AND n.recipient = r.jid"
    f" LEFT JOIN outbox AS x ON x.reference = r.alert || '{RETRACTION}' AND x.recipient = r.jid"
    " WHERE r.alert = ?"
)
_PLACED = (
    f"WITH line AS ({_LINES}), placed AS (SELECT *, CASE state {_RANK} ELSE {len(TROUBLED)} END"  # noqa: S608
    " AS rank FROM line)"
)
_PLACE = "rank, name, coalesce(jid, ''), person"


class ReportStore:
    """Reports out of an open database; nothing here holds more than a page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, alert_id: str) -> dict[str, int]:
        """Return how many recipients are in each state."""
        rows = await self._database.fetch_all(
            f"SELECT state, count(*) AS n FROM ({_LINES}) GROUP BY state",  # noqa: S608
            (alert_id,),
        )
        return {row["state"]: row["n"] for row in rows}

    async def troubled_first(
        self, alert_id: str, after: str | None, limit: int
    ) -> list[RecipientState]:
        """Return a page of recipients, those whom the alert does not reach before the others.

        It begins behind where the person `after` stands now.
        """
        rows = await self._database.fetch_all(
            f"{_PLACED} SELECT * FROM placed WHERE ? IS NULL"  # noqa: S608 (constants only)
            f" OR ({_PLACE}) > (SELECT {_PLACE} FROM placed WHERE person = ?)"
            f" ORDER BY {_PLACE} LIMIT ?",
            (alert_id, after, after, limit),
        )
        return [_recipient(row) for row in rows]

    async def by_person(self, alert_id: str, after: str, limit: int) -> list[RecipientState]:
        """Return a page of recipients, ordered by what never changes."""
        rows = await self._database.fetch_all(
            f"{_LINES} AND r.person > ? ORDER BY r.person LIMIT ?", (alert_id, after, limit)
        )
        return [_recipient(row) for row in rows]

    async def references(self, family: str, version: int) -> Sequence[str]:
        """Return the ids of an alert's messages before a version, the first one first."""
        rows = await self._database.fetch_all(
            "SELECT id FROM alert WHERE family = ? AND version < ? ORDER BY version",
            (family, version),
        )
        return [row["id"] for row in rows]


def _recipient(row: sqlite3.Row) -> RecipientState:
    return RecipientState(
        person=row["person"],
        name=row["name"],
        jid=row["jid"],
        state=row["state"],
        since=datetime.fromtimestamp(row["since"], UTC),
        reason=row["reason"],
        sent_as=row["sent_as"],
        how=row["how"],
        nudge=row["nudge"],
        retraction=row["retraction"],
    )
