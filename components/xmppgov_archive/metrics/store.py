"""All SQL of the figures, on a connection of its own; none of it grows with the log but one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from xmppgov.storage.database import Database


class EmitterFigures(NamedTuple):
    """An emitter's newest epoch, if it has sent anything, and what it said of its spool."""

    emitter: str
    epoch: int | None
    last: int | None
    missing: int
    waiting: int | None
    oldest: int | None
    """The time of the oldest record that waits in the spool, in ms."""
    heard: int | None
    """When the emitter was heard last, in ms."""


class MetricsStore:
    """The database of records, read only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> MetricsStore:
        """Open beside the archive's own connections. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def entries(self) -> int:
        """Return how many entries are committed."""
        return await self._number("SELECT ifnull(max(idx), -1) + 1 FROM leaves")

    async def records(self) -> int:
        """Return how many records there are; half a second for ten million."""
        return await self._number("SELECT count(*) FROM records")

    async def alarms(self) -> int:
        """Return how often a record came again with other content."""
        return await self._number("SELECT ifnull(sum(count), 0) FROM alarms")

    async def emitters(self) -> list[EmitterFigures]:
        """Return each emitter's figures; `missing` is over all of its epochs."""
        rows = await self._database.fetch_all(
            "SELECT n.server, e.epoch, e.last,"
            " (SELECT ifnull(sum(g.last - g.first + 1), 0) FROM gaps g WHERE g.emitter = number),"
            " s.waiting, s.oldest, s.heard"
            " FROM (SELECT server FROM emitters UNION SELECT server FROM spools) n"
            " LEFT JOIN emitters m ON m.server = n.server"
            " LEFT JOIN epochs e ON e.emitter = number"
            "  AND e.epoch = (SELECT max(epoch) FROM epochs WHERE emitter = number)"
            " LEFT JOIN spools s ON s.server = n.server ORDER BY n.server"
        )
        return [EmitterFigures(*row) for row in rows]

    async def _number(self, sql: str) -> int:
        row = await self._database.fetch_one(sql)
        return int(row[0]) if row else 0
