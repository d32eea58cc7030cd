"""All SQL of the bot framework: deliveries, what was seen, where the archive was read to."""

from __future__ import annotations

from xmppgov.omemo.store import MIGRATION as OMEMO

MIGRATIONS = (
    OMEMO,
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
    CREATE INDEX outbox_expires ON outbox (expires) WHERE stanza IS NOT NULL;
    CREATE TABLE seen (stanza_id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX seen_at ON seen (at);
    CREATE TABLE cursor (archive TEXT PRIMARY KEY, stanza_id TEXT NOT NULL) WITHOUT ROWID;
    """,
)
"""Put these first in a bot's migrations; when the framework adds one, it goes to their end."""
