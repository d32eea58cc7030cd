"""The tables of the bot framework; what was seen, and where the archive was read to."""

from __future__ import annotations

from xmppgov.bot.jobs.store import SCHEMA as JOBS
from xmppgov.bot.letters.store import SCHEMA as LETTERS
from xmppgov.omemo.store import SCHEMA as OMEMO
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

SCHEMA = Schema(
    "bot",
    (
        """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        reference TEXT NOT NULL,
        recipient TEXT NOT NULL,
        origin_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        reason TEXT,
        stanza TEXT,
        created REAL NOT NULL,
        changed REAL NOT NULL,
        expires REAL NOT NULL,
        retry REAL NOT NULL DEFAULT 0,
        noticed INTEGER NOT NULL DEFAULT 0,
        UNIQUE (reference, recipient)
    );
    CREATE INDEX outbox_open ON outbox (state, retry)
        WHERE state IN ('queued', 'unreachable', 'encrypted', 'sent');
    CREATE INDEX outbox_recipient ON outbox (recipient);
    CREATE TABLE seen (stanza_id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX seen_at ON seen (at);
    CREATE TABLE cursor (archive TEXT PRIMARY KEY, stanza_id TEXT NOT NULL) WITHOUT ROWID;
    """,
        """
    CREATE TABLE awaited (  -- messages of which it is not known yet whether the server has them
        id TEXT PRIMARY KEY, reference TEXT NOT NULL, recipient TEXT NOT NULL,
        size INTEGER NOT NULL, encrypted INTEGER NOT NULL, at REAL NOT NULL
    ) WITHOUT ROWID;
    """,
        """
    ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'text';
    ALTER TABLE outbox ADD COLUMN target TEXT;  -- the message that it corrects or retracts
    ALTER TABLE outbox ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;  -- the smallest goes first
    UPDATE outbox SET state = 'acknowledged' WHERE state = 'answered';
    """,
    ),
)
SCHEMAS = (OMEMO, SCHEMA, LETTERS, JOBS)
"""What a bot's database is opened with, before the owner's own."""


class InboxStore:
    """What was processed, so that nothing is processed twice or left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def was_seen(self, stanza_id: str) -> bool:
        """Whether a message was processed."""
        row = await self._database.fetch_one("SELECT 1 FROM seen WHERE stanza_id = ?", (stanza_id,))
        return row is not None

    async def see(self, tx: Database, stanza_id: str, now: float) -> None:
        """Remember a message as processed."""
        await tx.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (stanza_id, now))

    async def forget(self, tx: Database, before: float) -> None:
        """Forget messages that no server delivers again."""
        await tx.execute("DELETE FROM seen WHERE at < ?", (before,))

    async def cursor(self, archive: str) -> str | None:
        """Return the id up to which an archive was processed."""
        row = await self._database.fetch_one(
            "SELECT stanza_id FROM cursor WHERE archive = ?", (archive,)
        )
        return row["stanza_id"] if row else None

    async def set_cursor(self, tx: Database, archive: str, stanza_id: str) -> None:
        """Everything up to this id is processed."""
        await tx.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (archive, stanza_id))
