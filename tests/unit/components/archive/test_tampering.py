"""What someone with the database's password can do to it, done with SQL, and found by `verify`."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.archive.batches import batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.tlog.notes import W1
from xmppgov.archive.batch import CountedMessage
from xmppgov.archive.report import Report
from xmppgov_archive.records.keys import DAY

ROOM, OTHER = "grp-1@rooms.gov.localhost", "grp-2@rooms.gov.localhost"
TABLES = (
    "emitters", "epochs", "leaves", "records", "gaps", "counted", "sums", "refs", "days", "names",
)  # fmt: skip
"""What the archive goes by, and what it proves with."""

Row = tuple[Any, ...]


class Tampering(NamedTuple):
    """Rows that go and rows that come, in one table."""

    name: str
    gone: Sequence[Row]
    come: Sequence[Row]

    def is_of_today(self, table: str, closed: int | None) -> bool:
        """Tell whether it changes only what the log will have when the day ends.

        Until then nothing is signed of which room a message was counted in, and of what is sealed
        in a name; `closed` is the column of the entry that covers a name.
        """
        if table == "sums":
            return sum(row[1] for row in self.gone) == sum(row[1] for row in self.come)
        if table != "names" or closed is None:
            return False
        rows = (*self.gone, *self.come)
        kept = {row[0] for row in self.gone} <= {row[0] for row in self.come}
        return kept and all(row[closed] is None for row in rows)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An archive with rows in every table: two days, two epochs, a hole, counted messages."""
    place = Place(tmp_path_factory.mktemp("full"))
    asyncio.run(_fill(place))
    return place


async def _fill(place: Place) -> None:
    far = record(8, sender="eve@far.example", path="s2s-in")
    first = [record(1), record(2), CountedMessage(3, ROOM), hole(4, 6), record(7, in_room=True)]
    await place.fill(batch(EPOCH, *first, far))
    place.now += DAY
    later = batch(EPOCH + 1, record(1), CountedMessage(2, ROOM))
    await place.fill(batch(EPOCH, record(9, t=place.now), record(10), hole(11, 11)), later)
    place.now += DAY
    waiting = [record(3, t=place.now), CountedMessage(4, ROOM), CountedMessage(5, OTHER)]
    await place.fill(batch(EPOCH + 1, *waiting))


def other(value: Any) -> Any:
    """Return a value of the same type, as near as can be."""
    if value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("A" if value[-1:] != "A" else "Q")
    return bytes([value[0] ^ 1]) + value[1:]


def with_other(row: Row, column: int) -> Row:
    return (*row[:column], other(row[column]), *row[column + 1 :])


def tamperings(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[Tampering]:
    """Yield each row deleted, changed in each column, replayed, put in anew, and swapped."""
    for row, following in zip(rows, [*rows[1:], rows[0]], strict=True):
        yield Tampering("deleted", [row], [])
        yield Tampering("replayed", [], [row])
        new = row
        for number, name in enumerate(columns):
            changed = with_other(row, number)
            yield Tampering(name, [row], [changed])
            yield Tampering(f"{name} put in", [], [changed])
            new = with_other(new, number)
            swapped = following[number], row[number]
            if row != following and swapped[0] != swapped[1]:
                one, two = (
                    (*r[:number], value, *r[number + 1 :])
                    for r, value in zip((row, following), swapped, strict=True)
                )
                yield Tampering(f"{name} swapped", [row, following], [one, two])
        yield Tampering(f"{columns[0]} and all", [], [new])


def apply(database: Path, table: str, columns: Sequence[str], one: Tampering) -> bool:
    """Do it; False where the database itself refuses, or nothing is changed by it."""
    if sorted(one.gone, key=repr) == sorted(one.come, key=repr):
        return False
    same, marks = " AND ".join(f"{c} IS ?" for c in columns), ",".join("?" * len(columns))
    connection = sqlite3.connect(database)
    try:
        for row in one.gone:
            assert connection.execute(f"DELETE FROM {table} WHERE {same}", row).rowcount
        for row in one.come:
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        connection.commit()
    except sqlite3.IntegrityError:
        return False
    finally:
        connection.close()
    return True


def content(database: Path, table: str) -> tuple[list[str], list[Row]]:
    """Return columns and rows of a table."""
    connection = sqlite3.connect(database)
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    rows = [tuple(row) for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return columns, rows


def put_back(database: Path, pristine: bytes) -> None:
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    database.write_bytes(pristine)


def named(report: Report) -> bool:
    """Tell whether something was found, and each finding says what and where."""
    return report.total > 0 and all(f.code and f.where and str(f.text) for f in report.findings)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_deleted_changed_replayed_put_in_or_swapped_is_found(
    full: Place, table: str
) -> None:
    database = full.section.database
    pristine = database.read_bytes()
    assert not asyncio.run(full.verify()).total
    columns, rows = content(database, table)
    assert rows
    done, closed = 0, columns.index("closed") if "closed" in columns else None
    try:
        for one in tamperings(columns, rows):
            if one.is_of_today(table, closed):
                continue
            if apply(database, table, columns, one):
                done += 1
                assert named(asyncio.run(full.verify())), (table, one)
            put_back(database, pristine)
    finally:
        put_back(database, pristine)
    assert done >= len(rows) * 2, "few were tried, little is proved"


def tamper(place: Place, *statements: str) -> None:
    with sqlite3.connect(place.section.database) as database:
        for statement in statements:
            assert database.execute(statement).rowcount != 0, statement


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
async def test_a_changed_row_is_named_by_its_code(place: Place, code: str) -> None:
    await closed(place)
    assert (await place.verify()).total == 0
    tamper(place, *TAMPERINGS[code])
    report = await place.verify()
    assert code in report.counts
    assert named(report)


async def test_a_reference_taken_out_before_its_day_ends_is_found_after_it(place: Place) -> None:
    """Else the day's root would leave it out, and a false proof of absence would verify."""
    await filled(place)
    tamper(place, "DELETE FROM refs WHERE idx = 7")
    place.now += 2 * DAY
    await place.fill()
    assert set((await place.verify()).counts) == {"day-changed"}


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


def backed_up(place: Place) -> Path:
    backup = place.folder.with_name(place.folder.name + "-backup")
    shutil.copytree(place.folder, backup)
    return backup


def restored(place: Place, backup: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(place.folder / name)
        shutil.copytree(backup / name, place.folder / name)


EVERYTHING = ("records", "log", "lock")


@pytest.mark.parametrize("what", ["records", "log", "both"])
async def test_an_old_backup_is_found(place: Place, what: str) -> None:
    await filled(place)
    backup = backed_up(place)
    await place.fill(batch(EPOCH, record(60)))
    restored(place, backup, *(("records", "log") if what == "both" else (what,)))
    counts = (await place.verify()).counts
    expected = {"records": "record-missing", "log": "history", "both": "history"}
    assert expected[what] in counts


async def test_a_whole_old_backup_is_found_by_a_kept_checkpoint(place: Place) -> None:
    await filled(place)
    backup = backed_up(place)
    await place.fill(batch(EPOCH, record(60)))
    kept = (place.section.tiles_dir / "cosigned").read_bytes()
    restored(place, backup, *EVERYTHING)
    assert (await place.verify()).total == 0
    assert set((await place.verify(kept)).counts) == {"history"}


@pytest.mark.parametrize("longer", [60, 70])
async def test_a_fork_is_found_by_a_checkpoint_of_the_other_side(place: Place, longer: int) -> None:
    """As long as the other side, and longer; signed and cosigned by the archive's own keys."""
    await filled(place)
    backup = backed_up(place)
    await place.fill(batch(EPOCH, record(60)))
    kept = (place.section.tiles_dir / "cosigned").read_bytes()
    restored(place, backup, *EVERYTHING)
    fork = [record(n, sender="eve@gov.localhost") for n in range(60, longer + 1)]
    await place.fill(batch(EPOCH, *fork))
    assert (await place.verify()).total == 0
    assert set((await place.verify(kept)).counts) == {"history"}


async def test_another_key_is_found(place: Place, tmp_path: Path) -> None:
    """Of the log, of records: what they have made is not what the others check."""
    await closed(place)
    (tmp_path / "other").mkdir()
    another = Place(tmp_path / "other")
    await closed(another)
    keys = place.section.keys_dir
    body = next(keys.glob("body-*.key"))
    for file, code in (
        (place.section.verifier_file, "checkpoint-invalid"),
        (body, "record-changed"),
    ):
        right = file.read_bytes()
        file.write_bytes((another.folder / file.relative_to(place.folder)).read_bytes())
        assert code in (await place.verify()).counts
        file.write_bytes(right)
    assert (await place.verify()).total == 0


async def test_a_log_that_nobody_cosigned_is_found_when_it_is_old_enough(place: Place) -> None:
    place.now = time.time_ns() // 1_000_000
    await place.fill(batch(EPOCH, record(1)))
    rules = place.section.policy_file
    lines = [x for x in rules.read_text().splitlines() if not x.startswith("quorum")]
    outside = f"witness w1 {W1.verifier}\nquorum w1\n"
    rules.write_text("\n".join(lines) + "\n" + outside)
    (place.section.tiles_dir / "cosigned").unlink()
    report = await place.verify()
    assert (report.total, report.cosigned) == (0, 0)  # witnesses may still answer
    folder = place.folder / "old"
    folder.mkdir()
    old = Place(folder)
    await old.fill(batch(EPOCH, record(1)))
    old.section.policy_file.write_text(rules.read_text())
    (old.section.tiles_dir / "cosigned").unlink()
    assert "cosigned-behind" in (await old.verify()).counts
