"""Erasure from the promise to the last key: what goes, what stays, and what can still be shown."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.unit.archive.batches import batch
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.retention.world import (
    TWO,
    VISA,
    at,
    at_work,
    commit,
    controls,
    erase,
    finished,
    hold,
    keys,
    message,
    nothing,
    short,
    three_months,
)
from xmppgov.archive import ranges
from xmppgov.archive.leaf import Erase, KeyChange
from xmppgov.errors import NotAllowed, NotFound, Unexpected
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.proof import TlogProof
from xmppgov_archive.inspection.store import Row
from xmppgov_archive.records.rest import BoxBroken, open_box
from xmppgov_archive.records.service import Committed
from xmppgov_archive.retention.erasing.pace import FEWEST, LONGEST, MOST, Pace
from xmppgov_archive.retention.model import Part
from xmppgov_archive.retention.slip import Slip


async def test_a_month_is_erased_and_the_rest_is_as_it_was_signed(place: Place) -> None:
    await three_months(place)
    assert (await place.verify()).total == 0
    async with at_work(place) as parts:
        assert await erase(parts, "2026-01", "2026-02") == 20
    report = await place.verify()
    assert report.total == 0, report.findings
    assert (report.records, report.erased, report.erasing) == (10, 20, 0)
    entries = [leaf for leaf in await controls(place) if isinstance(leaf, Erase)]
    assert [(e.month, e.n, e.held, e.roles, e.visa) for e in entries] == [
        ("2026-01", 10, 0, "archivist dpo", VISA),
        ("2026-02", 10, 0, "archivist dpo", VISA),
    ]
    assert [e.entry for e in report.erasures] == entries
    assert keys(place, "body-*") == ["body-2026-03-messages"]
    assert not [name for name in keys(place) if "2026-01" in name or "2026-02" in name]
    assert [f.name for f in place.section.keys_dir.glob("*.sealed")] == []
    changes = [leaf for leaf in await controls(place) if isinstance(leaf, KeyChange)]
    said = [change.name for change in changes if change.fate == "destroyed"]
    assert {"names-2026-01", "body-2026-01-messages", "day-2026-01-03"} <= set(said)
    assert {"month-2026-01", "month-2026-02"} <= set(said)
    assert len(said) == len(set(said))


async def test_the_slip_is_the_one_that_the_log_names(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        await erase(parts, "2026-01", "2026-02")
    (csv,) = place.section.slips.glob("*.csv")
    slip = Slip.parse(csv.read_bytes())
    assert [(line.month, line.records, line.units) for line in slip.lines] == [
        ("2026-01", 10, 1),
        ("2026-02", 10, 1),
    ]
    assert (slip.lines[0].first, slip.lines[0].last) == ("2026-01-02", "2026-01-11")
    assert (slip.visa, slip.roles, slip.day) == (VISA, "archivist dpo", "2026-04-02")
    entries = [leaf for leaf in await controls(place) if isinstance(leaf, Erase)]
    assert {entry.slip for entry in entries} == {slip.digest}
    assert {f.suffix for f in place.section.slips.iterdir()} == {".csv", ".html", ".xml"}
    assert not place.section.slips.is_relative_to(place.section.tiles_dir.parent)


async def test_proofs_of_what_stays_and_of_what_is_gone_still_verify(place: Place) -> None:
    await three_months(place)
    async with place.inspected() as inspection:
        old = {index: inspection.prove(index).file for index in (1, 25)}
    earlier = (place.section.tiles_dir / "checkpoint").read_bytes()
    async with at_work(place) as parts:
        await erase(parts, "2026-01", "2026-02")
    key = VerifierKey.parse(place.section.verifier_file.read_text())
    async with place.inspected() as inspection:
        new = {index: inspection.prove(index).file for index in (1, 25)}
    for files in (old, new):
        for index, file in files.items():
            proof = TlogProof.parse(file)
            assert proof.index == index
            proof.verify(leaf_hash(proof.extra), [key], place.section.origin)
    assert (await place.verify(earlier)).total == 0


@pytest.mark.parametrize(
    ("months", "roles", "error"),
    [
        (["2026-03"], TWO, Unexpected),
        (["2026-01", "2026-03"], TWO, Unexpected),
        (["2025-01"], TWO, NotFound),
        (["2026-01"], ("dpo",), NotAllowed),
        (["2026-01"], ("dpo", "dpo"), NotAllowed),
    ],
)
async def test_what_may_not_be_erased_is_said_and_nothing_changes(
    place: Place, months: list[str], roles: tuple[str, ...], error: type[Exception]
) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        wanted = [Part("messages", month) for month in months]
        with pytest.raises(error):
            await parts.retention.promises.erase(wanted, VISA, roles, nothing)
        with pytest.raises(Unexpected):
            await parts.retention.promises.check([Part("nowhere", "2026-01")])
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 30, 0)
    assert not list(place.section.slips.glob("*"))


async def test_a_decision_that_cannot_be_settled_erases_nothing(place: Place) -> None:
    await three_months(place)

    async def refuse(_n: int) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with at_work(place) as parts:
        wanted = [Part("messages", "2026-01")]
        with pytest.raises(sqlite3.OperationalError):
            await parts.retention.promises.erase(wanted, VISA, TWO, refuse)
        assert await parts.retention.promises._store.undone() == []
        late = message(31, at(2026, 1, 5))
        await commit(parts, late)
        assert await erase(parts, "2026-01") == 11
    assert (await place.verify()).total == 0


async def test_an_erasure_that_a_restart_interrupts_goes_on(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        await parts.retention.promises.erase([Part("messages", "2026-01")], VISA, TWO, nothing)
    during = await place.verify()
    assert (during.total, during.erased + during.erasing) == (0, 10)
    async with at_work(place) as parts:
        await finished(parts)
    after = await place.verify()
    assert (after.total, after.erased, after.erasing) == (0, 10, 0)


async def test_nothing_goes_before_the_entry_is_signed(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        integrator = parts.archive._integrator
        write = integrator._folder._write

        tries: list[Path] = []

        def full(path: Path, _data: bytes) -> None:
            tries.append(path)
            raise OSError(28, "No space left on device")

        integrator._folder._write = full
        promised = await parts.retention.promises.erase(
            [Part("messages", "2026-01")], VISA, TWO, nothing
        )
        parts.retention.rounds.wake()
        while len(tries) < 2:  # the second try comes a second after the first
            await asyncio.sleep(0.01)
        assert len(await place.records()) == 30
        assert "body-2026-01-messages" in keys(place)
        assert integrator.size <= promised.leaf
        integrator._folder._write = write
        await finished(parts)
        assert integrator.size > promised.leaf
    assert (await place.verify()).records == 20


async def test_the_write_ahead_log_is_emptied_as_soon_as_nobody_reads_what_was_before(
    place: Place,
) -> None:
    await three_months(place)
    wal = place.section.database.with_name("records.db-wal")
    async with at_work(place) as parts:
        with sqlite3.connect(place.section.database, isolation_level=None) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchone()
            wanted = [Part("messages", "2026-01")]
            await parts.retention.promises.erase(wanted, VISA, TWO, nothing)
            parts.retention.rounds.wake()
            while "body-2026-01-messages" in keys(place):
                await asyncio.sleep(0.01)
            assert await parts.retention.promises._store.undone()
            assert wal.stat().st_size > 50_000
            reader.execute("ROLLBACK")
        await finished(parts)
        assert wal.stat().st_size < 20_000  # what was written since: that it is done


async def test_many_ranges_take_several_entries(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = ranges.pieces
    monkeypatch.setattr(ranges, "pieces", lambda parts: pieces(parts, 12))
    await three_months(place)
    place.section = place.section.model_copy(
        update={"emitters": {"directory.gov.localhost": ("lookup",)}}
    )
    async with at_work(place) as parts:
        for n in range(1, 7):
            look = message(n, at(2026, 1, 5), kind="lookup", path="local", sid=None, oid=None)
            look = look._replace(size=None, enc=None)
            await parts.archive.commit("directory.gov.localhost", batch(EPOCH, look))
            await commit(parts, message(30 + n, at(2026, 1, 7)))
        assert await erase(parts, "2026-01") == 16
    report = await place.verify()
    assert (report.total, report.records, report.erased) == (0, 26, 16)
    entries = [leaf for leaf in await controls(place) if isinstance(leaf, Erase)]
    assert len(entries) > 2
    assert sum(entry.n for entry in entries) == 16
    assert len({entry.slip for entry in entries}) == 1


async def test_a_resend_of_what_was_erased_is_answered_like_new(place: Place) -> None:
    await three_months(place)
    async with at_work(place) as parts:
        await erase(parts, "2026-01")
        again = batch(EPOCH, *(message(n, at(2026, 1, 1 + n % 25) + n) for n in range(1, 11)))
        assert await parts.archive.commit(SERVER, again) == Committed(10)
        assert not [name for name in keys(place) if "2026-01" in name]
    assert (await place.verify()).records == 20


def opens(row: Row, key: bytes) -> bool:
    try:
        open_box(ChaCha20Poly1305(key), row.idx, row.sealed)
    except BoxBroken:
        return False
    return True


async def test_a_backup_of_before_shows_nothing_once_the_keys_are_gone(place: Place) -> None:
    await three_months(place)
    (place.folder / "backup").mkdir()
    backup = Place(place.folder / "backup")
    shutil.copytree(place.section.database.parent, backup.section.database.parent)
    found = await place.records()
    secrets = {name: (place.section.keys_dir / f"{name}.key").read_bytes() for name in keys(place)}
    async with at_work(place) as parts:
        await hold(parts, first="2026-01-09")
        await erase(parts, "2026-01")
    left = {name: (place.section.keys_dir / f"{name}.key").read_bytes() for name in keys(place)}
    assert secrets["body-2026-01-messages"] not in left.values()
    with sqlite3.connect(backup.section.database) as database:
        select = (
            "SELECT idx, emitter, epoch, seq, t, class, sender, recipient, room, org, sealed, key"
        )
        rows = [Row(*row) for row in database.execute(f"{select} FROM records")]
    january = [row for row in rows if row.t < at(2026, 2)]
    assert len(january) == 10
    assert all(opens(row, secrets["body-2026-01-messages"]) for row in january)
    for row in january:
        for key in left.values():
            assert len(key) != 32 or not opens(row, key)
    shutil.copytree(place.section.keys_dir, backup.section.keys_dir)
    shutil.copytree(place.folder / "log", backup.folder / "log")
    shutil.copytree(place.folder / "lock", backup.folder / "lock")
    assert (await backup.verify()).counts["record-changed"] == 10
    data = backup.section.database.read_bytes()
    assert not any(str(one.record["id"]).encode() in data for one in found)


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def test_no_byte_of_what_was_erased_is_left_in_the_files(place: Place) -> None:
    short(place)
    place.now = at(2026, 1, 20)
    async with at_work(place) as parts:
        for first in range(1, 400, 100):
            rows = [
                message(n, at(2026, 1, 1 + n % 19) + n, f"person-{n % 50}", to=f"to-{n}@x.example")
                for n in range(first, first + 100)
            ]
            await commit(parts, *rows)
    place.now = at(2026, 3, 5)
    async with at_work(place) as parts:
        await commit(parts, *(message(n, place.now + n) for n in range(401, 450)))
        async with place.inspected() as inspection:
            rows = await inspection.store.rows(0, 10**6)
        january = [row for row in rows if row.t < at(2026, 2)]
        assert len(january) == 400
        before = everything(place.section.database.parent)
        assert all(row.sealed in before for row in january)
        await erase(parts, "2026-01")
        after = everything(place.section.database.parent)  # the write-ahead log is there
        wal = place.section.database.with_name("records.db-wal")
        assert wal.exists()
    for row in january:
        pieces = [row.sealed[at : at + 16] for at in range(0, len(row.sealed), 16)]
        assert not any(piece in after for piece in pieces), row.idx
        assert (row.recipient or "").encode() not in after
        assert row.sender.encode() not in after
    assert (await place.verify()).total == 0


def test_the_pace_follows_how_long_turns_take() -> None:
    now = 0.0
    pace = Pace(lambda: now)

    def turn(seconds: float) -> int:
        nonlocal now
        pace.start()
        now += seconds
        pace.stop()
        return pace.rows

    start = pace.rows
    assert turn(LONGEST / 10) > start
    for _ in range(60):
        turn(0.0)
    assert pace.rows == MOST
    assert turn(LONGEST) == MOST // 2
    for _ in range(60):
        turn(1.0)
    assert pace.rows == FEWEST
    assert turn(LONGEST / 3) == FEWEST


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_portions_are_all_of_it_and_of_the_size_that_is_wanted(rows: int) -> None:
    pace = Pace()
    pace.rows = rows
    parts = [(0, 4), (6, 6), (8, 19), (30, 31)]
    portions = list(pace.portions(parts))
    numbers = [n for portion in portions for first, last in portion for n in range(first, last + 1)]
    assert numbers == [n for first, last in parts for n in range(first, last + 1)]
    sizes = [sum(last - first + 1 for first, last in portion) for portion in portions]
    assert all(size == rows for size in sizes[:-1])
    assert 0 < sizes[-1] <= rows
