"""All SQL of letters: their sealed texts, which go with the commit that needs them no longer."""

from __future__ import annotations

from xmppgov.bot.outbox.store import LETTER
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

SCHEMA = Schema(
    "letters",
    (
        """
    CREATE TABLE letter (
        reference TEXT NOT NULL,  -- as in the outbox
        recipient TEXT NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (reference, recipient)
    ) STRICT, WITHOUT ROWID;
    -- Whoever changes a delivery's state erases its text in the same commit, without knowing it.
    CREATE TRIGGER letter_not_needed AFTER UPDATE OF state ON outbox
        WHEN NEW.state NOT IN ('queued', 'unreachable') BEGIN
        DELETE FROM letter WHERE reference = NEW.reference AND recipient = NEW.recipient;
    END;
    CREATE TRIGGER letter_forgotten AFTER DELETE ON outbox BEGIN
        DELETE FROM letter WHERE reference = OLD.reference AND recipient = OLD.recipient;
    END;
    """,
    ),
)


class LetterStore:
    """Sealed texts, by reference and recipient."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tx: Database, reference: str, recipient: str, sealed: bytes) -> None:
        """Keep a text, unless there is, or was, a delivery of this name."""
        await tx.execute(
            "INSERT OR IGNORE INTO letter SELECT ?, ?, ? WHERE NOT EXISTS"
            " (SELECT 1 FROM outbox WHERE reference = ? AND recipient = ?)",
            (reference, recipient, sealed, reference, recipient),
        )

    async def sealed(self, reference: str, recipient: str) -> bytes | None:
        """Return a text that is still needed."""
        row = await self._database.fetch_one(
            "SELECT sealed FROM letter WHERE reference = ? AND recipient = ?",
            (reference, recipient),
        )
        return row["sealed"] if row else None

    async def any(self) -> tuple[str, str, bytes] | None:
        """Return some text that is still needed, with its reference and recipient."""
        row = await self._database.fetch_one("SELECT * FROM letter LIMIT 1")
        return tuple(row) if row else None

    async def count(self) -> int:
        """Return how many texts are still needed."""
        row = await self._database.fetch_one("SELECT COUNT(*) AS n FROM letter")
        return row["n"] if row else 0

    async def forget(self, tx: Database, before: float) -> int:
        """Delete the deliveries of letters that expired `before`; return how many."""
        return await tx.execute(
            "DELETE FROM outbox WHERE reference LIKE ? AND expires < ?", (LETTER + "%", before)
        )
