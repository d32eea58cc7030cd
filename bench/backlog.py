"""A day without an archive: what the server keeps until it is back, and how soon that has flowed.

The archive comes back under load: as many messages as it missed in a tenth of that day are sent
while it catches up. In the end its verifier finds no number missing.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median

from bench.archive import archive
from bench.cpu import resident
from bench.messages import NO_MAM, PAIRS, throughput
from bench.report import Row, span
from bench.servers import server
from bench.services import run_command, settings
from xmppgov.demo.prosody import Prosody

PARTS = 10


async def measure(count: int) -> list[Row]:
    """Measure with `count` messages while the archive is away."""
    part = count // PARTS // PAIRS * PAIRS
    with server("capture", [f"user{n}" for n in range(2 * PAIRS)], NO_MAM) as prosody:
        assert prosody.process is not None
        pid = prosody.process.pid
        rates = [await throughput(prosody, part)]
        before = resident(pid)
        rates += [await throughput(prosody, part) for _ in range(PARTS - 1)]
        grown, spooled = resident(pid) - before, _spooled(prosody)
        drained, meanwhile = await _catch_up(prosody, part * PARTS, part)
        config = settings(prosody, "archive")
        await run_command(prosody, "archive", "verify", "--config", str(config))
    early, late = median(rates[:3]), median(rates[-3:])
    return [
        Row(f"messages/s, archive away, first of {part * PARTS:,}", f"{early:,.0f}"),
        Row("messages/s, archive away, last", f"{late:,.0f}", "the first", late / early,
            span([rate / early for rate in rates], ".2f"), "≥ 0.9"),
        Row("the server's memory has grown by", f"{grown / 2**20:,.1f} MB"),
        Row("spool, bytes a record", f"{spooled / (part * PARTS):,.0f}"),
        Row("caught up under load, records/s", f"{drained:,.0f}", "5,000", drained / 5000,
            aim="≥ 1"),
        Row("messages/s meanwhile", f"{meanwhile:,.0f}", "archive away", meanwhile / late),
    ]  # fmt: skip


async def _catch_up(prosody: Prosody, waiting: int, more: int) -> tuple[float, float]:
    """Start the archive; return records and messages a second until it has everything."""
    async with archive(prosody) as running:
        began = time.perf_counter()
        sending = asyncio.create_task(throughput(prosody, more))
        await running.drained(waiting + more)
        elapsed = time.perf_counter() - began
        return (waiting + more) / elapsed, await sending


def _spooled(prosody: Prosody) -> int:
    """Return the bytes that the spool takes on the disk."""
    folders = prosody.state.rglob("spool")
    return sum(f.stat().st_size for folder in folders for f in folder.rglob("*") if f.is_file())
