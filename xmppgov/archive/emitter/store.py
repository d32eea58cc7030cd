"""All SQL of an emitter: numbers, and the events that the archive has not committed yet.

Steps of an event, and what a crash after each one means:
1. its number is noted in the mark as given out; crash: it is given out again, to the next event;
2. the event and its effect are committed; crash: it is sent after the start;
3. the commit is noted in the mark, so that a database from before it is noticed ever after;
4. the archive commits it; crash: it is sent again, with the same content, and answered like new;
5. its row is deleted; crash: the row is there, and is answered for at the start;
6. when nothing waits, the database's log is emptied, where the row still was; crash: it is emptied
   after the start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog

from xmppgov.archive.batch import WireRecord
from xmppgov.archive.emitter.mark import MarkFile
from xmppgov.archive.emitter.model import (
    RANDOM_SIZE,
    Epoch,
    Event,
    Mark,
    Waiting,
    numbered,
)
from xmppgov.archive.emitter.policy import Beginning, abandoned, beginning, next_epoch
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

log = structlog.get_logger()
SCHEMA = Schema(
    "emitter",
    (
        """
    CREATE TABLE spool_epochs (
        epoch INTEGER PRIMARY KEY,  -- the second at which it began
        committed INTEGER NOT NULL,  -- the archive has every number up to this one
        last INTEGER NOT NULL  -- the highest number that was given out
    ) STRICT;
    CREATE TABLE spool (
        epoch INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, t INTEGER NOT NULL,
        kind TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT, room TEXT,
        size INTEGER, enc TEXT, oid TEXT,
        PRIMARY KEY (epoch, seq)
    ) STRICT, WITHOUT ROWID;
    """,
    ),
)
MANY = 1_000_000  # events that wait; each time so many more have come, an alarm says so
_ROWS = "SELECT seq, id, t, kind, sender, recipient, room, size, enc, oid FROM spool"


def _now() -> int:
    return time.time_ns() // 1_000_000


class Spool:
    """The events that wait in `database`, and the numbers that were given out.

    `clock` returns ms UTC, `random(n)` n random bytes. `appended` is set by each new event.
    """

    def __init__(
        self,
        database: Database,
        mark: MarkFile,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._database, self._mark = database, mark
        self._clock, self._random = clock, random
        self._commit, self._before = 0, 0
        self._remains = True  # of deleted rows, in the database's log
        self._unnoted = asyncio.Event()
        self.appended = asyncio.Event()

    @classmethod
    async def open(
        cls,
        database: Database,
        *,
        clock: Callable[[], int] = _now,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> Spool:
        """Go on with the spool of a database that was opened with `SCHEMA`, or begin one.

        Raises:
            StorageError: the mark beside the database cannot be read.
        """
        mark = MarkFile(mark_path(database.path))
        spool = cls(database, mark, clock=clock, random=random)
        await spool._begin_or_go_on()
        return spool

    async def append(self, tx: Database, events: Iterable[Event]) -> None:
        """Give events their numbers, inside the transaction of what they tell of."""
        found = list(events)
        if not found:
            return
        epoch, now, waiting = await self._newest(), self._clock(), await self._open()
        records = [
            numbered(event, seq, now, self._random(RANDOM_SIZE))
            for seq, event in enumerate(found, epoch.last + 1)
        ]
        await self._hand_out(tx, epoch, records)
        if (waiting + len(found)) // MANY > waiting // MANY:
            log.error("ALARM: too many events wait for the archive", waiting=waiting)
        self.appended.set()

    async def tell(self, events: Iterable[Event]) -> None:
        """Give events their numbers; for those whose effect comes behind this and is not stored."""
        async with self._database.transaction() as tx:
            await self.append(tx, events)

    async def keep_mark(self) -> None:
        """Note in the mark what was committed, as soon as it is, until cancelled."""
        while True:
            await self._unnoted.wait()
            await self.note()

    async def note(self) -> None:
        """Note in the mark what is committed now."""
        self._unnoted.clear()
        async with self._database.transaction():  # nothing that may still be rolled back
            newest = await self._newest()
            await self._remember(newest, newest.last, newest.last)

    async def next(self, limit: int) -> Waiting | None:
        """Return what waits longest, at most `limit` records of it; None where nothing does."""
        async with self._database.transaction():
            epoch = await self._epoch("WHERE committed < last ORDER BY epoch")
            if epoch is None:
                return None
            rows = await self._database.fetch_all(
                f"{_ROWS} WHERE epoch = ? ORDER BY seq LIMIT ?", (epoch.number, limit + 1)
            )
            records = tuple(_record(row) for row in rows[:limit])
            return Waiting(epoch, records, len(rows) <= limit, await self._open())

    async def epochs(self) -> list[Epoch]:
        """Return the epochs that are not over, the newest last."""
        async with self._database.transaction():
            return await self._epochs()

    async def forget(self) -> None:
        """Leave nothing on the disk of the events that were deleted; where that cannot be now, the
        next call does it."""
        if self._remains:
            self._remains = not await self._database.empty_log()

    async def commit(self, epoch: int, upto: int) -> None:
        """Forget every event up to a number, which the archive has."""
        self._remains = True
        async with self._database.transaction() as tx:
            await tx.execute("DELETE FROM spool WHERE epoch = ? AND seq <= ?", (epoch, upto))
            await self._set_committed(tx, epoch, upto)
            await tx.execute(
                "DELETE FROM spool_epochs WHERE committed >= last"
                " AND epoch < (SELECT max(epoch) FROM spool_epochs)"
            )

    async def go_back(self, epoch: int, committed: int) -> None:
        """Note that the archive has numbers only up to `committed`; what is gone is lost."""
        async with self._database.transaction() as tx:
            await self._set_committed(tx, epoch, committed)

    async def lose(self, epoch: int, seq: int) -> None:
        """Give up one event, which the archive cannot take; its number becomes a hole."""
        self._remains = True
        async with self._database.transaction() as tx:
            await tx.execute("DELETE FROM spool WHERE epoch = ? AND seq = ?", (epoch, seq))

    async def begin(self, reason: Beginning) -> None:
        """Let the numbers begin anew, in another epoch."""
        async with self._database.transaction() as tx:
            await self._add_epoch(tx, reason)

    async def fork(self, epoch: int, seq: int) -> None:
        """Give the events from number `seq` of an epoch on new numbers in the newest epoch.

        What the archive has for the old numbers stands.
        """
        if (await self.epochs())[-1].number == epoch:
            await self.begin(Beginning.FORKED)  # a crash behind this leaves an empty epoch
        async with self._database.transaction() as tx:
            newest = await self._newest()
            rows = await tx.fetch_all(
                f"{_ROWS} WHERE epoch = ? AND seq >= ? ORDER BY seq", (epoch, seq)
            )
            moved = [_record(row)._replace(seq=n) for n, row in enumerate(rows, newest.last + 1)]
            await self._hand_out(tx, newest, moved)
            await tx.execute("DELETE FROM spool WHERE epoch = ? AND seq >= ?", (epoch, seq))
            await tx.execute("UPDATE spool_epochs SET last = ? WHERE epoch = ?", (seq - 1, epoch))

    async def _begin_or_go_on(self) -> None:
        mark = self._mark.mark
        async with self._database.transaction() as tx:
            known = await self._epochs()
            reason = beginning(known[-1] if known else None, mark)
            if reason is not None:
                await tx.execute_many(
                    "INSERT OR REPLACE INTO spool_epochs VALUES (?, ?, ?)", abandoned(known, mark)
                )
                await self._add_epoch(tx, reason)
        await self.note()

    async def _add_epoch(self, tx: Database, reason: Beginning) -> None:
        row = await tx.fetch_one("SELECT max(epoch) FROM spool_epochs")
        earlier = row[0] if row else None
        epoch = next_epoch(self._clock() // 1000, earlier)
        await tx.execute("INSERT INTO spool_epochs VALUES (?, 0, 0)", (epoch,))
        if reason is not Beginning.NEW:
            log.error("ALARM: the numbers of events begin anew", epoch=epoch, reason=str(reason))

    async def _hand_out(self, tx: Database, epoch: Epoch, records: Sequence[WireRecord]) -> None:
        """Write records with the numbers that follow in an epoch; the mark knows them first."""
        last = epoch.last + len(records)
        if self._database.transactions != self._commit:
            self._commit, self._before = self._database.transactions, epoch.last
        await self._remember(epoch, self._before, last)
        self._unnoted.set()
        await tx.execute_many(
            "INSERT INTO spool VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    epoch.number,
                    r.seq,
                    r.id,
                    r.t,
                    r.kind,
                    r.sender,
                    r.to,
                    r.room,
                    r.size,
                    r.enc,
                    r.oid,
                )
                for r in records
            ],
        )
        await tx.execute("UPDATE spool_epochs SET last = ? WHERE epoch = ?", (last, epoch.number))

    async def _remember(self, newest: Epoch, done: int, handed: int) -> None:
        earlier = [(e.number, e.last) for e in await self._epochs() if e.number < newest.number]
        await self._mark.write(Mark(newest.number, done, handed, tuple(earlier)))

    async def _newest(self) -> Epoch:
        epoch = await self._epoch("ORDER BY epoch DESC")
        assert epoch is not None, "an open spool has an epoch"
        return epoch

    async def _epochs(self) -> list[Epoch]:
        rows = await self._database.fetch_all("SELECT * FROM spool_epochs ORDER BY epoch")
        return [Epoch(*row) for row in rows]

    async def _epoch(self, which: str) -> Epoch | None:
        row = await self._database.fetch_one(f"SELECT * FROM spool_epochs {which} LIMIT 1")  # noqa: S608
        return Epoch(*row) if row else None

    async def _open(self) -> int:
        row = await self._database.fetch_one("SELECT sum(last - committed) FROM spool_epochs")
        return int(row[0] or 0) if row else 0

    @staticmethod
    async def _set_committed(tx: Database, epoch: int, committed: int) -> None:
        await tx.execute(
            "UPDATE spool_epochs SET committed = ? WHERE epoch = ?", (committed, epoch)
        )


def mark_path(database: Path) -> Path:
    """Return where the mark of a database lies."""
    return Path(f"{os.fspath(database)}.mark")


def _row(r: WireRecord) -> tuple[int | str | None, ...]:
    return r.seq, r.id, r.t, r.kind, r.sender, r.to, r.room, r.size, r.enc, r.oid


def _record(row: Any) -> WireRecord:
    seq, id, t, kind, sender, to, room, size, enc, oid = row
    return WireRecord(
        seq, id, t, kind, "local", sender, to, room, None, size, enc, oid, None, "accepted"
    )
