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
    """How many records were not yet in the archive when asked, and how long they took."""

    lag: int
    seconds: float


@dataclass(frozen=True)
class Archive:
    """The running archive's process and its database, read beside its writer."""

    pid: int
    database: Path

    def committed(self) -> int:
        """Return how many records are committed."""
        return self._number("SELECT count(*) FROM records")

    def size(self) -> int:
        """Return how many entries are committed, records and others."""
        return self._number("SELECT ifnull(max(idx) + 1, 0) FROM leaves")

    def _number(self, question: str) -> int:
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            return int(connection.execute(question).fetchone()[0])

    async def drained(self, expected: int) -> Drain:
        """Wait until `expected` records are committed."""
        began = time.perf_counter()
        lag = max(expected - self.committed(), 0)
        while self.committed() < expected:
            await asyncio.sleep(0.02)
        return Drain(lag, time.perf_counter() - began)


@asynccontextmanager
async def archive(prosody: Prosody, edits: dict[str, str] | None = None) -> AsyncIterator[Archive]:
    """Run the archive during the block, with `edits` of its configuration."""
    config = settings(prosody, "archive", edits)
    async with service(prosody, "archive", config, f"archive.{prosody.domain}") as pid:
        yield Archive(pid, prosody.state / "archive" / "archive.db")
