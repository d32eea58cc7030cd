"""What a service has said happened, before anybody decided which archive is told."""

from __future__ import annotations

from xmppgov.archive.emitter.model import Event
from xmppgov.storage.database import Database


async def undecided(database: Database) -> list[Event]:
    """Return the events, the oldest first."""
    rows = await database.fetch_all(
        "SELECT kind, sender, recipient, room, size, enc, oid, t FROM spool_undecided ORDER BY n"
    )
    return [Event(*row) for row in map(tuple, rows)]
