"""All SQL of what is read beside the running archive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from xmppgov.archive import jcs
from xmppgov.archive.counters import Epoch
from xmppgov.archive.derived import ClosedDay, KeptReference
from xmppgov.archive.ranges import Range
from xmppgov.archive.verify import ForgottenName, StoredName
from xmppgov.storage.database import Database
from xmppgov_archive.records.store import RecordStore, Row, Spool

ROWS = (
    "SELECT idx, emitter, epoch, seq, t, class, sender, recipient, room, org, sealed, key"
    " FROM records"
)
_NAMES = "SELECT pseudonym, month, sort, sealed FROM names"


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
    """What a question looks for: times in ms, pseudonyms of people, rooms and units.

    Of each set of pseudonyms one has to fit; None does not ask.
    """

    start: int | None = None
    end: int | None = None
    people: tuple[str, ...] | None = None
    rooms: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None


class Tables(NamedTuple):
    """What the entries behind `start`, and the tables beside the records, are at one moment."""

    waiting: list[bytes]
    rows: list[Row]
    ends: dict[Epoch, int]
    opened: dict[Epoch, int]
    servers: dict[int, str]
    open: dict[Epoch, list[Range]]
    names: dict[int | None, list[StoredName]]
    forgotten: dict[int, list[ForgottenName]]
    days: list[ClosedDay]
    sums: dict[str, int]
    months: dict[str, str]
    resolving: dict[int, str]
    used: list[int]


class InspectionStore:
    """The database of records, read only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records = RecordStore(database)

    @classmethod
    async def open(cls, path: Path) -> InspectionStore:
        """Open beside the running archive. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    @property
    def database(self) -> Database:
        """The database, for what the archive's other features read beside it."""
        return self._database

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def indexed_leaves(self, start: int, end: int) -> dict[int, bytes]:
        """Return the entries in [start, end) by index."""
        rows = await self._database.fetch_all(
            "SELECT idx, data FROM leaves WHERE idx >= ? AND idx < ?", (start, end)
        )
        return {row[0]: row[1] for row in rows}

    async def rows(self, start: int, end: int) -> list[Row]:
        """Return the records with an index in [start, end)."""
        rows = await self._database.fetch_all(
            f"{ROWS} WHERE idx >= ? AND idx < ? ORDER BY idx", (start, end)
        )
        return [Row(*row) for row in rows]

    async def at(self, t: int) -> list[Row]:
        """Return the records of a millisecond."""
        rows = await self._database.fetch_all(f"{ROWS} WHERE t = ? ORDER BY idx", (t,))
        return [Row(*row) for row in rows]

    async def find(self, criteria: Criteria, limit: int) -> list[Row]:
        """Return the first `limit` records that fit, oldest first."""
        where, params = conditions(criteria)
        rows = await self._database.fetch_all(
            f"{ROWS} WHERE {where} ORDER BY t, idx LIMIT ?", [*params, limit]
        )
        return [Row(*row) for row in rows]

    async def count(self, criteria: Criteria) -> int:
        """Return how many records fit."""
        where, params = conditions(criteria)
        row = await self._database.fetch_one(
            f"SELECT count(*) FROM records WHERE {where}",  # noqa: S608 (marks only)
            params,
        )
        return int(row[0]) if row else 0

    async def sealed_names(self, months: Iterable[str], sort: str) -> list[StoredName]:
        """Return the sealed names of a sort ("person", "room", "unit") in some months."""
        wanted = list(months)
        marks = ",".join("?" * len(wanted))
        rows = await self._database.fetch_all(
            f"{_NAMES} WHERE month IN ({marks}) AND sort = ?",
            [*wanted, sort],
        )
        return [StoredName(*row) for row in rows]

    async def names_of(self, pseudonyms: Iterable[str]) -> dict[str, StoredName]:
        """Return the sealed names of pseudonyms, as far as there are some."""
        wanted = list(pseudonyms)
        marks = ",".join("?" * len(wanted))
        rows = await self._database.fetch_all(
            f"{_NAMES} WHERE pseudonym IN ({marks})",
            wanted,
        )
        return {row[0]: StoredName(*row) for row in rows}

    async def _names(self) -> dict[int | None, list[StoredName]]:
        """Return the names that each closed day has covered, by the index of its entry.

        Those that none covers yet are under None.
        """
        found: dict[int | None, list[StoredName]] = {}
        rows = await self._database.fetch_all(
            "SELECT pseudonym, month, sort, sealed, closed FROM names"
        )
        for *name, closed in rows:
            found.setdefault(closed, []).append(StoredName(*name))
        return found

    async def _forgotten_names(self) -> dict[int, list[ForgottenName]]:
        """Return what is left of the names that were destroyed, by the index of their entry."""
        found: dict[int, list[ForgottenName]] = {}
        for closed, *name in await self._database.fetch_all("SELECT * FROM forgotten"):
            found.setdefault(closed, []).append(ForgottenName(*name))
        return found

    async def _pairs(self, sql: str) -> list[tuple[Any, Any]]:
        return [(row[0], row[1]) for row in await self._database.fetch_all(sql)]

    async def _closed_days(self) -> list[ClosedDay]:
        """Return the parts of days that are closed."""
        rows = await self._database.fetch_all("SELECT day, part, idx, in_turn FROM days")
        return [ClosedDay(row[0], row[1], row[2], row[3]) for row in rows]

    async def days(self) -> list[int]:
        """Return the days that have references, in days since 1970."""
        return [row[0] for row in await self._database.fetch_all("SELECT DISTINCT day FROM refs")]

    async def references_of(self, day: int) -> list[KeptReference]:
        """Return the references of a day."""
        rows = await self._database.fetch_all(
            "SELECT part, ref, idx FROM refs WHERE day = ?", (day,)
        )
        return [KeptReference(row[0], row[1], row[2]) for row in rows]

    async def references(self, day: int, part: int) -> list[bytes]:
        """Return the references of a part of a day (since 1970), each once, in order."""
        return await self._records.references(day, part)

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

    async def tables(self, start: int) -> Tables:
        """Return entries from `start`, and the tables that follow from them, of one moment."""
        async with self._moment():
            rows = await self._database.fetch_all("SELECT * FROM epochs")
            ends = {(row[0], row[1]): row[2] for row in rows}
            opened = {(row[0], row[1]): row[3] for row in rows}
            rows = await self._database.fetch_all("SELECT number, server FROM emitters")
            servers = {row[0]: row[1] for row in rows}
            return Tables(
                await self._records.leaves(start, jcs.LARGEST_INTEGER),
                await self.rows(start, jcs.LARGEST_INTEGER),
                ends,
                opened,
                servers,
                await self._records.open_counts(),
                await self._names(),
                await self._forgotten_names(),
                await self._closed_days(),
                await self._records.sums(),
                dict(await self._pairs("SELECT month, fate FROM months")),
                dict(await self._pairs("SELECT number, public FROM resolving")),
                [row[0] for row in await self._pairs("SELECT DISTINCT resolving, 0 FROM names")],
            )

    @asynccontextmanager
    async def _moment(self) -> AsyncIterator[None]:
        await self._database.execute("BEGIN")
        try:
            yield
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

    async def stray_references(self) -> list[int]:
        """Return the indexes of references behind the last entry."""
        rows = await self._database.fetch_all(
            "SELECT DISTINCT idx FROM refs WHERE idx > (SELECT ifnull(max(idx), -1) FROM leaves)"
        )
        return [row[0] for row in rows]

    async def alarms(self) -> list[Alarm]:
        """Return every contradiction, the latest first."""
        rows = await self._database.fetch_all("SELECT * FROM alarms ORDER BY last_t DESC")
        return [Alarm(*row) for row in rows]

    async def spools(self) -> list[Spool]:
        """Return what each emitter last said of its spool."""
        rows = await self._database.fetch_all("SELECT * FROM spools ORDER BY server")
        return [Spool(*row) for row in rows]

    async def counts(self) -> tuple[int, int]:
        """Return how many records and how many entries of the log there are."""
        row = await self._database.fetch_one(
            "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM leaves)"
        )
        return (row[0], row[1]) if row else (0, 0)


def conditions(criteria: Criteria) -> tuple[str, list[int | str]]:
    """Return the conditions of a question and their parameters."""
    where: list[str] = ["1"]
    params: list[int | str] = []
    for sql, value in (("t >= ?", criteria.start), ("t < ?", criteria.end)):
        if value is not None:
            where.append(sql)
            params.append(value)
    columns = (("room", criteria.rooms), ("org", criteria.units))
    for column, wanted in columns:
        if wanted is not None:
            where.append(f"{column} IN ({','.join('?' * len(wanted))})")
            params += wanted
    if criteria.people is not None:
        marks = ",".join("?" * len(criteria.people))
        where.append(f"(sender IN ({marks}) OR recipient IN ({marks}))")
        params += [*criteria.people, *criteria.people]
    return " AND ".join(where), params
