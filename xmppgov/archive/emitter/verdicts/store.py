"""All SQL of the events of which nobody has decided yet which archive is told; tables: `SCHEMA` of
the emitter's store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog

from xmppgov.archive.emitter.model import Event
from xmppgov.archive.emitter.store import MAIN, MANY, Spool, now
from xmppgov.archive.emitter.verdicts.model import place
from xmppgov.storage.database import Database

log = structlog.get_logger()
AT_ONCE = 500  # events that are decided in one transaction


class Undecided:
    """The events of which it is not known yet whether an archive is told, and which.

    `clock` returns ms UTC. `appended` is set by each new event.
    """

    def __init__(self, database: Database, *, clock: Callable[[], int] = now) -> None:
        self._database, self._clock = database, clock
        self._remains = True  # of deleted rows, in the database's log
        self.appended = asyncio.Event()

    async def append(self, tx: Database, events: Iterable[Event]) -> None:
        """Keep events, inside the transaction of what they tell of."""
        t = self._clock()
        rows = [(place(event), *event._replace(t=t)) for event in events]
        if not rows:
            return
        await tx.execute_many(
            "INSERT INTO spool_undecided (place, kind, sender, recipient, room, size, enc, oid, t)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        await self._alarm(tx, len(rows))
        self.appended.set()

    async def tell(self, events: Iterable[Event]) -> None:
        """Keep events; for those whose effect comes behind this and is not stored."""
        async with self._database.transaction() as tx:
            await self.append(tx, events)

    async def spool(self, archive: str = MAIN) -> Spool:
        """Open the spool of an archive. Raises `StorageError`."""
        return await Spool.open(self._database, archive)

    async def orphaned(self, archives: Collection[str]) -> dict[str, int]:
        """Return how many events wait for each archive that is none of `archives`."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch_all("SELECT archive, count(*) AS n FROM spool GROUP BY archive")
        return {row["archive"]: row["n"] for row in rows if row["archive"] not in archives}

    async def places(self) -> list[str]:
        """Return where undecided events happened, the oldest first."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch_all(
                "SELECT place FROM spool_undecided GROUP BY place ORDER BY min(n)"
            )
            return [row["place"] for row in rows]

    async def decide(self, where: str, spool: Spool | None) -> None:
        """Give the events of a place to a spool, or to nobody."""
        self._remains = True
        while await self._decide_some(where, spool):
            pass

    async def forget(self) -> None:
        """Leave nothing on the disk of the events that were decided about; where that cannot be
        now, the next call does it."""
        if self._remains:
            self._remains = not await self._database.empty_log()

    async def _decide_some(self, where: str, spool: Spool | None) -> bool:
        """Do it with the oldest of them, in one transaction; tell whether there may be more."""
        async with self._database.transaction() as tx:
            rows = await tx.fetch_all(
                "SELECT n, kind, sender, recipient, room, size, enc, oid, t FROM spool_undecided"
                " WHERE place = ? ORDER BY n LIMIT ?",
                (where, AT_ONCE),
            )
            if not rows:
                return False
            if spool is not None:
                await spool.append(tx, [Event(*row[1:]) for row in map(tuple, rows)])
            await tx.execute(
                "DELETE FROM spool_undecided WHERE place = ? AND n <= ?", (where, rows[-1]["n"])
            )
        return len(rows) == AT_ONCE

    @staticmethod
    async def _alarm(tx: Database, new: int) -> None:
        row = await tx.fetch_one("SELECT max(n) - min(n) + 1 FROM spool_undecided")
        waiting = int(row[0] or 0) if row else 0
        if waiting // MANY > (waiting - new) // MANY:
            log.error("ALARM: too many events wait until an archive is found", waiting=waiting)
