"""An archive with months of records, and what tests of retention do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, NamedTuple

from tests.unit.archive.batches import batch, record, uuid7
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place, nobody
from xmppgov.archive.batch import WireRecord
from xmppgov.archive.leaf import Control, DataLeaf, parse_leaf
from xmppgov_archive.__main__ import opened
from xmppgov_archive.officers.office import office
from xmppgov_archive.records.service import Archive, Committed
from xmppgov_archive.retention.config import ClassSection
from xmppgov_archive.retention.model import Part
from xmppgov_archive.retention.wiring import Retention, retaining

DAY = 86_400_000


class AtWork(NamedTuple):
    """An archive that runs, with its officers' clock and its retention."""

    archive: Archive
    retention: Retention


@asynccontextmanager
async def at_work(place: Place) -> AsyncIterator[AtWork]:
    """Run an archive as its process does."""
    section = place.section
    async with (
        opened(section, nobody, lambda: place.now) as parts,
        office(section, parts),
        retaining(section, parts) as retention,
    ):
        yield AtWork(parts.archive, retention)


TWO = ("archivist", "dpo")
VISA = "AD75/2026/114"


def at(year: int, month: int, day: int = 1) -> int:
    """The first ms of a day."""
    return (date(year, month, day) - date(1970, 1, 1)).days * DAY


def short(place: Place, months: int = 1) -> Place:
    """Let records be kept for so many months only."""
    classes = {
        "messages": ClassSection.model_validate({"families": ["msg", "file"], "months": months}),
        "governance": ClassSection.model_validate(
            {"families": ["room", "alert", "dir"], "period": "controle-interne-3y"}
        ),
    }
    place.section = place.section.model_copy(update={"classes": classes})
    return place


def message(seq: int, t: int, who: str = "alice", **changes: Any) -> WireRecord:
    """A message of somebody at `t`."""
    return record(seq, t=t, sender=f"{who}@gov.localhost", **{"id": uuid7(t, seq), **changes})


async def commit(parts: AtWork, *records: WireRecord) -> None:
    """Commit records that follow each other."""
    answer = await parts.archive.commit(SERVER, batch(EPOCH, *records))
    assert isinstance(answer, Committed), answer


async def nothing(_n: int) -> None:
    """Settles a decision without a request behind it."""


async def erase(parts: AtWork, *months: str, class_: str = "messages") -> int:
    """Have months erased, and wait until it is done; return how many records that were."""
    wanted = [Part(class_, month) for month in months]
    promised = await parts.retention.promises.erase(wanted, VISA, TWO, nothing)
    parts.retention.rounds.wake()
    await finished(parts)
    return promised.slip.records


async def finished(parts: AtWork) -> None:
    """Wait until no erasure is under way."""
    while await parts.retention.promises._store.undone():
        await asyncio.sleep(0.01)


async def hold(
    parts: AtWork, id: str = "affaire-7", until: str = "2030-01-01", **said: str | None
) -> int:
    """Make a hold; return how many records it covers."""
    extent = parts.retention.holds.extent(**said)
    made = await parts.retention.holds.make(id, extent, "judicial", until, "archivist", nothing)
    return made.n


async def controls(place: Place) -> list[Control]:
    """Every control entry, in order."""
    async with place.inspected() as inspection:
        leaves = await inspection.store.indexed_leaves(0, 10**9)
    parsed = [parse_leaf(leaves[index]) for index in sorted(leaves)]
    return [leaf for leaf in parsed if not isinstance(leaf, DataLeaf)]


def keys(place: Place, pattern: str = "*") -> list[str]:
    """The names of the keys that are there."""
    return sorted(path.stem for path in place.section.keys_dir.glob(f"{pattern}.key"))


async def three_months(place: Place) -> Place:
    """Ten records in each of three months, of two people; the last month is not due."""
    short(place)
    for month in (1, 2, 3):
        place.now = at(2026, month, 28)
        async with at_work(place) as parts:
            first = 10 * month - 9
            rows = [
                message(n, at(2026, month, 1 + n % 25) + n, "alice" if n % 2 else "carol")
                for n in range(first, first + 10)
            ]
            await commit(parts, *rows)
    place.now = at(2026, 4, 2)
    await place.fill()
    return place
