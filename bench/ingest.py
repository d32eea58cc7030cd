"""How many records a second the archive commits, signs and finds again, and how large they are.

The emitter is a raw component beside a real Prosody, the archive a process of its own. The limits
are measured in the same run: SQLite alone with rows of the same size in the same batches, and the
hashing of the commitments alone.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.archive import Archive, archive
from bench.emitter import Emitter, batch, wire
from bench.report import Row, span
from bench.servers import server
from xmppgov.archive.model import SECRET_SIZE, commitment, encode_fields
from xmppgov.archive.sealing import PrivateKey
from xmppgov.demo.prosody import Prosody
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.policy import Label, to_record
from xmppgov_archive.records.pseudonyms import Pseudonyms

SIZE, WINDOW = 250, 2  # records of a batch, batches on their way
PACED, PACE = 200, 0.04  # records of a batch, seconds between two: 5,000 records/s
ROUNDS = 4
HOST = '"governance.gov.localhost"'
EDITS = {"servers = [": f"servers = [{HOST}, ", f"{HOST} = ": "# "}
"""Messages come from the component that otherwise only says who is in which room."""


class Checkpoints:
    """How far the signed checkpoint trails the committed entries, looked at all the time."""

    def __init__(self, prosody: Prosody, running: Archive) -> None:
        self._file = prosody.state / "archive-public" / "log" / "checkpoint"
        self._running = running
        self._committed: list[tuple[float, int]] = []
        self.behind: list[float] = []

    async def watch(self) -> None:
        """Look every 20 ms until cancelled."""
        while True:
            now = time.perf_counter()
            self._committed.append((now, self._running.size()))
            signed = int(self._file.read_text().split("\n")[1]) if self._file.exists() else 0
            while self._committed and self._committed[0][1] < signed:
                self.behind.append(now - self._committed.pop(0)[0])
            await asyncio.sleep(0.02)


def sqlite_alone(rows: int, size: int) -> float:
    """Return rows a second of plain inserts in batches, each batch synced."""
    with tempfile.TemporaryDirectory() as folder:
        database = sqlite3.connect(Path(folder) / "limit.db", isolation_level=None)
        database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
        database.execute("CREATE TABLE r (idx INTEGER PRIMARY KEY, box BLOB)")
        began = time.perf_counter()
        for start in range(0, rows, SIZE):
            database.execute("BEGIN IMMEDIATE")
            part = [(n, os.urandom(size)) for n in range(start, start + SIZE)]
            database.executemany("INSERT INTO r VALUES (?, ?)", part)
            database.execute("COMMIT")
        elapsed = time.perf_counter() - began
        database.close()
    return rows / elapsed


def hashing_alone(records: int) -> float:
    """Return commitments a second, from records that are made already."""
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyRing(Path(folder) / "keys", os.urandom)
        names = Pseudonyms(keys, PrivateKey(os.urandom(32)).public)
        labels = {"msg": Label("messages", "public-task")}
        made = to_record(wire(1, 1), em="1/1", unit="x", labels=labels, names=names)
    secret = os.urandom(SECRET_SIZE)
    began = time.perf_counter()
    for _ in range(records):
        commitment(encode_fields(made), secret)
    return records / (time.perf_counter() - began)


async def measure(count: int) -> list[Row]:
    """Measure with `count` records in all."""
    a_round = count // ROUNDS // SIZE * SIZE
    now = time.time_ns() // 1_000_000
    rates, emitter_latencies, limits, hashes = [], [], [], []
    with server("", ["user0"]) as prosody:
        async with archive(prosody, EDITS) as running:
            checkpoints = Checkpoints(prosody, running)
            watching = asyncio.create_task(checkpoints.watch())
            emitter = Emitter(prosody)
            epoch = now // 1000
            await emitter.send([batch(epoch, 1, SIZE, now)], 1)
            emitter.latencies.clear()
            for number in range(ROUNDS):
                first = 1 + SIZE + number * a_round
                starts = range(first, first + a_round, SIZE)
                batches = [batch(epoch, start, SIZE, now) for start in starts]
                rates.append(a_round / await emitter.send(batches, WINDOW))
                limits.append(await asyncio.to_thread(sqlite_alone, 20_000, 600))
                hashes.append(await asyncio.to_thread(hashing_alone, 5_000))
            emitter.latencies.clear()
            first = 1 + SIZE + ROUNDS * a_round
            starts = range(first, first + a_round // PACED * PACED, PACED)
            await emitter.send([batch(epoch, s, PACED, now) for s in starts], 1000, PACE)
            emitter_latencies = sorted(emitter.latencies)
            await asyncio.sleep(0)
            watching.cancel()
    return _rows(rates, emitter_latencies, limits, hashes, sorted(checkpoints.behind))


def _rows(
    rates: Sequence[float],
    latencies: Sequence[float],
    limits: Sequence[float],
    hashes: Sequence[float],
    behind: Sequence[float],
) -> list[Row]:
    rate, p50, p99 = median(rates), _quantile(latencies, 0.5), _quantile(latencies, 0.99)
    late = _quantile(behind, 0.99)
    return [
        Row("durable records/s, through the server", f"{rate:,.0f}", "5,000",
            rate / 5000, span([r / 5000 for r in rates], ".2f"), "≥ 1"),
        Row("acknowledgement at 5,000 records/s, p50", f"{p50 * 1e3:,.0f} ms"),
        Row("acknowledgement at 5,000 records/s, p99", f"{p99 * 1e3:,.0f} ms", "100 ms", p99 / 0.1,
            aim="≤ 1"),
        Row("checkpoint behind the commit, p99", f"{late:.2f} s", "1 s", late, aim="≤ 1"),
        Row("SQLite alone, rows/s in such batches", f"{median(limits):,.0f}", "records/s",
            rate / median(limits)),
        Row("commitments alone, records/s", f"{median(hashes):,.0f}", "records/s",
            rate / median(hashes)),
    ]  # fmt: skip


def _quantile(values: Sequence[float], part: float) -> float:
    return values[min(int(len(values) * part), len(values) - 1)]
