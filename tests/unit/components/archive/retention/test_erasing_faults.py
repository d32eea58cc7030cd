"""Every write of an erasure fails once, in every way; then it goes to its end, and only there."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.faults import python, sqlite
from tests.faults.disk import KINDS, Disk, Fault
from tests.faults.life import FAILURES, PATIENCE
from tests.faults.sqlite import LIBRARY
from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.retention.world import (
    TWO,
    VISA,
    AtWork,
    at,
    at_work,
    commit,
    controls,
    hold,
    keys,
    message,
    nothing,
    short,
)
from xmppgov.archive.leaf import Erase, KeyChange
from xmppgov_archive.inspection.store import Row
from xmppgov_archive.retention import rounds
from xmppgov_archive.retention.model import Part
from xmppgov_archive.retention.slip import Slip

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="Python's SQLite is not the system's")
FULL = bool(os.environ.get("XMPPGOV_CHAOS"))
JANUARY, FEBRUARY = Part("messages", "2026-01"), Part("messages", "2026-02")


def opened_in(folder: Path) -> Place:
    place = short(Place(folder))
    # Checkpoints wait, so that each step has its number.
    place.section = place.section.model_copy(update={"checkpoint_interval": 0.1})
    place.now = at(2026, 4, 1)
    return place


async def prepared(folder: Path) -> list[Row]:
    """January has seven records of which two are held, February three; the rows that have to go."""
    folder.mkdir()
    place = opened_in(folder)
    place.now = at(2026, 2, 20)
    async with at_work(place) as parts:
        rows = [message(n, at(2026, 1, 9 + n % 2) + n, f"person-{n}") for n in range(1, 8)]
        await commit(parts, *rows, *(message(n, at(2026, 2, 10) + n) for n in range(8, 11)))
        await commit(parts, message(11, at(2026, 3, 1)))
        first = (await place.records())[0].record
        people = " ".join(sorted((str(first["from"]), str((await place.records())[1].sender))))
        await hold(parts, people=people)
    place.now = at(2026, 4, 1)
    await place.fill()
    async with place.inspected() as inspection:
        rows = await inspection.store.rows(0, 10**6)
    return [row for row in rows if row.t < at(2026, 3) and row.sender not in people.split(" ")]


async def live(place: Place, disk: Disk) -> None:
    """Promise the erasure, and carry it out, on a disk that fails."""
    with ExitStack() as stack:
        stack.enter_context(python.on_disk(disk))
        stack.enter_context(sqlite.on_disk(disk))
        for _ in range(PATIENCE):
            with suppress(*FAILURES):
                await once(place, disk)
                return
            if disk.dead:
                return
        raise AssertionError("the archive does not get over one fault")


async def once(place: Place, disk: Disk) -> None:
    async with at_work(place) as parts:
        await erase_all(parts, disk)


async def erase_all(parts: AtWork, disk: Disk) -> None:
    store = parts.retention.promises._store
    for attempt in range(PATIENCE):
        row = await store._database.fetch_one("SELECT count(*) FROM erasures")
        if row is not None and row[0]:
            break
        try:
            await parts.retention.promises.erase([JANUARY, FEBRUARY], VISA, TWO, nothing)
        except FAILURES:
            if attempt == PATIENCE - 1 or disk.dead:
                raise
    parts.retention.rounds.wake()
    while not disk.dead and await store.undone():
        await asyncio.sleep(0.005)


async def check(place: Place, gone: list[Row]) -> None:
    """What had to go is gone to the last byte, what had to stay is as it was signed."""
    report = await place.verify()
    assert not report.total, report.findings
    assert (report.records, report.erased, report.erasing) == (3, len(gone), 0)
    left = {found.idx for found in await place.records()}
    assert not left & {row.idx for row in gone}
    assert keys(place, "body-*") == ["body-2026-03-messages"]
    assert keys(place, "hold-*") == ["hold-affaire-7.2026-01-messages"]
    assert not [name for name in keys(place) if "2026-02" in name]
    said = await controls(place)
    erased = [leaf for leaf in said if isinstance(leaf, Erase)]
    assert [(leaf.month, leaf.n, leaf.held) for leaf in erased] == [
        ("2026-01", 5, 2),
        ("2026-02", 3, 0),
    ]
    destroyed = {leaf.name for leaf in said if isinstance(leaf, KeyChange)}
    assert {"body-2026-01-messages", "body-2026-02-messages", "names-2026-02"} <= destroyed
    slips = {file.name: Slip.parse(file.read_bytes()) for file in place.section.slips.glob("*.csv")}
    named = [slip for slip in slips.values() if slip.digest == erased[0].slip]
    assert len(named) == 1
    assert (place.section.slips / f"{named[0].name}.xml").exists()
    data = b"".join(f.read_bytes() for f in place.section.database.parent.iterdir())
    for row in gone:
        pieces = [row.sealed[n : n + 16] for n in range(0, len(row.sealed), 16)]
        assert not any(piece in data for piece in pieces)


def faults(steps: list[str]) -> Iterator[Fault]:
    """Yield the faults to try: of pages that are written one after the other, first and last."""
    for step_number, step in enumerate(steps):
        inner = step.startswith("write") and step == steps[step_number - 1]
        inner = inner and step == (*steps, "")[step_number + 1]
        if FULL:
            yield from (Fault(step_number, kind) for kind in KINDS)
        elif not inner and step_number % 3 == 0:
            yield Fault(step_number, KINDS[step_number // 3 % len(KINDS)])


def test_every_write_of_an_erasure_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "RETRY", 0.01)
    base, again = tmp_path / "base", tmp_path / "again"
    gone = asyncio.run(prepared(base))
    assert len(gone) == 8
    shutil.copytree(base, again)
    whole = Disk(again)
    asyncio.run(live(opened_in(again), whole))
    asyncio.run(check(opened_in(again), gone))
    shutil.rmtree(again)
    for fault in faults(whole.steps):
        shutil.copytree(base, again)
        disk = Disk(again, fault)
        try:
            asyncio.run(live(opened_in(again), disk))
            disk.after_death()
            asyncio.run(once(opened_in(again), Disk(again)))
            asyncio.run(check(opened_in(again), gone))
        except BaseException as error:
            error.add_note(f"{fault} of {whole.steps[fault.at]}")
            raise
        shutil.rmtree(again)
