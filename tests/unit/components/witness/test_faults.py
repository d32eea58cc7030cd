"""Every write of a witness fails once, in every way, and it never cosigns two histories."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import python, sqlite
from tests.faults.disk import DEADLY, KINDS, Disk, Fault
from tests.unit.components.witness.histories import FORK, LOG, MAIN, NOW, ORIGIN, SHARED, History
from xmppgov.errors import XmppgovError
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.note import Note
from xmppgov.tlog.witness import checkpoint_path
from xmppgov_witness.__main__ import remembering
from xmppgov_witness.config import WitnessSection
from xmppgov_witness.errors import OldSizeWrong

pytestmark = pytest.mark.skipif(not sqlite.LIBRARY, reason="Python's SQLite is not the system's")
FAILURES = (OSError, sqlite3.Error, XmppgovError)


class Log:
    """Two histories under one name, and every checkpoint that the witness was seen to cosign."""

    def __init__(self, folder: Path) -> None:
        self.section = WitnessSection(
            name="temoin.example/w1",
            database=folder / "database" / "witness.db",
            key_file=folder / "keys" / "witness.key",
        )
        self.cosigned: list[Checkpoint] = []

    async def asks(self, history: History, *sizes: int, then: Disk | None = None) -> None:
        """Let the witness cosign checkpoints of a history, as far as it does; and read its last."""
        logs = {ORIGIN: (LOG.verifier,)}
        async with remembering(self.section, logs, lambda: NOW) as witness:
            old = 0
            for size in sizes:
                with suppress(*FAILURES):
                    try:
                        await witness.add_checkpoint(history.request(old, size))
                    except OldSizeWrong as other:
                        await witness.add_checkpoint(history.request(other.size, size))
                    self.cosigned.append(history.checkpoint(size))
                    old = size
            if note := await witness.checkpoint(checkpoint_path(ORIGIN)):
                self.cosigned.append(Checkpoint.parse(Note.parse(note).text))
            if then:
                then.die("cut")

    async def lives(self, disk: Disk, history: History, *sizes: int, cut: bool = False) -> None:
        """Let the witness live on a disk that fails."""
        try:
            with python.on_disk(disk), sqlite.on_disk(disk), suppress(*FAILURES):
                await self.asks(history, *sizes, then=disk if cut else None)
        finally:
            await sqlite.connections_have_ended()
            disk.after_death()

    def check(self) -> None:
        """Check that what was cosigned is of one history."""
        later = [checkpoint for checkpoint in self.cosigned if checkpoint.size > SHARED]
        of_main = [MAIN.checkpoint(c.size) == c for c in later]
        assert len(set(of_main)) == 1, "two histories are cosigned"


def whole(folder: Path) -> list[str]:
    """Return the steps of a witness's life without faults."""
    disk = Disk(folder)
    asyncio.run(Log(folder).lives(disk, MAIN, 3, 8))
    return disk.steps


@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_makes_it_cosign_a_fork(tmp_path: Path, kind: str) -> None:
    (tmp_path / "whole").mkdir()
    for at, name in enumerate(whole(tmp_path / "whole")):
        folder = tmp_path / "again"
        folder.mkdir()
        log, disk = Log(folder), Disk(folder, Fault(at, kind))
        asyncio.run(log.lives(disk, MAIN, 3, 8))
        if kind in DEADLY:
            asyncio.run(log.lives(disk := Disk(folder, before=disk), FORK, 9, cut=True))
        asyncio.run(log.lives(disk := Disk(folder, before=disk), FORK, 10))
        asyncio.run(log.lives(Disk(folder, before=disk), MAIN, 12))
        try:
            log.check()
        except AssertionError as error:
            error.add_note(f"step {at}: {name}")
            raise
        shutil.rmtree(folder)
