"""All SQL of what a batch becomes: records, leaves, holes, pseudonyms, alarms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from xmppgov.archive import jcs
from xmppgov.archive.verify import DIGEST_SIZE, StoredRecord
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_archive.records.pseudonyms import Name

_TABLES = """
CREATE TABLE emitters (
    number INTEGER PRIMARY KEY, server TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE epochs (
    emitter INTEGER NOT NULL REFERENCES emitters, epoch INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (emitter, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE leaves (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE records (
    idx INTEGER PRIMARY KEY,
    emitter INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    digest BLOB NOT NULL, secret BLOB NOT NULL, body TEXT NOT NULL,
    t INTEGER AS (body ->> '$.t'), uuid TEXT AS (body ->> '$.id'),
    sender TEXT AS (body ->> '$.from'), recipient TEXT AS (body ->> '$.to'),
    room TEXT AS (body ->> '$.room'),
    UNIQUE (emitter, epoch, seq)
) STRICT;
CREATE INDEX records_by_time ON records (t);
CREATE INDEX records_by_uuid ON records (uuid);
CREATE INDEX records_by_sender ON records (sender, t);
CREATE INDEX records_by_recipient ON records (recipient, t) WHERE recipient IS NOT NULL;
CREATE INDEX records_by_room ON records (room, t) WHERE room IS NOT NULL;
CREATE TABLE gaps (
    idx INTEGER PRIMARY KEY, emitter INTEGER NOT NULL, epoch INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_by_number ON gaps (emitter, epoch, last);
CREATE TABLE pseudonyms (
    pseudonym TEXT PRIMARY KEY, month TEXT NOT NULL, sort TEXT NOT NULL, address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pseudonyms_by_address ON pseudonyms (address);
CREATE TABLE alarms (
    server TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    count INTEGER NOT NULL, first_t INTEGER NOT NULL, last_t INTEGER NOT NULL,
    PRIMARY KEY (server, epoch, seq, reason)
) STRICT, WITHOUT ROWID;
"""
SCHEMA = Schema("archive", (_TABLES,))
_ROWS = "SELECT idx, emitter, epoch, seq, digest, secret, body FROM records"


class Emitter(NamedTuple):
    """A server's number, and the last counter of one of its epochs; None where nothing is known."""

    number: int | None
    last: int | None


class NewRecord(NamedTuple):
    """A record that is about to be committed at `idx`."""

    idx: int
    emitter: int
    epoch: int
    seq: int
    digest: bytes
    secret: bytes
    body: str


class NewGap(NamedTuple):
    """A hole that is about to be committed at `idx`."""

    idx: int
    emitter: int
    epoch: int
    first: int
    last: int
    reason: str


class EpochState(NamedTuple):
    """One emitter's epoch as `status` shows it."""

    server: str
    emitter: int
    epoch: int
    last: int
    records: int
    missing: int


class Alarm(NamedTuple):
    """A batch that contradicted what is committed; `first_t` and `last_t` in ms."""

    server: str
    epoch: int
    seq: int
    reason: str
    times: int
    first_t: int
    last_t: int


class Criteria(NamedTuple):
    """What `query` looks for; times in ms, `person` and `room` bare addresses."""

    start: int | None = None
    end: int | None = None
    person: str | None = None
    room: str | None = None


class RecordStore:
    """The database of records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> RecordStore:
        """Open for writing, creating the database at first. Raises `StorageError`."""
        return cls(await Database.open(path, SCHEMA))

    @classmethod
    async def open_read_only(cls, path: Path) -> RecordStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit everything that the block writes, or nothing of it."""
        async with self._database.transaction():
            yield

    async def emitter(self, server: str, epoch: int) -> Emitter:
        """Return what is known of a server's epoch."""
        row = await self._database.fetch_one(
            "SELECT number, last FROM emitters LEFT JOIN epochs ON emitter = number AND epoch = ?"
            " WHERE server = ?",
            (epoch, server),
        )
        return Emitter(*row) if row else Emitter(None, None)

    async def add_emitter(self, server: str) -> int:
        """Give a server the next number."""
        await self._database.execute(
            "INSERT INTO emitters (number, server)"
            " SELECT ifnull(max(number), 0) + 1, ? FROM emitters",
            (server,),
        )
        row = await self._database.fetch_one(
            "SELECT number FROM emitters WHERE server = ?", (server,)
        )
        return int(row[0]) if row else 0

    async def next_index(self) -> int:
        """Return the index of the entry that comes next."""
        row = await self._database.fetch_one("SELECT ifnull(max(idx), -1) + 1 FROM leaves")
        return int(row[0]) if row else 0

    async def digests(self, emitter: int, epoch: int, first: int, last: int) -> dict[int, bytes]:
        """Return the digests of committed records by number."""
        rows = await self._database.fetch_all(
            "SELECT seq, digest FROM records"
            " WHERE emitter = ? AND epoch = ? AND seq BETWEEN ? AND ?",
            (emitter, epoch, first, last),
        )
        return {row[0]: row[1][:DIGEST_SIZE] for row in rows}

    async def gaps(self, emitter: int, epoch: int, first: int, last: int) -> list[tuple[int, int]]:
        """Return the committed holes that touch [first, last], in order."""
        rows = await self._database.fetch_all(
            "SELECT first, last FROM gaps"
            " WHERE emitter = ? AND epoch = ? AND last >= ? AND first <= ? ORDER BY first",
            (emitter, epoch, first, last),
        )
        return [(row[0], row[1]) for row in rows]

    async def append(
        self,
        leaves: Sequence[tuple[int, bytes]],
        records: Sequence[NewRecord],
        gaps: Sequence[NewGap],
        names: Iterable[Name],
    ) -> None:
        """Write entries and what belongs to them; within a transaction."""
        database = self._database
        await database.execute_many("INSERT INTO leaves VALUES (?, ?)", leaves)
        await database.execute_many(
            "INSERT INTO records (idx, emitter, epoch, seq, digest, secret, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            records,
        )
        if gaps:
            await database.execute_many("INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?)", gaps)
        await database.execute_many("INSERT OR IGNORE INTO pseudonyms VALUES (?, ?, ?, ?)", names)

    async def set_last(self, emitter: int, epoch: int, last: int) -> None:
        """Note the last counter of an epoch; within a transaction."""
        await self._database.execute(
            "INSERT INTO epochs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last",
            (emitter, epoch, last),
        )

    async def alarm(self, server: str, epoch: int, seq: int, reason: str, t: int) -> None:
        """Count a contradiction at time `t` (ms)."""
        async with self._database.transaction():
            await self._database.execute(
                "INSERT INTO alarms VALUES (?, ?, ?, ?, 1, ?, ?)"
                " ON CONFLICT DO UPDATE SET count = count + 1, last_t = excluded.last_t",
                (server, epoch, seq, reason, t, t),
            )

    async def leaves(self, start: int, end: int) -> list[bytes]:
        """Return the entries in [start, end) that are there, in order."""
        rows = await self._database.fetch_all(
            "SELECT data FROM leaves WHERE idx >= ? AND idx < ? ORDER BY idx", (start, end)
        )
        return [row[0] for row in rows]

    async def indexed_leaves(self, start: int, end: int) -> dict[int, bytes]:
        """Return the entries in [start, end) by index."""
        rows = await self._database.fetch_all(
            "SELECT idx, data FROM leaves WHERE idx >= ? AND idx < ?", (start, end)
        )
        return {row[0]: row[1] for row in rows}

    async def records(self, start: int, end: int) -> list[StoredRecord]:
        """Return the records with an index in [start, end), in order."""
        rows = await self._database.fetch_all(
            f"{_ROWS} WHERE idx >= ? AND idx < ? ORDER BY idx",
            (start, end),
        )
        return [StoredRecord(*row) for row in rows]

    async def index_of(self, uuid: str) -> int | None:
        """Return the index of the record with an id (UUIDv7)."""
        row = await self._database.fetch_one(
            "SELECT idx FROM records WHERE uuid = ? ORDER BY idx LIMIT 1", (uuid,)
        )
        return int(row[0]) if row else None

    async def find(self, criteria: Criteria, limit: int) -> list[tuple[int, str]]:
        """Return index and body of the first `limit` records that fit, oldest first."""
        where: list[str] = ["1"]
        params: list[int | str] = []
        if criteria.start is not None:
            where.append("t >= ?")
            params.append(criteria.start)
        if criteria.end is not None:
            where.append("t < ?")
            params.append(criteria.end)
        named = "(SELECT pseudonym FROM pseudonyms WHERE address = ? AND sort = '{}')"
        if criteria.room is not None:
            where.append(f"room IN {named.format('room')}")
            params.append(criteria.room)
        if criteria.person is not None:
            person = named.format("person")
            where.append(f"(sender IN {person} OR recipient IN {person})")
            params += [criteria.person, criteria.person]
        rows = await self._database.fetch_all(
            f"SELECT idx, body FROM records WHERE {' AND '.join(where)}"  # noqa: S608
            " ORDER BY t, idx LIMIT ?",
            [*params, limit],
        )
        return [(row[0], row[1]) for row in rows]

    async def addresses(self, pseudonyms: Iterable[str]) -> dict[str, str]:
        """Return what pseudonyms stand for, as far as it is known."""
        wanted = list(pseudonyms)
        marks = ",".join("?" * len(wanted))
        rows = await self._database.fetch_all(
            f"SELECT pseudonym, address FROM pseudonyms WHERE pseudonym IN ({marks})",  # noqa: S608
            wanted,
        )
        return {row[0]: row[1] for row in rows}

    async def epochs(self) -> list[EpochState]:
        """Return every epoch of every emitter."""
        rows = await self._database.fetch_all(
            "SELECT server, number, e.epoch, e.last,"
            " (SELECT count(*) FROM records r WHERE r.emitter = number AND r.epoch = e.epoch),"
            " (SELECT ifnull(sum(g.last - g.first + 1), 0) FROM gaps g"
            "  WHERE g.emitter = number AND g.epoch = e.epoch)"
            " FROM epochs e JOIN emitters ON number = e.emitter ORDER BY server, e.epoch"
        )
        return [EpochState(*row) for row in rows]

    async def all_gaps(self) -> dict[int, tuple[str, int, int, str]]:
        """Return em, first, last and reason of every committed hole, by index."""
        rows = await self._database.fetch_all(
            "SELECT idx, emitter || '/' || epoch, first, last, reason FROM gaps ORDER BY idx"
        )
        return {row[0]: (row[1], row[2], row[3], row[4]) for row in rows}

    async def servers(self) -> dict[int, str]:
        """Return the servers by emitter number."""
        rows = await self._database.fetch_all("SELECT number, server FROM emitters")
        return {row[0]: row[1] for row in rows}

    async def names(self) -> list[Name]:
        """Return every pseudonym and what it stands for."""
        rows = await self._database.fetch_all("SELECT * FROM pseudonyms")
        return [Name(*row) for row in rows]

    async def ends(
        self, start: int
    ) -> tuple[list[bytes], dict[tuple[int, int], int], dict[int, str]]:
        """Return entries from `start`, last numbers and servers, all of one moment."""
        await self._database.execute("BEGIN")
        try:
            rows = await self._database.fetch_all("SELECT emitter, epoch, last FROM epochs")
            ends = {(row[0], row[1]): row[2] for row in rows}
            return await self.leaves(start, jcs.LARGEST_INTEGER), ends, await self.servers()
        finally:
            await self._database.execute("ROLLBACK")

    async def strays(self, size: int) -> list[int]:
        """Return the indexes of records without an entry, or before the first."""
        rows = await self._database.fetch_all(
            "SELECT idx FROM records WHERE idx < 0 OR idx >= ?"
            " AND idx NOT IN (SELECT idx FROM leaves WHERE idx >= ?)",
            (size, size),
        )
        return [row[0] for row in rows]

    async def alarms(self) -> list[Alarm]:
        """Return every contradiction, the latest first."""
        rows = await self._database.fetch_all("SELECT * FROM alarms ORDER BY last_t DESC")
        return [Alarm(*row) for row in rows]

    async def counts(self) -> tuple[int, int]:
        """Return how many records and how many entries of the log there are."""
        row = await self._database.fetch_one(
            "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM leaves)"
        )
        return (row[0], row[1]) if row else (0, 0)
