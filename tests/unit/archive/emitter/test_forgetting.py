"""What the archive has leaves the disk of whoever sent it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from tests.unit.archive.emitter.world import Door, drained, service
from tests.unit.components.archive.conftest import Place


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_address_stays_on_the_disk(tmp_path: Path) -> None:
    """Neither in the database nor in its log; a reader only delays that, and nobody waits."""
    who = b"alice@gov.localhost"
    (tmp_path / "archive").mkdir()
    async with (
        Place(tmp_path / "archive").running() as archive,
        service(tmp_path / "service") as running,
    ):
        await running.act(*range(1, 30))
        assert who in on_disk(running.folder)
        reader = sqlite3.connect(running.folder / "service.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM spool").fetchone()
        async with asyncio.timeout(4):  # a busy timeout would take five seconds
            emitter = await drained(running, Door(archive))
        assert await running.waiting() == []
        assert who in on_disk(running.folder)
        reader.close()
        assert await emitter.step() is None
        assert who not in on_disk(running.folder)
