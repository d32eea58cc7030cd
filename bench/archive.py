"""The archive component beside the message benchmark, and how far it trails the capture."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.services import service, settings
from xmppgov.demo.prosody import Prosody


@dataclass(frozen=True)
class Drain:
    """What was not yet in the archive when asked, and how fast it arrived."""

    lag: int
    rate: float


@dataclass(frozen=True)
class Archive:
    """The running archive's database, read beside its writer."""

    database: Path

    def committed(self) -> int:
        """Return how many records are committed."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])

    async def drained(self, expected: int) -> Drain:
        """Wait until `expected` records are committed."""
        lag = expected - self.committed()
        began = time.perf_counter()
        while self.committed() < expected:
            await asyncio.sleep(0.01)
        elapsed = max(time.perf_counter() - began, 1e-6)
        return Drain(max(lag, 0), lag / elapsed if lag > 0 else float("inf"))


@asynccontextmanager
async def archive(prosody: Prosody) -> AsyncIterator[Archive]:
    """Run the archive during the block."""
    config = settings(prosody, "archive")
    async with service(prosody, "archive", config, f"archive.{prosody.domain}"):
        yield Archive(prosody.state / "archive" / "archive.db")
