"""Every write of a bot that sends letters fails once, in every way: each letter arrives once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.faults import python, sqlite
from tests.faults.disk import KINDS, Disk, Fault
from xmppgov.bot import Bot
from xmppgov.bot.config import settings_of
from xmppgov.bot.letters.store import LetterStore
from xmppgov.bot.running import Running
from xmppgov.bot.testing.chat import Chat, tables
from xmppgov.bot.testing.line import DeadLine
from xmppgov.bot.testing.people import PeopleDirectory
from xmppgov.bot.wiring import build
from xmppgov.clock import VirtualClock
from xmppgov.errors import XmppgovError

pytestmark = pytest.mark.skipif(not sqlite.LIBRARY, reason="Python's SQLite is not the system's")
FULL = bool(os.environ.get("XMPPGOV_CHAOS"))
"""`make chaos`: every step in every way; else every ninth in each."""
FAILURES = (OSError, sqlite3.Error, XmppgovError)
ALICE, BOB = "alice@gov.example", "bob@gov.example"
LETTERS = [("un", [ALICE, BOB]), ("deux", [ALICE])]


class Life:
    """A bot that sends its letters until it is sure of them; the line is the world around it."""

    def __init__(self, folder: Path) -> None:
        self.bot = Bot("facteur", introduction="Je distribue.")
        self.line = DeadLine(PeopleDirectory([]), set())
        self.settings: Any = settings_of(self.bot)(**tables(self.bot, folder, {}))
        self.state = folder / "state"
        self.state.mkdir()

    async def on(self, disk: Disk) -> None:
        """Live on a disk that fails, as far as the process lives."""
        try:
            with python.on_disk(disk), sqlite.on_disk(disk), capture_logs():
                for _ in range(4):
                    with suppress(*FAILURES):
                        await self._once(disk)
                        return
                    await sqlite.connections_have_ended()
                    if disk.dead:
                        return
                raise AssertionError("the bot does not get over one fault")
        finally:
            disk.after_death()

    async def _once(self, disk: Disk) -> None:
        clock = VirtualClock()
        async with build(self.bot, self.settings, clock=clock, make_line=self.line.make) as running:
            chat = Chat(running, self.line, clock)

            async def quiet() -> None:
                if disk.dead:
                    raise OSError("the process is dead")
                await chat.quiet()

            clock.settle = quiet
            await chat.pass_time(seconds=10)
            for reference, to in LETTERS:
                await self._send(running, reference, to)
                await quiet()
            await chat.pass_time(minutes=5)
            assert await LetterStore(running.database).count() == 0
        await sqlite.connections_have_ended()

    async def _send(self, running: Running, reference: str, to: list[str]) -> None:
        for attempt in range(3):
            try:
                text = f"texte {reference}"
                await running.letters.send(to, text, reference=reference, life=timedelta(days=1))
                return
            except FAILURES:
                if attempt == 2:
                    raise

    def check(self) -> None:
        """Compare what left with what was to leave."""
        ids = {message.get("id"): message for message in self.line.sent}
        left = Counter((m.get("to"), self.line.text_of(m)) for m in ids.values())
        assert left == Counter((jid, f"texte {ref}") for ref, to in LETTERS for jid in to)


def lived(folder: Path, fault: Fault | None = None) -> Disk:
    """Live with one fault, then without, and check; return the disk."""
    life = Life(folder)
    disk = Disk(life.state, fault)
    asyncio.run(life.on(disk))
    asyncio.run(life.on(Disk(life.state, before=disk)))
    life.check()
    return disk


@pytest.mark.parametrize("kind", KINDS)
def test_every_write_can_fail(tmp_path: Path, kind: str) -> None:
    steps = len(lived(tmp_path / "whole").steps)
    assert steps > 30
    begin = 0 if FULL else KINDS.index(kind)
    for at in range(begin, steps, 1 if FULL else 9):
        lived(tmp_path / f"{at}", Fault(at, kind))
