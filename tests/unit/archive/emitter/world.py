"""A service with effects of its own, its spool, and the real archive in this process."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.unit.archive.batches import START
from tests.unit.components.archive.conftest import Place
from xmppgov.archive.batch import Batch, Item, Progress
from xmppgov.archive.emitter.model import Answer, Committed, Contradicted, Event, Expected, Refused
from xmppgov.archive.emitter.service import Emitter, Pace
from xmppgov.archive.emitter.store import SCHEMA, Spool
from xmppgov.archive.stanza import parse_batch, parse_status, write_batch, write_item, write_status
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_archive.records import service as archived
from xmppgov_archive.records.service import Archive

EMITTER = "governance.gov.localhost"
EFFECTS = Schema("effects", ("CREATE TABLE effects (n INTEGER PRIMARY KEY)",))
QUICK = Pace(first=0.001, longest=0.002, gather=0.0, rest=60.0)


def event(n: int) -> Event:
    """The event of effect `n`, which can be told by its origin-id."""
    return Event("lookup", "alice@gov.localhost", to=f"p{n}@gov.localhost", oid=f"o{n}")


class Service:
    """What has effects; `folder` is what a backup of it holds."""

    def __init__(self, folder: Path, database: Database, spool: Spool) -> None:
        self.folder, self.database, self.spool = folder, database, spool

    @classmethod
    async def open(cls, folder: Path, now: int = START) -> Service:
        folder.mkdir(exist_ok=True)
        database = await Database.open(folder / "service.db", EFFECTS, SCHEMA)
        try:
            chance = (n.to_bytes(10, "big") for n in itertools.count(now))
            spool = await Spool.open(
                database, clock=lambda: now, random=lambda size: next(chance)[:size]
            )
        except BaseException:
            await database.close()
            raise
        return cls(folder, database, spool)

    async def close(self) -> None:
        await self.database.close()

    async def act(self, *numbers: int, fails: bool = False) -> None:
        """Have effects, and say so in the same transaction; with `fails` all of it is undone."""
        async with self.database.transaction() as tx:
            await tx.execute_many("INSERT INTO effects VALUES (?)", [(n,) for n in numbers])
            await self.spool.append(tx, [event(n) for n in numbers])
            if fails:
                raise Undone

    async def effects(self) -> set[int]:
        return {row[0] for row in await self.database.fetch_all("SELECT n FROM effects")}

    async def waiting(self) -> list[tuple[int, int]]:
        """Epoch and number of what lies in the spool."""
        rows = await self.database.fetch_all("SELECT epoch, seq FROM spool ORDER BY epoch, seq")
        return [(row[0], row[1]) for row in rows]

    async def epochs(self) -> list[tuple[int, int, int]]:
        return [tuple(epoch) for epoch in await self.spool.epochs()]  # type: ignore[misc]


class Undone(Exception):
    """An effect did not come about."""


@asynccontextmanager
async def service(folder: Path, now: int = START) -> AsyncIterator[Service]:
    running = await Service.open(folder, now)
    try:
        yield running
    finally:
        await running.close()


class Door:
    """The archive as an emitter reaches it: what passes is written out and read again.

    `lose` says what becomes of the next batches: "question" does not arrive, "answer" is lost on
    its way back; any other word is the condition with which the archive refuses. `weight` is what
    an item counts in bytes, where it is not its size.
    """

    def __init__(self, archive: Archive, weight: int | None = None) -> None:
        self.archive, self.weight = archive, weight
        self.lose: list[str | None] = []
        self.batches: list[Batch] = []
        self.told: list[Progress] = []

    async def commit(self, batch: Batch) -> Answer:
        fate = self.lose.pop(0) if self.lose else None
        self.batches.append(batch)
        if fate not in (None, "answer"):
            return Refused(str(fate))
        answer = await self._commit(parse_batch(ET.fromstring(write_batch(batch))))
        return Refused("no answer") if fate == "answer" else answer

    async def _commit(self, batch: Batch) -> Answer:
        outcome = await self.archive.commit(EMITTER, batch)
        if isinstance(outcome, archived.Committed):
            return Committed(outcome.last)
        if isinstance(outcome, archived.Expected):
            return Expected(outcome.seq)
        return Contradicted(outcome.seq)

    async def status(self, progress: Progress) -> Committed | Refused:
        self.told.append(progress)
        asked = parse_status(ET.fromstring(write_status(progress)))
        return Committed(await self.archive.last(EMITTER, asked))

    def size(self, item: Item) -> int:
        return self.weight or len(write_item(item).encode())


async def drained(service: Service, door: Door, steps: int = 200) -> Emitter:
    """Let an emitter work until nothing is left to do."""
    emitter = Emitter(spool=service.spool, archive=door, pace=QUICK)
    for _ in range(steps):
        if await emitter.step() is None:
            return emitter
    raise AssertionError("the spool is never empty")


async def archived_records(place: Place) -> list[tuple[str, int, str]]:
    """(emitter and epoch, number, id) of every record in the archive."""
    return [(r.record["em"], r.record["es"], r.record["id"]) for r in await place.records()]  # type: ignore[misc]
