"""A bot in a process of its own, for tests that kill it: `python -m tests.broadcaster DB SECTION`.

It sends what lies queued in its database; the text of a delivery is "<reference> pour <recipient>".
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.bot import Bot
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.config import LogSection, XmppSection
from xmppgov.i18n import Text
from xmppgov.logs import configure_logging
from xmppgov.process import run_until_stopped
from xmppgov.storage.database import Database


async def render(reference: str, recipient: str) -> str:
    """Return the text of a delivery."""
    return f"{reference} pour {recipient}"


@asynccontextmanager
async def build(path: Path, section: XmppSection) -> AsyncIterator[Running]:
    """The bot, connected while the block runs."""
    database = await Database.open(path, *SCHEMAS)
    try:
        bot = Bot("broadcaster", introduction=Text("xmppgov", "A bot for tests."))
        async with Running(bot, section, database=database, render=render) as running:
            yield running
    finally:
        await database.close()


if __name__ == "__main__":
    configure_logging(LogSection(level="debug"))
    service = build(Path(sys.argv[1]), XmppSection.model_validate_json(sys.argv[2]))
    asyncio.run(run_until_stopped(service))
