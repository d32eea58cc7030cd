"""All SQL of alerts: what was asked for (texts sealed), and the frozen audiences.

It shares the bot's database, so that an alert and its outbox rows are one transaction. The text is
wiped when the alert expires; who was reached stays, and so does the request's id, which answers a
repetition however late it comes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import NamedTuple

from xmppgov.cap.words import MsgType, Severity, Status
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_alerts.model import Accepted, Alert, AlertState, How, Person

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
        """
    -- Each message of an alert is a row: the alert, its updates, its cancellation.
    ALTER TABLE alert RENAME TO alert_1;
    ALTER TABLE alert_recipient RENAME TO alert_recipient_1;
    CREATE TABLE alert (
        id TEXT PRIMARY KEY,
        family TEXT NOT NULL,
        number TEXT NOT NULL,
        version INTEGER NOT NULL,
        msg_type TEXT NOT NULL CHECK (msg_type IN ('Alert', 'Update', 'Cancel')),
        status TEXT NOT NULL,
        key_name TEXT NOT NULL,
        request_id TEXT NOT NULL,
        request_mark BLOB NOT NULL,
        targets TEXT NOT NULL,
        severity TEXT NOT NULL,
        lang TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'superseded', 'cancelled', 'expired')),
        sealed BLOB,
        UNIQUE (key_name, request_id),
        UNIQUE (family, version),
        CHECK ((state = 'open') = (sealed IS NOT NULL))
    ) STRICT;
    CREATE TABLE alert_recipient (
        alert TEXT NOT NULL REFERENCES alert (id),
        person TEXT NOT NULL,
        name TEXT NOT NULL,
        jid TEXT,
        confirmed REAL,
        how TEXT CHECK (how IN ('word', 'command', 'sign', 'reaction')),
        PRIMARY KEY (alert, person),
        CHECK ((confirmed IS NULL) = (how IS NULL))
    ) STRICT, WITHOUT ROWID;
    INSERT INTO alert
        SELECT id, id, substr(digits, n / 32768 % 32 + 1, 1) || substr(digits, n / 1024 % 32 + 1, 1)
            || substr(digits, n / 32 % 32 + 1, 1) || substr(digits, n % 32 + 1, 1),
            1, 'Alert', 'Actual', key_name, request_id, request_mark, targets, severity, lang,
            created, expires, state, sealed
        FROM (SELECT *, row_number() OVER (ORDER BY state DESC, created, id) AS n,
            '0123456789ABCDEFGHJKMNPQRSTVWXYZ' AS digits FROM alert_1);
    INSERT INTO alert_recipient
        SELECT alert, person, name, jid, answered, iif(answered IS NULL, NULL, 'word')
        FROM alert_recipient_1;
    DROP TABLE alert_recipient_1;
    DROP TABLE alert_1;
    CREATE INDEX alert_open ON alert (expires) WHERE state = 'open';
    CREATE UNIQUE INDEX alert_number ON alert (number) WHERE state = 'open';
    CREATE INDEX alert_recipient_jid ON alert_recipient (jid) WHERE jid IS NOT NULL
    """,
    ),
)


class Known(NamedTuple):
    """A request that was accepted before: what it became, and its mark."""

    accepted: Accepted
    mark: bytes


class AlertStore:
    """The alerts in an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self) -> AbstractAsyncContextManager[Database]:
        """Begin a transaction; see `Database.transaction`."""
        return self._database.transaction()

    async def known(self, key_name: str, request_id: str) -> Known | None:
        """Return what the request `request_id` of a key became, however long ago."""
        row = await self._database.fetch_one(
            "SELECT id, number, request_mark FROM alert WHERE key_name = ? AND request_id = ?",
            (key_name, request_id),
        )
        return Known(Accepted(row["id"], row["number"]), row["request_mark"]) if row else None

    async def add(
        self, tx: Database, alert: Alert, *, sealed: bytes, request: tuple[str, bytes]
    ) -> None:
        """Write a message; `request` is its id and mark."""
        await tx.execute(
            "INSERT INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                alert.id, alert.family, alert.number, alert.version, alert.msg_type.value,
                alert.status.value, alert.key_name, *request, json.dumps(alert.targets),
                alert.severity.value, alert.lang, alert.created.timestamp(),
                alert.expires.timestamp(), alert.state.value, sealed,
            ),
        )  # fmt: skip

    async def add_people(self, tx: Database, alert_id: str, people: Iterable[Person]) -> None:
        """Freeze the audience of an alert."""
        await tx.execute_many(
            "INSERT INTO alert_recipient (alert, person, name, jid) VALUES (?, ?, ?, ?)",
            ((alert_id, person.id, person.name, person.jid) for person in people),
        )

    async def inherit_people(self, tx: Database, alert_id: str, of: str) -> None:
        """Give a message the audience of another one, which nobody has confirmed yet."""
        await tx.execute(
            "INSERT INTO alert_recipient (alert, person, name, jid)"
            " SELECT ?, person, name, jid FROM alert_recipient WHERE alert = ?",
            (alert_id, of),
        )

    async def addresses(self, tx: Database, alert_id: str) -> list[str]:
        """Return the addresses of an audience."""
        rows = await tx.fetch_all(
            "SELECT jid FROM alert_recipient WHERE alert = ? AND jid IS NOT NULL", (alert_id,)
        )
        return [row["jid"] for row in rows]

    async def number_is_free(self, tx: Database, number: str) -> bool:
        """Whether no open alert has this number."""
        row = await tx.fetch_one(
            "SELECT 1 FROM alert WHERE number = ? AND state = 'open'", (number,)
        )
        return row is None

    async def family(self, tx: Database, family: str) -> list[Alert]:
        """Return the messages of an alert, the first one first."""
        rows = await tx.fetch_all(
            "SELECT * FROM alert WHERE family = ? ORDER BY version", (family,)
        )
        return [_alert(row) for row in rows]

    async def close(self, tx: Database, alert_id: str, state: AlertState) -> None:
        """Let an open message be over, and wipe its text."""
        await tx.execute(
            "UPDATE alert SET state = ?, sealed = NULL WHERE id = ? AND state = 'open'",
            (state.value, alert_id),
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

    async def waiting(self, tx: Database, jid: str) -> dict[str, tuple[Alert, bool]]:
        """Return the open alerts for `jid` by id, each with whether it is confirmed."""
        rows = await tx.fetch_all(
            "SELECT alert.*, confirmed FROM alert_recipient JOIN alert ON alert.id = alert"
            " WHERE jid = ? AND state = 'open'",
            (jid,),
        )
        return {row["id"]: (_alert(row), row["confirmed"] is not None) for row in rows}

    async def confirm(self, tx: Database, alert_id: str, jid: str, how: How, now: datetime) -> None:
        """Note that and how `jid` has confirmed an alert; the first time counts."""
        await tx.execute(
            "UPDATE alert_recipient SET confirmed = ?, how = ?"
            " WHERE alert = ? AND jid = ? AND confirmed IS NULL",
            (now.timestamp(), how.value, alert_id, jid),
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
        family=row["family"],
        number=row["number"],
        key_name=row["key_name"],
        targets=tuple(json.loads(row["targets"])),
        severity=Severity(row["severity"]),
        lang=row["lang"],
        created=datetime.fromtimestamp(row["created"], UTC),
        expires=datetime.fromtimestamp(row["expires"], UTC),
        status=Status(row["status"]),
        msg_type=MsgType(row["msg_type"]),
        version=row["version"],
        state=AlertState(row["state"]),
    )
