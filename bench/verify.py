"""Verification: leaves of the public log a second, records with every commitment derived again.

The limit beside each figure is the hashing that it cannot do without, in the same Python: of the
log two hashes a leaf (its own, and one node of the tree), of a record the salts, commitments and
nodes of its twenty fields. Both are a second of one core's time, whatever else the machine does.
"""

from __future__ import annotations

import asyncio
import hashlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import xmppgov_verify
from bench.large import BEGIN, DAYS, RESULTS, Large
from bench.report import Row, span
from bench.rounds import in_turn
from xmppgov.archive.day import DAY
from xmppgov.archive.disclosure import PURPOSES
from xmppgov.archive.log import LogCheck
from xmppgov.archive.model import FIELDS
from xmppgov.archive.report import Report
from xmppgov.archive.verify import RecordCheck, StoredRecord
from xmppgov.tlog.tiles import WIDTH
from xmppgov_archive.exports import ndjson
from xmppgov_archive.exports.service import Exporter, Wanted
from xmppgov_archive.exports.store import ExportStore
from xmppgov_archive.inspection.service import Inspection, inspected

LEAVES_AIM, RECORDS_AIM = 100_000, 10_000  # a second
ROUNDS, AT_ONCE = 3, 2_560


class Public:
    """The public log and the records of an archive, read once, so that reading is not measured."""

    def __init__(self, archive: Inspection, records: list[StoredRecord]) -> None:
        self.archive, self.records = archive, records
        self.note = archive.folder.cosigned() or b""
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        """Read a public file, from memory the second time."""
        if path not in self.files:
            self.files[path] = self.archive.folder.read(path)
        return self.files[path]

    def log(self) -> LogCheck:
        """Return a check of the log that is to begin."""
        archive = self.archive
        log = LogCheck(key=archive.key, origin=archive.section.origin, read=self.read)
        assert log.open(self.note)
        return log

    async def leaves(self) -> float:
        """Check the whole public log; return leaves a second."""
        log, began = self.log(), time.process_time()
        for _ in log.entries():
            pass
        elapsed = time.process_time() - began
        assert not log.report.total
        return log.report.size / elapsed

    async def commitments(self) -> float:
        """Check the records against the log's entries; return records a second."""
        by_bundle: dict[int, list[StoredRecord]] = {}
        for record in self.records:
            by_bundle.setdefault(record.idx // WIDTH, []).append(record)
        bundles = [(start, entries) for start, entries in self.log().entries()]
        check, began = RecordCheck(report := Report("")), time.process_time()
        for start, entries in bundles:
            if found := by_bundle.get(start // WIDTH):
                there = {record.idx: entries[record.idx - start] for record in found}
                rows = {index: entry for index, entry in there.items() if entry is not None}
                every = [rows.get(start + n) for n in range(len(entries))]
                check.chunk(start, every, found, rows)
        elapsed = time.process_time() - began
        assert not report.total, report.findings[:3]
        return len(self.records) / elapsed


async def measure(count: int) -> list[Row]:
    """Measure an archive of `count` records; its folder goes when all is measured."""
    large = Large(RESULTS / f"verify-{count}", count)
    await large.fill()
    async with inspected(large.section) as archive:
        rows = await archive.store.rows(0, count // 5)
        public = Public(archive, [archive._stored(row) for row in rows])
        await public.leaves()
        figures = await in_turn(
            ROUNDS,
            {
                "leaves": public.leaves,
                "records": public.commitments,
                "hashes of leaves": _hashes_of_leaves,
                "hashes of records": _hashes_of_records,
            },
        )
        found = [
            _row("leaves of the public log, checked/s", figures.figures, "leaves", LEAVES_AIM),
            _row("records, every commitment derived/s", figures.figures, "records", RECORDS_AIM),
            *await _exports(archive, count),
        ]
    shutil.rmtree(large.folder)
    return found


def _row(what: str, figures: dict[str, list[float]], name: str, aim: int) -> Row:
    mine, limit = sorted(figures[name]), sorted(figures[f"hashes of {name}"])
    figure, most = mine[len(mine) // 2], limit[len(limit) // 2]
    against = f"hashing {most:,.0f}"
    return Row(what, f"{figure:,.0f}", against, figure / most, span(mine), f"≥ {aim:,}")


async def _hashes_of_leaves() -> float:
    sha256, leaf, node = hashlib.sha256, b"\0" + bytes(48), b"\1" + bytes(64)
    began = time.process_time()
    for _ in range(100_000):
        sha256(leaf).digest()
        sha256(node).digest()
    return 100_000 / (time.process_time() - began)


async def _hashes_of_records() -> float:
    """Salts (two hashes beside a copied state), commitments, leaves and nodes of twenty fields."""
    sha256, n = hashlib.sha256, len(FIELDS)
    block, field, leaf, node = bytes(64), bytes(70), bytes(33), bytes(65)
    began = time.process_time()
    for _ in range(2_000):
        state = sha256(block)
        for _ in range(2 * n):
            own = state.copy()
            own.update(block)
            own.digest()
        for data in [field] * n + [leaf] * n + [node] * (n - 1):
            sha256(data).digest()
    return 2_000 / (time.process_time() - began)


async def _exports(archive: Inspection, count: int) -> list[Row]:
    """Write an export of everything, and let the one file verify it, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.ndjson"
        began, before = time.perf_counter(), _memory()
        most = await _written(archive, file)
        written = count / (time.perf_counter() - began)
        policy = archive.section.tiles_dir.parent / "policy"
        log = ("--policy", policy, "--tiles", archive.section.tiles_dir)
        alone = await asyncio.to_thread(_verified, *log)
        both = await asyncio.to_thread(_verified, *log, "--export", file)
        size = file.stat().st_size / count
    return [
        Row("records exported with proofs/s", f"{written:,.0f}", f"{size:,.0f} bytes each"),
        Row("memory that an export adds at most, MB", f"{most - before:,.0f}"),
        Row("the one file: leaves of the log/s", f"{count / alone:,.0f}"),
        Row("the one file: records of an export/s", f"{count / (both - alone):,.0f}"),
    ]


async def _written(archive: Inspection, path: Path) -> float:
    """Write an export of everything; return the most memory on the way, in MB."""
    most = _memory()
    store = await ExportStore.open(archive.section.database)
    try:
        exporter = Exporter(
            inspection=archive, store=store, clock=lambda: 0, watermark=lambda: "0" * 32
        )
        wanted = Wanted(BEGIN, BEGIN + (DAYS + 1) * DAY, PURPOSES["audit"], "audit")
        async with exporter.opened(wanted, 60, lambda done, of: None) as export:
            with path.open("wb") as file:
                async for chunk in ndjson.lines(export):
                    file.write(chunk)
                    most = max(most, _memory())
        return most
    finally:
        await store.close()


def _verified(*words: object) -> float:
    """Run the one file; return its seconds."""
    command = [sys.executable, "-I", xmppgov_verify.__file__, *map(str, words)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _memory() -> float:
    """Return what this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
