"""All SQL of alerts: what was asked for (texts sealed), and the frozen audiences.

It shares the bot's database, so that an alert and its outbox rows are one transaction. The text is
wiped when the alert expires; who was reached stays, and so does the request's id, which answers a
repetition however late it comes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_alerts.model import Alert, AlertState, Person, Severity

SCHEMA = Schema(
    "alerts",
    (
        """
    CREATE TABLE alert (
        id TEXT PRIMARY KEY,
        version INTEGER NOT NULL DEFAULT 1,
        key_name TEXT NOT NULL,
        request_id TEXT NOT NULL,
        request_mark BLOB NOT NULL,
        targets TEXT NOT NULL,
        severity TEXT NOT NULL,
        lang TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'expired')),
        sealed BLOB,
        UNIQUE (key_name, request_id),
        CHECK ((state = 'open') = (sealed IS NOT NULL))
    ) STRICT;
    CREATE INDEX alert_open ON alert (expires) WHERE state = 'open';
    CREATE TABLE alert_recipient (
        alert TEXT NOT NULL REFERENCES alert (id),
        person TEXT NOT NULL,
        name TEXT NOT NULL,
        jid TEXT,
        answered REAL,
        PRIMARY KEY (alert, person)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX alert_recipient_jid ON alert_recipient (jid) WHERE jid IS NOT NULL
    """,
    ),
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that was accepted before."""

    alert_id: str
    mark: bytes


class AlertStore:
    """The alerts in an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self) -> AbstractAsyncContextManager[Database]:
        """Begin a transaction; see `Database.transaction`."""
        return self._database.transaction()

    async def accepted(self, key_name: str, request_id: str) -> Accepted | None:
        """Return what the request `request_id` of a key became, however long ago."""
        row = await self._database.fetch_one(
            "SELECT id, request_mark FROM alert WHERE key_name = ? AND request_id = ?",
            (key_name, request_id),
        )
        return Accepted(row["id"], row["request_mark"]) if row else None

    async def add(
        self,
        tx: Database,
        alert: Alert,
        *,
        sealed: bytes,
        people: Sequence[Person],
        request: tuple[str, bytes],
    ) -> None:
        """Write an alert with its frozen audience; `request` is its id and mark."""
        await tx.execute(
            "INSERT INTO alert (id, key_name, request_id, request_mark, targets, severity, lang,"
            " created, expires, state, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                alert.id, alert.key_name, *request, json.dumps(alert.targets), alert.severity.value,
                alert.lang, alert.created.timestamp(), alert.expires.timestamp(), alert.state.value,
                sealed,
            ),
        )  # fmt: skip
        await tx.execute_many(
            "INSERT INTO alert_recipient (alert, person, name, jid) VALUES (?, ?, ?, ?)",
            ((alert.id, person.id, person.name, person.jid) for person in people),
        )

    async def alert(self, alert_id: str) -> Alert | None:
        """Return an alert without its text."""
        row = await self._database.fetch_one("SELECT * FROM alert WHERE id = ?", (alert_id,))
        return _alert(row) if row else None

    async def with_text(self, alert_id: str) -> tuple[Alert, bytes] | None:
        """Return an alert and its sealed text, or None once that is wiped."""
        row = await self._database.fetch_one("SELECT * FROM alert WHERE id = ?", (alert_id,))
        return (_alert(row), row["sealed"]) if row and row["sealed"] is not None else None

    async def any_sealed(self) -> tuple[str, bytes] | None:
        """Return the id and the sealed text of one open alert, to try the key on."""
        row = await self._database.fetch_one(
            "SELECT id, sealed FROM alert WHERE state = 'open' ORDER BY created DESC LIMIT 1"
        )
        return (row["id"], row["sealed"]) if row else None

    async def people(self, alert_id: str) -> list[Person]:
        """Return the frozen audience of an alert."""
        rows = await self._database.fetch_all(
            "SELECT person, name, jid FROM alert_recipient WHERE alert = ?", (alert_id,)
        )
        return [Person(row["person"], row["name"], row["jid"]) for row in rows]

    async def answers(self, tx: Database, jid: str) -> dict[str, bool]:
        """Return the open alerts for `jid`, each with whether it is confirmed."""
        rows = await tx.fetch_all(
            "SELECT alert, answered FROM alert_recipient JOIN alert ON alert.id = alert"
            " WHERE jid = ? AND state = 'open'",
            (jid,),
        )
        return {row["alert"]: row["answered"] is not None for row in rows}

    async def confirm(self, tx: Database, alert_id: str, jid: str, now: datetime) -> None:
        """Note that `jid` has confirmed an alert; the first time counts."""
        await tx.execute(
            "UPDATE alert_recipient SET answered = ?"
            " WHERE alert = ? AND jid = ? AND answered IS NULL",
            (now.timestamp(), alert_id, jid),
        )

    async def expire(self, tx: Database, now: datetime) -> list[str]:
        """Wipe the text of every alert whose time has come; return their ids."""
        rows = await tx.fetch_all(
            "UPDATE alert SET state = 'expired', sealed = NULL"
            " WHERE state = 'open' AND expires <= ? RETURNING id",
            (now.timestamp(),),
        )
        return [row["id"] for row in rows]

    async def next_expiry(self) -> datetime | None:
        """Return when the next open alert expires."""
        row = await self._database.fetch_one("SELECT min(expires) FROM alert WHERE state = 'open'")
        return datetime.fromtimestamp(row[0], UTC) if row and row[0] is not None else None

    async def empty_log(self) -> bool:
        """Fold the write-ahead log into the database and cut it; False while it is read.

        Wiped pages are overwritten in the database (`secure_delete`); this leaves no older copy.
        """
        # Waiting for a reader would hold up every other statement of the bot: it is tried again.
        usual = await self._database.fetch_one("PRAGMA busy_timeout")
        await self._database.fetch_one("PRAGMA busy_timeout = 0")
        try:
            row = await self._database.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            await self._database.fetch_one(f"PRAGMA busy_timeout = {usual[0] if usual else 5000}")
        return row is not None and row[0] == 0


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(
        id=row["id"],
        key_name=row["key_name"],
        targets=tuple(json.loads(row["targets"])),
        severity=Severity(row["severity"]),
        lang=row["lang"],
        created=datetime.fromtimestamp(row["created"], UTC),
        expires=datetime.fromtimestamp(row["expires"], UTC),
        state=AlertState(row["state"]),
    )
