"""Every write of the archive fails once, in every way, and nothing that was promised is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.disk import KINDS, Disk, Fault
from tests.faults.life import Emitter, Life
from tests.faults.sqlite import LIBRARY
from tests.unit.archive.batches import batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.archive.batch import CountedMessage, Item
from xmppgov_archive.records.keys import DAY
from xmppgov_archive.records.service import Archive

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="Python's SQLite is not the system's")
ROOM = "grp-1@rooms.gov.localhost"
LOST, KEPT = "cut", "done"
"""The ways that each write is tried in: it was not persisted, and it was, although it failed."""
OTHERS = [kind for kind in KINDS if kind not in (LOST, KEPT)]
FULL = bool(os.environ.get("XMPPGOV_CHAOS"))
"""`make chaos`: every step in every way; else in two, every other one in three, and not each of
many pages."""


async def nothing(_archive: Archive) -> None:
    return None


def prepared(folder: Path, *known: int) -> Place:
    """A place whose records wait long for their checkpoint, so that each step has its number."""
    folder.mkdir()
    place = Place(folder)
    place.section = place.section.model_copy(update={"checkpoint_interval": 1.0})
    if known:
        asyncio.run(place.fill(batch(EPOCH, *(record(n) for n in known))))
    return place


def first_start(folder: Path) -> Life:
    """Keys, databases, an empty log, and the first records of an emitter."""
    return Life(prepared(folder), Emitter(EPOCH, [record(1), record(2)], [record(3)]), nothing)


def growth(folder: Path) -> Life:
    """A bundle becomes full, and its partial files go."""
    place = prepared(folder, *range(1, 254))
    more = [record(254), CountedMessage(255, ROOM), hole(256, 257)], [record(258), record(259)]
    return Life(place, Emitter(EPOCH, *more), nothing)


def days(folder: Path) -> Life:
    """Minutes and days are closed: counted numbers, sums, references and names."""
    place = prepared(folder, 1, 2)
    asyncio.run(place.fill(batch(EPOCH, CountedMessage(3, ROOM), record(4))))
    place.now += 2 * DAY
    return Life(place, Emitter(EPOCH + 1, [record(1, t=place.now)]), nothing)


def minutes(folder: Path) -> Life:
    """A minute is closed: the numbers that were only counted."""
    place = prepared(folder, 1, 2)
    asyncio.run(place.fill(batch(EPOCH, CountedMessage(3, ROOM), record(4), CountedMessage(5))))
    place.now += 60_000
    return Life(place, Emitter(EPOCH), nothing)


LIVES = (first_start, growth, minutes, days)


def steps(life: Callable[[Path], Life], folder: Path) -> list[str]:
    """Return the steps of a life without faults."""
    one = life(folder / "whole")
    disk = Disk(one.place.folder)
    asyncio.run(one.under(disk))
    asyncio.run(one.check(disk))
    return disk.steps


def faults(steps: list[str]) -> Iterator[Fault]:
    """Yield the faults to try: of pages that are written one after the other, first and last."""
    for at, step in enumerate(steps):
        inner = step.startswith("write") and step == steps[at - 1] == (*steps, "")[at + 1]
        if FULL:
            yield from (Fault(at, kind) for kind in KINDS)
        elif not inner:
            yield from (Fault(at, LOST), Fault(at, KEPT))
            if at % 2:
                yield Fault(at, OTHERS[at // 2 % len(OTHERS)])


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_write_can_fail(life: Callable[[Path], Life], tmp_path: Path) -> None:
    names = steps(life, tmp_path)
    base = tmp_path / "base"
    begun = life(base)
    for fault in faults(names):
        folder = tmp_path / "again"
        shutil.copytree(base, folder)
        one = life_in(begun, folder)
        disk = Disk(folder, fault)
        try:
            asyncio.run(one.under(disk))
            if not disk.dead:
                asyncio.run(one.check(disk))
            asyncio.run(one.check(asyncio.run(one.after(disk))))
        except BaseException as error:
            error.add_note(f"{life.__name__}: {fault} of {names[fault.at]}")
            raise
        shutil.rmtree(folder)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_what_a_killed_process_had_not_synced_is_never_built_on(
    life: Callable[[Path], Life], tmp_path: Path
) -> None:
    """Killed before a sync, started again, and as soon as it works the power is cut."""
    begun = life(tmp_path / "base")
    for at, name in enumerate(steps(life, tmp_path)):
        if not name.startswith("sync"):
            continue
        folder = tmp_path / "again"
        shutil.copytree(tmp_path / "base", folder)
        one = life_in(begun, folder)
        killed = Disk(folder, Fault(at, "killed"))
        asyncio.run(one.under(killed))
        cut = Disk(folder, before=killed)

        async def lose_power(_archive: Archive, disk: Disk = cut) -> None:
            disk.die("cut")

        asyncio.run(one._replace(act=lose_power).under(cut))
        try:
            asyncio.run(one.check(asyncio.run(one._replace(act=begun.act).after(cut))))
        except BaseException as error:
            error.add_note(f"{life.__name__}: killed before step {at}: {name}")
            raise
        shutil.rmtree(folder)


class Plan(NamedTuple):
    """What one life brings: items to commit, time that has passed (ms), and a fault."""

    items: list[str]
    passed: int
    at: int
    kind: str


PLANS = st.lists(
    st.builds(
        Plan,
        st.lists(st.sampled_from(["record", "counted", "hole"]), max_size=5),
        st.sampled_from([0, 1, 60_000, DAY]),
        st.integers(0, 120),
        st.sampled_from(KINDS),
    ),
    min_size=1,
    max_size=4,
)


def item(kind: str, seq: int, now: int) -> Item:
    if kind == "record":
        return record(seq, t=now)
    return CountedMessage(seq, ROOM) if kind == "counted" else hole(seq, seq)


@settings(
    max_examples=2000 if FULL else 80,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(PLANS)
def test_any_sequence_of_faults_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, plans: list[Plan]
) -> None:
    place = prepared(tmp_path_factory.mktemp("life") / "place")
    life, disk = Life(place, Emitter(EPOCH), nothing), Disk(place.folder)
    for plan in plans:
        place.now += plan.passed
        if plan.items:
            kinds = enumerate(plan.items, life.emitter.last + 1)
            life.emitter.add([item(kind, seq, place.now) for seq, kind in kinds])
        disk = Disk(place.folder, Fault(plan.at, plan.kind), before=disk)
        asyncio.run(life.under(disk))
    asyncio.run(life.check(asyncio.run(life.after(disk))))


def life_in(begun: Life, folder: Path) -> Life:
    """Return the same life in a copy of its folder."""
    place = Place(folder)
    place.now = begun.place.now
    place.section = place.section.model_copy(update={"checkpoint_interval": 1.0})
    fresh = Emitter(begun.emitter.epoch, *(b.items for b in begun.emitter.batches))
    return Life(place, fresh, begun.act)
