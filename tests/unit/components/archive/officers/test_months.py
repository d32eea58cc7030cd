"""Months end: their keys are sealed or destroyed, step by step, and never made again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place, nobody
from xmppgov.archive.batch import Batch
from xmppgov.archive.day import month_after, month_start
from xmppgov.archive.leaf import DataLeaf, KeyChange, parse_leaf
from xmppgov.archive.sealing import PrivateKey
from xmppgov.errors import StorageError
from xmppgov_archive.__main__ import opened
from xmppgov_archive.officers.months import MonthEnds, open_month, sealed_to
from xmppgov_archive.officers.office import office
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.service import Committed, Contradicted

MONTH, NEXT = "2025-11", "2025-12"
END = month_start(NEXT)
DAY = 86_400_000


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[tuple[Parts, MonthEnds]]:
    async with (
        opened(place.section, nobody, lambda: place.now) as parts,
        office(place.section, parts) as beside,
    ):
        yield parts, beside.months


async def fill(place: Place, *batches: Batch) -> None:
    async with running(place) as (parts, _):
        for one in batches:
            assert await parts.archive.commit(SERVER, one) == Committed(one.last)


def file(place: Place, name: str) -> Path:
    return place.section.keys_dir / name


async def changes(place: Place) -> list[KeyChange]:
    async with place.inspected() as inspection:
        leaves = await inspection.store.indexed_leaves(0, 10**9)
    found = [parse_leaf(leaf) for leaf in leaves.values()]
    return [x for x in found if not isinstance(x, DataLeaf) and x.kind == "key"]


async def names(place: Place) -> set[tuple[str, str]]:
    """Month and sort of every sealed name."""
    async with place.inspected() as inspection:
        rows = await inspection.store._database.fetch_all("SELECT month, sort FROM names")
    return {(row[0], row[1]) for row in rows}


def set_month_keys(place: Place, month_keys: str) -> None:
    place.section = place.section.model_copy(update={"month_keys": month_keys})


def test_months_follow_each_other() -> None:
    assert [month_after(m) for m in ("2025-11", "2025-12", "2099-09")] == [
        "2025-12",
        "2026-01",
        "2099-10",
    ]
    assert month_start("1970-02") == 31 * DAY
    assert END == 1_764_547_200_000


async def test_a_month_s_key_is_sealed_after_the_grace_and_destroyed(place: Place) -> None:
    await fill(place, batch(EPOCH, record(1)))
    key = file(place, "month-2025-11.key").read_bytes()
    place.now = END + 3 * DAY - 1
    await fill(place)
    assert file(place, "month-2025-11.key").exists()
    place.now = END + 3 * DAY
    await fill(place)
    assert not file(place, "month-2025-11.key").exists()
    sealed = file(place, "month-2025-11.sealed").read_bytes()
    assert file(place, "month-2025-11.sealed").stat().st_mode & 0o077 == 0
    assert sealed_to(sealed) == place.officers.public.raw.hex()
    assert open_month(sealed, MONTH, place.officers) == key
    assert not any(key in path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    created, ended = await changes(place)
    public = place.officers.public.raw.hex()
    assert (created.name, created.fate, created.public) == ("resolving-1", "created", public)
    assert (ended.name, ended.fate, ended.public) == ("month-2025-11", "sealed", public)
    assert (await place.verify()).total == 0
    await fill(place)
    assert len(await changes(place)) == 2


async def test_a_month_s_key_is_only_destroyed_where_it_is_so_configured(place: Place) -> None:
    set_month_keys(place, "destroy")
    await fill(place, batch(EPOCH, record(1)))
    place.now = END + 3 * DAY
    await fill(place)
    assert not list(place.section.keys_dir.glob("month-*"))
    assert [(c.name, c.fate) for c in await changes(place)][1:] == [("month-2025-11", "destroyed")]


async def test_what_arrives_late_has_the_pseudonyms_of_the_oldest_open_month(
    place: Place,
) -> None:
    await fill(place, batch(EPOCH, record(1), record(2, in_room=True)))
    place.now = END + 3 * DAY
    await fill(place, batch(EPOCH, record(3), record(4, in_room=True)))
    assert not file(place, "month-2025-11.key").exists()
    assert file(place, "month-2025-12.key").exists()
    assert await names(place) == {(m, s) for m in (MONTH, NEXT) for s in ("person", "room")}
    first, _, third, _ = [found.record for found in await place.records()]
    assert third["t"] - first["t"] == 2  # type: ignore[operator]
    assert third["from"] != first["from"]
    async with place.inspected() as inspection:
        late = await inspection.store._database.fetch_all("SELECT month, named FROM late")
        assert [tuple(row) for row in late] == [(MONTH, NEXT)]
    assert (await place.verify()).total == 0


async def test_a_resend_is_known_whatever_became_of_its_month(place: Place) -> None:
    before, late = batch(EPOCH, record(1)), batch(EPOCH, record(2))
    await fill(place, before)
    for place.now in (END + 3 * DAY, month_start("2026-01") + 3 * DAY):
        async with running(place) as (parts, _):
            archive = parts.archive
            assert await archive.commit(SERVER, before) == Committed(1)
            assert await archive.commit(SERVER, late) == Committed(2)
            assert await archive.commit(SERVER, late) == Committed(2)
            for wrong in (
                record(1, id=record(9).id),
                record(1, size=9),
                record(1, t=record(1).t + 1),
                record(1, state="unconfirmed"),
                record(1, enc="none"),
            ):
                odd = await archive.commit(SERVER, batch(EPOCH, wrong))
                assert odd == Contradicted(1), wrong
    assert len(await place.records()) == 2


async def test_a_clock_that_goes_back_opens_no_month_again(place: Place) -> None:
    await fill(place, batch(EPOCH, record(1)))
    place.now = END + 3 * DAY
    await fill(place)
    place.now = END - DAY
    await fill(place, batch(EPOCH, record(2)))
    assert not file(place, "month-2025-11.key").exists()
    assert (NEXT, "person") in await names(place)


async def test_the_key_of_a_sealed_month_is_never_made_again(place: Place) -> None:
    await fill(place, batch(EPOCH, record(1)))
    place.now = END + 3 * DAY
    await fill(place)
    keys = KeyRing(place.section.keys_dir, os.urandom)  # one that knows nothing of the database
    with pytest.raises(StorageError):
        keys.of_month(record(1).t)


async def test_a_new_officers_key_is_said_and_used_for_what_is_new(place: Place) -> None:
    await fill(place, batch(EPOCH, record(1)))
    renewed = PrivateKey(bytes(range(1, 33)))
    place.section.resolving_key_file.write_text(
        f"{renewed.public.raw.hex()}\n\n{place.officers.public.raw.hex()}\n"
    )
    carol = batch(EPOCH, record(2, to="carol@gov.localhost"))
    await fill(place, carol)
    await fill(place)
    assert [c.name for c in await changes(place)] == ["resolving-1", "resolving-2"]
    async with place.inspected() as inspection:
        rows = await inspection.store._database.fetch_all("SELECT resolving FROM names")
    assert sorted(row[0] for row in rows) == [1, 1, 2]


class Fault(Exception):
    """What a test lets go wrong."""


Action = Callable[..., object]


def failing(action: Action, persisted: bool) -> Action:
    def wrapped(*arguments: object) -> None:
        if persisted:
            action(*arguments)
        raise Fault

    return wrapped


def break_step(parts: Parts, months: MonthEnds, step: str, persisted: bool) -> None:
    if step == "seal":
        months._write = failing(months._write, persisted)
    elif step == "destroy":
        months._keys._destroy = failing(months._keys._destroy, persisted)  # type: ignore[assignment]
    else:
        adding = parts.archive.adding

        def broken() -> object:
            return _Broken(adding(), persisted)

        parts.archive.adding = broken  # type: ignore[method-assign, assignment]


class _Broken:
    """A transaction that fails at its end, committed or not."""

    def __init__(self, real: object, persisted: bool) -> None:
        self._real, self._persisted = real, persisted

    async def __aenter__(self) -> object:
        return await self._real.__aenter__()  # type: ignore[attr-defined]

    async def __aexit__(self, *error: object) -> None:
        if self._persisted:
            await self._real.__aexit__(None, None, None)  # type: ignore[attr-defined]
        else:
            with suppress(Fault):
                await self._real.__aexit__(Fault, Fault(), None)  # type: ignore[attr-defined]
        raise Fault


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("step", ["seal", "say", "destroy"])
async def test_each_step_can_fail_and_the_next_attempt_goes_on(
    place: Place, step: str, persisted: bool
) -> None:
    await fill(place, batch(EPOCH, record(1)))
    key = file(place, "month-2025-11.key").read_bytes()
    async with running(place) as (parts, months):
        place.now = END + 3 * DAY
        break_step(parts, months, step, persisted)
        with pytest.raises(Fault):
            await months.end_what_is_due()
        late: Batch = batch(EPOCH, record(2))
        if step != "say":
            assert await parts.archive.commit(SERVER, late) == Committed(2)
    await fill(place)  # a start is the next attempt
    assert not file(place, "month-2025-11.key").exists()
    sealed = file(place, "month-2025-11.sealed").read_bytes()
    assert open_month(sealed, MONTH, place.officers) == key
    assert [c.name for c in await changes(place)] == ["resolving-1", "month-2025-11"]
    assert (await place.verify()).total == 0
