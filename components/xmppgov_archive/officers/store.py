"""All SQL of the officers: requests, ended months, the keys to which names are sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.archive.verify import ForgottenName, StoredName
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_archive.officers.model import VERSION, Standing, State, Step

_TABLES = """
CREATE TABLE requests (
    hash TEXT PRIMARY KEY, v INTEGER NOT NULL, kind TEXT NOT NULL,
    purpose TEXT NOT NULL, case_number TEXT NOT NULL, requester TEXT NOT NULL, role TEXT NOT NULL,
    state TEXT NOT NULL, made INTEGER NOT NULL, until INTEGER NOT NULL, n INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_state ON requests (state);
CREATE TABLE request_steps (
    hash TEXT NOT NULL REFERENCES requests, number INTEGER NOT NULL,
    t INTEGER NOT NULL, event TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (hash, number)
) STRICT, WITHOUT ROWID;
"""
SCHEMA = Schema("officers", (_TABLES,))
_SELECT = (
    "SELECT hash, kind, purpose, case_number, requester, role, state, made, until, n FROM requests"
)

_KEYS = "SELECT DISTINCT public FROM names JOIN resolving ON number = resolving"
_NAMES = (
    "SELECT pseudonym, month, sort, sealed, public FROM names JOIN resolving ON number = resolving"
)


class RequestStore:
    """The requests, in the archive's database; what writes does so within a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit everything that the block writes, or nothing of it."""
        async with self._database.transaction():
            yield

    async def add(self, standing: Standing) -> None:
        """Keep a new request; within a transaction."""
        await self._database.execute(
            "INSERT INTO requests VALUES (?1, ?11, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            (*standing[:-1], VERSION),
        )
        for step in standing.steps:
            await self._step(standing.hash, step)

    async def advance(self, hash: str, state: State, step: Step, n: int | None = None) -> None:
        """Note that a step has brought a request to a state; within a transaction."""
        await self._database.execute(
            "UPDATE requests SET state = ?, n = ifnull(?, n) WHERE hash = ?", (state, n, hash)
        )
        await self._step(hash, step)

    async def find(self, start: str) -> list[Standing]:
        """Return the requests whose hash begins with `start` (hexadecimal digits), at most two."""
        return await self._standings(
            _SELECT + " WHERE hash >= ? AND hash < ? LIMIT 2",
            (start, start + "g"),
        )

    async def in_states(self, states: Collection[State]) -> list[Standing]:
        """Return the requests in some states, the oldest first."""
        marks = ",".join("?" * len(states))
        return await self._standings(
            f"{_SELECT} WHERE state IN ({marks}) ORDER BY made, hash",
            tuple(states),
        )

    async def newest(self, limit: int) -> list[Standing]:
        """Return the newest requests, the newest first."""
        return await self._standings(_SELECT + " ORDER BY made DESC, hash LIMIT ?", (limit,))

    async def _standings(self, sql: str, params: tuple[object, ...]) -> list[Standing]:
        rows = await self._database.fetch_all(sql, params)
        return [
            Standing(
                *(row[0], row[1], row[2], row[3], row[4], row[5]),
                state=State(row[6]),
                made=row[7],
                until=row[8],
                n=row[9],
                steps=await self._steps(row[0]),
            )
            for row in rows
        ]

    async def _steps(self, hash: str) -> tuple[Step, ...]:
        rows = await self._database.fetch_all(
            "SELECT t, event, role FROM request_steps WHERE hash = ? ORDER BY number", (hash,)
        )
        return tuple(Step(*row) for row in rows)

    async def _step(self, hash: str, step: Step) -> None:
        await self._database.execute(
            "INSERT INTO request_steps SELECT ?1, count(*), ?2, ?3, ?4 FROM request_steps"
            " WHERE hash = ?1",
            (hash, *step),
        )


class MonthStore:
    """Which months have ended, and the officers' keys that names were ever sealed to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def months(self) -> set[str]:
        """Return the months that have ended: no pseudonym is made for them any more."""
        return {row[0] for row in await self._database.fetch_all("SELECT month FROM months")}

    async def end(self, month: str, fate: str) -> None:
        """Note that a month has ended; within a transaction."""
        await self._database.execute("INSERT INTO months VALUES (?, ?)", (month, fate))

    async def resolving(self) -> dict[int, str]:
        """Return the officers' keys (hex) by number."""
        rows = await self._database.fetch_all("SELECT number, public FROM resolving")
        return {row[0]: row[1] for row in rows}

    async def add_resolving(self, public: str) -> int:
        """Give an officers' key the next number, and return it; within a transaction."""
        await self._database.execute(
            "INSERT INTO resolving SELECT ifnull(max(number), 0) + 1, ? FROM resolving", (public,)
        )
        return max(await self.resolving())


class NameStore:
    """The sealed names, as whoever opens them reads them beside the running archive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> NameStore:
        """Open for reading. Raises `StorageError`."""
        return cls(await Database.open_read_only(path))

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def named(self, months: Collection[str]) -> list[str]:
        """Return the months whose pseudonyms records of some months may have, in order."""
        late = await self._database.fetch_all(
            f"SELECT named FROM late WHERE month IN ({_marks(months)})",  # noqa: S608
            tuple(months),
        )
        return sorted({*months, *(row[0] for row in late)})

    async def keys_of(self, months: Collection[str]) -> set[str]:
        """Return the officers' keys (hex) to which names of some months are sealed."""
        rows = await self._database.fetch_all(
            f"{_KEYS} WHERE month IN ({_marks(months)})", tuple(months)
        )
        return {row[0] for row in rows}

    async def names(self, month: str, sort: str) -> list[tuple[StoredName, str]]:
        """Return the names of a sort in a month, each with the key that it is sealed to."""
        return await self._names("month = ? AND sort = ?", (month, sort))

    async def names_of(self, pseudonyms: Collection[str]) -> list[tuple[StoredName, str]]:
        """Return the names of pseudonyms, each with the key that it is sealed to."""
        return await self._names(f"pseudonym IN ({_marks(pseudonyms)})", tuple(pseudonyms))

    async def entries(self, pseudonyms: Collection[str]) -> dict[str, int]:
        """Return the entries that ended the days of pseudonyms' names; not of days that last."""
        rows = await self._database.fetch_all(
            f"SELECT pseudonym, closed FROM names WHERE pseudonym IN ({_marks(pseudonyms)})"  # noqa: S608
            " AND closed IS NOT NULL",
            tuple(pseudonyms),
        )
        return {row[0]: row[1] for row in rows}

    async def ended_by(self, entry: int) -> tuple[list[StoredName], list[ForgottenName]]:
        """Return the names of the day that an entry ended, and those that were destroyed."""
        rows = await self._database.fetch_all(
            "SELECT pseudonym, month, sort, sealed FROM names WHERE closed = ?", (entry,)
        )
        gone = await self._database.fetch_all(
            "SELECT place, month, digest FROM forgotten WHERE closed = ?", (entry,)
        )
        return [StoredName(*row) for row in rows], [ForgottenName(*row) for row in gone]

    async def _names(self, where: str, params: tuple[str, ...]) -> list[tuple[StoredName, str]]:
        rows = await self._database.fetch_all(f"{_NAMES} WHERE {where}", params)
        return [(StoredName(row[0], row[1], row[2], row[3]), row[4]) for row in rows]


def _marks(values: Collection[object]) -> str:
    return ",".join("?" * len(values))
