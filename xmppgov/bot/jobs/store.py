"""All SQL of jobs: when each was last begun."""

from __future__ import annotations

from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

SCHEMA = Schema(
    "jobs",
    ("CREATE TABLE job (name TEXT PRIMARY KEY, last REAL NOT NULL) STRICT, WITHOUT ROWID",),
)


class JobStore:
    """The last runs, in seconds UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, name: str, now: float) -> float:
        """Return when a job was last begun; `now`, which is kept, where nothing is known of it."""
        async with self._database.transaction() as tx:
            await tx.execute("INSERT OR IGNORE INTO job VALUES (?, ?)", (name, now))
            row = await tx.fetch_one("SELECT last FROM job WHERE name = ?", (name,))
        assert row is not None
        return row["last"]

    async def begin(self, name: str, now: float) -> None:
        """Keep that a job begins now."""
        async with self._database.transaction() as tx:
            await tx.execute("UPDATE job SET last = ? WHERE name = ?", (now, name))
