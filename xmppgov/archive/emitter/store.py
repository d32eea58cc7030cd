"""All SQL of an emitter: numbers, and the events that an archive has not committed yet.

Steps of an event, and what a crash after each one means:
0. the event and its effect are committed; crash: what is archived of it is asked after the start;
1. its number is noted in the mark as given out; crash: it is given out again, to the next event;
2. it has its number and is undecided no more, in one commit; crash: it is sent after the start;
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
        """
    CREATE TABLE spool_undecided (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        place TEXT NOT NULL,  -- what holds there decides: a room, or two domains
        kind TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT, room TEXT,
        size INTEGER, enc TEXT, oid TEXT, t INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX spool_undecided_places ON spool_undecided (place, n);
    CREATE TABLE epochs_by_archive (
        archive TEXT NOT NULL,  -- its address; empty: the main one
        epoch INTEGER NOT NULL, committed INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (archive, epoch)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO epochs_by_archive SELECT '', epoch, committed, last FROM spool_epochs;
    DROP TABLE spool_epochs;
    ALTER TABLE epochs_by_archive RENAME TO spool_epochs;
    CREATE TABLE spool_by_archive (
        archive TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
        t INTEGER NOT NULL, kind TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT, room TEXT,
        size INTEGER, enc TEXT, oid TEXT,
        PRIMARY KEY (archive, epoch, seq)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO spool_by_archive
        SELECT '', epoch, seq, id, t, kind, sender, recipient, room, size, enc, oid FROM spool;
    DROP TABLE spool;
    ALTER TABLE spool_by_archive RENAME TO spool;
    """,
    ),
)
MAIN = ""  # the key of the main archive's spool
MANY = 1_000_000  # events that wait; each time so many more have come, an alarm says so
_ROWS = "SELECT seq, id, t, kind, sender, recipient, room, size, enc, oid FROM spool"
_EPOCHS = "SELECT epoch, committed, last FROM spool_epochs WHERE archive = ?"


def now() -> int:
    """Return the time: ms UTC."""
    return time.time_ns() // 1_000_000


class Spool:
    """The events that wait in `database` for one archive, and the numbers that were given out.

    `archive` is its address, or `MAIN`. `clock` returns ms UTC, `random(n)` n random bytes.
    `appended` is set by each new event.
    """

    def __init__(
        self,
        database: Database,
        archive: str,
        mark: MarkFile,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._database, self._archive, self._mark = database, archive, mark
        self._clock, self._random = clock, random
        self._commit, self._before = 0, 0
        self._remains = True  # of deleted rows, in the database's log
        self._unnoted = asyncio.Event()
        self.appended = asyncio.Event()

    @classmethod
    async def open(
        cls,
        database: Database,
        archive: str = MAIN,
        *,
        clock: Callable[[], int] = now,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> Spool:
        """Go on with an archive's spool in a database that was opened with `SCHEMA`, or begin one.

        Raises:
            StorageError: the mark beside the database cannot be read.
        """
        mark = MarkFile(mark_path(database.path, archive))
        spool = cls(database, archive, mark, clock=clock, random=random)
        await spool._begin_or_go_on()
        return spool

    async def append(self, tx: Database, events: Iterable[Event]) -> None:
        """Give events their numbers, inside the transaction of what they tell of."""
        found = list(events)
        if not found:
            return
        epoch, t, waiting = await self._newest(), self._clock(), await self._open()
        records = [
            numbered(event, seq, event.t or t, self._random(RANDOM_SIZE))
            for seq, event in enumerate(found, epoch.last + 1)
        ]
        await self._hand_out(tx, epoch, records)
        if (waiting + len(found)) // MANY > waiting // MANY:
            log.error("ALARM: too many events wait for the archive", waiting=waiting)
        self.appended.set()

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
            epoch = await self._epoch("AND committed < last ORDER BY epoch")
            if epoch is None:
                return None
            rows = await self._database.fetch_all(
                f"{_ROWS} WHERE archive = ? AND epoch = ? ORDER BY seq LIMIT ?",
                (self._archive, epoch.number, limit + 1),
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
            await tx.execute(
                "DELETE FROM spool WHERE archive = ? AND epoch = ? AND seq <= ?",
                (self._archive, epoch, upto),
            )
            await self._set_committed(tx, epoch, upto)
            await tx.execute(
                "DELETE FROM spool_epochs WHERE archive = ?1 AND committed >= last"
                " AND epoch < (SELECT max(epoch) FROM spool_epochs WHERE archive = ?1)",
                (self._archive,),
            )

    async def go_back(self, epoch: int, committed: int) -> None:
        """Note that the archive has numbers only up to `committed`; what is gone is lost."""
        async with self._database.transaction() as tx:
            await self._set_committed(tx, epoch, committed)

    async def lose(self, epoch: int, seq: int) -> None:
        """Give up one event, which the archive cannot take; its number becomes a hole."""
        self._remains = True
        async with self._database.transaction() as tx:
            await tx.execute(
                "DELETE FROM spool WHERE archive = ? AND epoch = ? AND seq = ?",
                (self._archive, epoch, seq),
            )

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
            those = "archive = ? AND epoch = ?", (self._archive, epoch)
            rows = await tx.fetch_all(
                f"{_ROWS} WHERE {those[0]} AND seq >= ? ORDER BY seq", (*those[1], seq)
            )
            moved = [_record(row)._replace(seq=n) for n, row in enumerate(rows, newest.last + 1)]
            await self._hand_out(tx, newest, moved)
            await tx.execute(
                f"DELETE FROM spool WHERE {those[0]} AND seq >= ?",  # noqa: S608
                (*those[1], seq),
            )
            await self._set_last(tx, epoch, seq - 1)

    async def _begin_or_go_on(self) -> None:
        mark = self._mark.mark
        async with self._database.transaction() as tx:
            known = await self._epochs()
            reason = beginning(known[-1] if known else None, mark)
            if reason is not None:
                await tx.execute_many(
                    "INSERT OR REPLACE INTO spool_epochs VALUES (?, ?, ?, ?)",
                    [(self._archive, *epoch) for epoch in abandoned(known, mark)],
                )
                await self._add_epoch(tx, reason)
        await self.note()

    async def _add_epoch(self, tx: Database, reason: Beginning) -> None:
        row = await tx.fetch_one(
            "SELECT max(epoch) FROM spool_epochs WHERE archive = ?", (self._archive,)
        )
        earlier = row[0] if row else None
        epoch = next_epoch(self._clock() // 1000, earlier)
        await tx.execute("INSERT INTO spool_epochs VALUES (?, ?, 0, 0)", (self._archive, epoch))
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
            "INSERT INTO spool VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._archive, epoch.number, *_row(record)) for record in records],
        )
        await self._set_last(tx, epoch.number, last)

    async def _remember(self, newest: Epoch, done: int, handed: int) -> None:
        earlier = [(e.number, e.last) for e in await self._epochs() if e.number < newest.number]
        await self._mark.write(Mark(newest.number, done, handed, tuple(earlier)))

    async def _newest(self) -> Epoch:
        epoch = await self._epoch("ORDER BY epoch DESC")
        assert epoch is not None, "an open spool has an epoch"
        return epoch

    async def _epochs(self) -> list[Epoch]:
        rows = await self._database.fetch_all(f"{_EPOCHS} ORDER BY epoch", (self._archive,))
        return [Epoch(*row) for row in rows]

    async def _epoch(self, which: str) -> Epoch | None:
        row = await self._database.fetch_one(f"{_EPOCHS} {which} LIMIT 1", (self._archive,))
        return Epoch(*row) if row else None

    async def _open(self) -> int:
        row = await self._database.fetch_one(
            "SELECT sum(last - committed) FROM spool_epochs WHERE archive = ?", (self._archive,)
        )
        return int(row[0] or 0) if row else 0

    async def _set_committed(self, tx: Database, epoch: int, committed: int) -> None:
        await tx.execute(
            "UPDATE spool_epochs SET committed = ? WHERE archive = ? AND epoch = ?",
            (committed, self._archive, epoch),
        )

    async def _set_last(self, tx: Database, epoch: int, last: int) -> None:
        await tx.execute(
            "UPDATE spool_epochs SET last = ? WHERE archive = ? AND epoch = ?",
            (last, self._archive, epoch),
        )


def mark_path(database: Path, archive: str = MAIN) -> Path:
    """Return where the mark of an archive's spool in a database lies."""
    return Path(".".join(filter(None, (os.fspath(database), archive, "mark"))))


def _row(r: WireRecord) -> tuple[int | str | None, ...]:
    return r.seq, r.id, r.t, r.kind, r.sender, r.to, r.room, r.size, r.enc, r.oid


def _record(row: Any) -> WireRecord:
    seq, id, t, kind, sender, to, room, size, enc, oid = row
    return WireRecord(
        seq, id, t, kind, "local", sender, to, room, None, size, enc, oid, None, "accepted"
    )
