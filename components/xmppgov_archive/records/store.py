"""All SQL of what a batch becomes: records, entries, holes, counts, sealed names, alarms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from xmppgov.archive.ranges import Range
from xmppgov.archive.verify import StoredName
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

_TABLES = """
CREATE TABLE emitters (
    number INTEGER PRIMARY KEY, server TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE epochs (
    emitter INTEGER NOT NULL REFERENCES emitters, epoch INTEGER NOT NULL, last INTEGER NOT NULL,
    opened INTEGER NOT NULL,  -- the index of its first entry
    PRIMARY KEY (emitter, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE leaves (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE records (
    idx INTEGER PRIMARY KEY,
    emitter INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    t INTEGER NOT NULL, class TEXT NOT NULL,
    sender TEXT NOT NULL, recipient TEXT, room TEXT, org TEXT NOT NULL,  -- pseudonyms
    sealed BLOB NOT NULL,  -- digest, secret and body under the key of the month and the class
    UNIQUE (emitter, epoch, seq)
) STRICT;
CREATE INDEX records_by_time ON records (t);
CREATE INDEX records_by_sender ON records (sender, t);
CREATE INDEX records_by_recipient ON records (recipient, t) WHERE recipient IS NOT NULL;
CREATE INDEX records_by_room ON records (room, t) WHERE room IS NOT NULL;
CREATE INDEX records_by_org ON records (org, t);
CREATE TABLE gaps (
    idx INTEGER PRIMARY KEY, emitter INTEGER NOT NULL, epoch INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_by_number ON gaps (emitter, epoch, last);
CREATE TABLE counted (  -- numbers of counted messages that no entry names yet
    emitter INTEGER NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (emitter, epoch, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE sums (room TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE refs (  -- references of messages by the day of their time, in days since 1970
    day INTEGER NOT NULL, part INTEGER NOT NULL, ref BLOB NOT NULL, idx INTEGER NOT NULL
) STRICT;
CREATE INDEX refs_by_day ON refs (day, part);  -- sorted when the day ends, not at each insert
CREATE TABLE days (  -- parts of days that an entry has closed
    day INTEGER NOT NULL, part INTEGER NOT NULL, idx INTEGER NOT NULL, in_turn INTEGER NOT NULL,
    PRIMARY KEY (day, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE names (
    pseudonym TEXT PRIMARY KEY, month TEXT NOT NULL, sort TEXT NOT NULL,
    sealed BLOB NOT NULL,  -- the address, to the officers' key
    closed INTEGER  -- the index of the entry that covers it
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_entry ON names (closed);
CREATE TABLE alarms (
    server TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
    count INTEGER NOT NULL, first_t INTEGER NOT NULL, last_t INTEGER NOT NULL,
    PRIMARY KEY (server, epoch, seq, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE spools (  -- what each emitter last said of its spool; times in ms
    server TEXT PRIMARY KEY, waiting INTEGER NOT NULL, oldest INTEGER, heard INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ERASURE = """
ALTER TABLE records ADD COLUMN key TEXT;  -- NULL: the first of the month and the class
CREATE TABLE erased (  -- numbers of records that were erased
    emitter INTEGER NOT NULL, epoch INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (emitter, epoch, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten (  -- names that were destroyed: their places among those of their entry
    closed INTEGER NOT NULL, place INTEGER NOT NULL, month TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (closed, place)
) STRICT, WITHOUT ROWID;
"""
_OFFICERS = """
CREATE TABLE resolving (  -- the officers' keys, to which names were sealed
    number INTEGER PRIMARY KEY, public TEXT NOT NULL UNIQUE
) STRICT;
ALTER TABLE names ADD COLUMN resolving INTEGER NOT NULL DEFAULT 1;
CREATE TABLE months (  -- months whose key was sealed or destroyed
    month TEXT PRIMARY KEY, fate TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE late (  -- months of records that came later, and the months of their pseudonyms
    month TEXT NOT NULL, named TEXT NOT NULL,
    PRIMARY KEY (month, named)
) STRICT, WITHOUT ROWID;
"""
SCHEMA = Schema("archive", (_TABLES, _ERASURE, _OFFICERS))
PRAGMAS = ("PRAGMA wal_autocheckpoint=8000", "PRAGMA cache_size=-65536")
"""32 MB of write-ahead log, so that a page is copied once for many batches; 64 MB of pages kept."""


class Emitter(NamedTuple):
    """An emitter's number, and the last counter of one of its epochs; None where unknown."""

    number: int | None
    last: int | None


class Row(NamedTuple):
    """A row of the records' table, as it lies there or is about to; `idx` is its entry."""

    idx: int
    emitter: int
    epoch: int
    seq: int
    t: int
    class_: str
    sender: str
    recipient: str | None
    room: str | None
    org: str
    sealed: bytes
    key: str | None


class NewGap(NamedTuple):
    """A hole that is about to be committed at `idx`."""

    idx: int
    emitter: int
    epoch: int
    first: int
    last: int
    reason: str


class NewReference(NamedTuple):
    """A message's reference (16 bytes) on the day of its time, in days since 1970."""

    day: int
    ref: bytes
    idx: int


class NewEntries(NamedTuple):
    """Everything that one transaction adds to the log and beside it."""

    leaves: Sequence[tuple[int, bytes]]
    records: Sequence[Row]
    gaps: Sequence[NewGap]
    references: Sequence[NewReference]
    counted: Sequence[Range]
    sums: Mapping[str, int]


class Spool(NamedTuple):
    """What an emitter said of its spool: records behind the batch, time of the oldest (ms)."""

    server: str
    waiting: int
    oldest: int | None
    heard: int


class RecordStore:
    """The database of records, as its one writer sees it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path, *schemas: Schema) -> RecordStore:
        """Open for writing, creating the database at first. Raises `StorageError`."""
        database = await Database.open(path, SCHEMA, *schemas)
        for pragma in PRAGMAS:
            await database.execute(pragma)
        return cls(database)

    @classmethod
    async def open_read_only(cls, path: Path) -> RecordStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    @property
    def database(self) -> Database:
        """The database, for the stores of the archive's other features: it has one writer."""
        return self._database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit everything that the block writes, or nothing of it."""
        async with self._database.transaction():
            yield

    async def emitter(self, server: str, epoch: int) -> Emitter:
        """Return what is known of an emitter's epoch."""
        row = await self._database.fetch_one(
            "SELECT number, last FROM emitters LEFT JOIN epochs ON emitter = number AND epoch = ?"
            " WHERE server = ?",
            (epoch, server),
        )
        return Emitter(*row) if row else Emitter(None, None)

    async def add_emitter(self, server: str) -> int:
        """Give an emitter the next number."""
        await self._database.execute(
            "INSERT INTO emitters (number, server)"
            " SELECT ifnull(max(number), 0) + 1, ? FROM emitters",
            (server,),
        )
        row = await self._database.fetch_one(
            "SELECT number FROM emitters WHERE server = ?", (server,)
        )
        return int(row[0]) if row else 0

    async def newest_epoch(self, emitter: int) -> tuple[int, int] | None:
        """Return epoch and last number of the epoch that an emitter opened last, if any."""
        row = await self._database.fetch_one(
            "SELECT epoch, last FROM epochs WHERE emitter = ? ORDER BY opened DESC LIMIT 1",
            (emitter,),
        )
        return (row[0], row[1]) if row else None

    async def next_index(self) -> int:
        """Return the index of the entry that comes next."""
        row = await self._database.fetch_one("SELECT ifnull(max(idx), -1) + 1 FROM leaves")
        return int(row[0]) if row else 0

    async def sealed(
        self, emitter: int, epoch: int, first: int, last: int
    ) -> dict[int, tuple[int, int, str, bytes, str | None]]:
        """Return index, time, class, box and key of committed records by number."""
        rows = await self._database.fetch_all(
            "SELECT seq, idx, t, class, sealed, key FROM records"
            " WHERE emitter = ? AND epoch = ? AND seq BETWEEN ? AND ?",
            (emitter, epoch, first, last),
        )
        return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}

    async def erased(self, emitter: int, epoch: int, first: int, last: int) -> list[Range]:
        """Return the numbers of erased records that touch [first, last], in order."""
        rows = await self._database.fetch_all(
            "SELECT first, last FROM erased"
            " WHERE emitter = ? AND epoch = ? AND last >= ? AND first <= ? ORDER BY first",
            (emitter, epoch, first, last),
        )
        return [(row[0], row[1]) for row in rows]

    async def gaps(self, emitter: int, epoch: int, first: int, last: int) -> list[Range]:
        """Return the committed holes that touch [first, last], in order."""
        rows = await self._database.fetch_all(
            "SELECT first, last FROM gaps"
            " WHERE emitter = ? AND epoch = ? AND last >= ? AND first <= ? ORDER BY first",
            (emitter, epoch, first, last),
        )
        return [(row[0], row[1]) for row in rows]

    async def append(self, number: int, epoch: int, new: NewEntries) -> None:
        """Write entries and what belongs to them; within a transaction."""
        database = self._database
        await self.add_leaves(new.leaves)
        await database.execute_many(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", new.records
        )
        if new.gaps:
            await database.execute_many("INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?)", new.gaps)
        parts = await self._open_parts({reference.day for reference in new.references})
        await database.execute_many(
            "INSERT INTO refs VALUES (?, ?, ?, ?)",
            [(day, parts[day], ref, index) for day, ref, index in new.references],
        )
        await database.execute_many(
            "INSERT INTO counted VALUES (?, ?, ?, ?)",
            [(number, epoch, *part) for part in new.counted],
        )
        await database.execute_many(
            "INSERT INTO sums VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            new.sums.items(),
        )

    async def _open_parts(self, days: Iterable[int]) -> dict[int, int]:
        """Return the number of the part of each day that no entry has closed yet."""
        count = "SELECT count(*) + 1 FROM days WHERE day = ?"
        rows = {day: await self._database.fetch_one(count, (day,)) for day in days}
        return {day: row[0] for day, row in rows.items() if row}

    async def add_leaves(self, leaves: Sequence[tuple[int, bytes]]) -> None:
        """Write entries at their indexes; within a transaction."""
        await self._database.execute_many("INSERT INTO leaves VALUES (?, ?)", leaves)

    async def add_names(
        self, names: Iterable[StoredName], late: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Write sealed names that are not there yet, and which months they are late for.

        Within a transaction.
        """
        await self._database.execute_many(
            "INSERT OR IGNORE INTO names (pseudonym, month, sort, sealed, resolving)"
            " SELECT ?, ?, ?, ?, ifnull(max(number), 1) FROM resolving",
            names,
        )
        await self._database.execute_many("INSERT OR IGNORE INTO late VALUES (?, ?)", late)

    async def set_last(self, emitter: int, epoch: int, last: int, opened: int) -> None:
        """Note the last counter of an epoch, which `opened` began; within a transaction."""
        await self._database.execute(
            "INSERT INTO epochs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last",
            (emitter, epoch, last, opened),
        )

    async def set_spool(self, spool: Spool) -> None:
        """Note what an emitter says of its spool; within a transaction."""
        await self._database.execute("INSERT OR REPLACE INTO spools VALUES (?, ?, ?, ?)", spool)

    async def alarm(self, server: str, epoch: int, seq: int, reason: str, t: int) -> None:
        """Count a contradiction at time `t` (ms); within a transaction."""
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

    async def open_counts(self) -> dict[tuple[int, int], list[Range]]:
        """Return the counted numbers that no entry names yet, by emitter and epoch."""
        rows = await self._database.fetch_all(
            "SELECT * FROM counted ORDER BY emitter, epoch, first"
        )
        found: dict[tuple[int, int], list[Range]] = {}
        for emitter, epoch, first, last in rows:
            parts = found.setdefault((emitter, epoch), [])
            if parts and parts[-1][1] == first - 1:
                parts[-1] = (parts[-1][0], last)
            else:
                parts.append((first, last))
        return found

    async def take_counts(self) -> None:
        """Forget the counted numbers, which an entry names now; within a transaction."""
        await self._database.execute("DELETE FROM counted")

    async def sums(self) -> dict[str, int]:
        """Return how many messages were counted in each room since the last day was closed."""
        return {row[0]: row[1] for row in await self._database.fetch_all("SELECT * FROM sums")}

    async def take_sums(self) -> None:
        """Forget the sums, which an entry holds now; within a transaction."""
        await self._database.execute("DELETE FROM sums")

    async def last_day(self) -> int | None:
        """Return the latest day (since 1970) that was closed in turn, None before the first."""
        row = await self._database.fetch_one("SELECT max(day) FROM days WHERE in_turn")
        return int(row[0]) if row and row[0] is not None else None

    async def open_days(self, before: int) -> list[tuple[int, int]]:
        """Return day and part of the references before a day that no entry has closed."""
        rows = await self._database.fetch_all(
            "SELECT DISTINCT day, part FROM refs r WHERE day < ?"
            " AND NOT EXISTS (SELECT 1 FROM days d WHERE d.day = r.day AND d.part = r.part)"
            " ORDER BY day, part",
            (before,),
        )
        return [(row[0], row[1]) for row in rows]

    async def references(self, day: int, part: int) -> list[bytes]:
        """Return the references of a part of a day, each once, in order."""
        rows = await self._database.fetch_all(
            "SELECT DISTINCT ref FROM refs WHERE day = ? AND part = ? ORDER BY ref", (day, part)
        )
        return [row[0] for row in rows]

    async def new_names(self) -> list[StoredName]:
        """Return the sealed names that no closed day covers."""
        rows = await self._database.fetch_all(
            "SELECT pseudonym, month, sort, sealed FROM names WHERE closed IS NULL"
        )
        return [StoredName(*row) for row in rows]

    async def close_day(self, day: int, part: int, index: int, in_turn: bool) -> None:
        """Note that entry `index` closes a part of a day; within a transaction."""
        await self._database.execute(
            "INSERT INTO days VALUES (?, ?, ?, ?)", (day, part, index, in_turn)
        )
        await self._database.execute("UPDATE names SET closed = ? WHERE closed IS NULL", (index,))
