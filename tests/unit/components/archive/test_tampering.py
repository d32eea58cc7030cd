"""What someone with the database's password can do to it, done with SQL, and found by `verify`."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from tests.unit.archive.batches import batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov_archive.records.keys import DAY


async def filled(place: Place) -> Place:
    rooms = [record(n, in_room=True) for n in range(44, 60)]
    await place.fill(batch(EPOCH, *(record(n) for n in range(1, 41)), hole(41, 43), *rooms))
    return place


async def closed(place: Place) -> Place:
    """The day is over, and its end is in the log."""
    await filled(place)
    place.now += 2 * DAY
    await place.fill()
    return place


def tamper(place: Place, *statements: str) -> None:
    with sqlite3.connect(place.section.database) as database:
        for statement in statements:
            assert database.execute(statement).rowcount != 0, statement


SWAP = (
    "UPDATE records SET idx = -1 WHERE idx = 7",
    "UPDATE records SET idx = 7 WHERE idx = 8",
    "UPDATE records SET idx = 8 WHERE idx = -1",
)
COLUMNS = "epoch, seq, t, class, sender, recipient, room, org, sealed"
COPY = f"INSERT INTO records (idx, emitter, {COLUMNS})"
TAMPERINGS = {
    "record-missing": ["DELETE FROM records WHERE idx = 7"],
    "record-number": [*SWAP],
    "record-extra": [f"{COPY} SELECT 41, 2, {COLUMNS} FROM records WHERE idx = 7"],
    "record-changed": ["UPDATE records SET sealed = zeroblob(length(sealed)) WHERE idx = 9"],
    "row-changed": ["UPDATE leaves SET data = x'0101' WHERE idx = 4"],
    "epoch-changed": ["UPDATE epochs SET last = 70"],
    "emitter-changed": ["UPDATE emitters SET server = 'evil.example'"],
    "gap-forged": ["UPDATE gaps SET last = 42"],
    "day-changed": ["DELETE FROM refs WHERE idx = 7"],
    "pseudonym-changed": ["UPDATE names SET sort = 'room' WHERE sort = 'person'"],
}


@pytest.mark.parametrize("code", TAMPERINGS)
async def test_a_changed_row_is_found_and_named(place: Place, code: str) -> None:
    await closed(place)
    assert (await place.verify()).total == 0
    tamper(place, *TAMPERINGS[code])
    report = await place.verify()
    assert code in report.counts
    assert all(finding.where for finding in report.findings)


async def test_an_inserted_record_is_found_wherever_it_lies(place: Place) -> None:
    await filled(place)
    for index in (58, 59, 999, -5):
        copy = f"SELECT {index}, 3, {COLUMNS} FROM records WHERE idx = 7"
        tamper(place, f"{COPY} {copy}")
        assert (await place.verify()).counts["record-extra"], index
        tamper(place, f"DELETE FROM records WHERE idx = {index}")


async def test_a_record_put_in_behind_the_log_s_back_is_found(place: Place) -> None:
    await filled(place)
    tamper(
        place,
        "INSERT INTO leaves SELECT 58, data FROM leaves WHERE idx = 7",
        f"{COPY} SELECT 58, 3, {COLUMNS} FROM records WHERE idx = 7",
    )
    found = set((await place.verify()).counts)
    assert found == {"counter-twice", "record-number", "record-changed"}


async def test_a_forged_hole_is_found(place: Place) -> None:
    await filled(place)
    tamper(
        place,
        "DELETE FROM records WHERE idx = 7",
        "INSERT INTO gaps VALUES (7, 1, 1763864000, 7, 7, 'lost')",
    )
    assert {"record-missing", "gap-forged"} <= set((await place.verify()).counts)


@pytest.mark.parametrize("what", ["records", "log", "both"])
async def test_an_old_backup_is_found(place: Place, what: str) -> None:
    await filled(place)
    backup = place.folder.with_name(place.folder.name + "-backup")
    shutil.copytree(place.folder, backup)
    await place.fill(batch(EPOCH, record(60)))
    for name in ("records", "log") if what == "both" else (what,):
        shutil.rmtree(place.folder / name)
        shutil.copytree(backup / name, place.folder / name)
    counts = (await place.verify()).counts
    expected = {"records": "record-missing", "log": "history", "both": "history"}
    assert expected[what] in counts


async def test_a_whole_old_backup_is_found_by_a_kept_checkpoint(place: Place) -> None:
    await filled(place)
    backup = place.folder.with_name(place.folder.name + "-backup")
    shutil.copytree(place.folder, backup)
    await place.fill(batch(EPOCH, record(60)))
    kept = (place.section.tiles_dir / "checkpoint").read_bytes()
    for name in ("records", "log", "lock"):
        shutil.rmtree(place.folder / name)
        shutil.copytree(backup / name, place.folder / name)
    assert (await place.verify()).total == 0
    assert set((await place.verify(kept)).counts) == {"history"}
