"""Bots for tests: in this process, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.streams import account_section
from xmppgov.bot import Bot
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.demo.prosody import Prosody
from xmppgov.i18n import Text
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema


def sentence(english: str) -> Text:
    """Return a text without a French translation."""
    return Text("xmppgov", english)


@asynccontextmanager
async def running(bot: Running) -> AsyncIterator[Running]:
    """Run `bot`, from when it can be talked to."""
    async with bot:
        await asyncio.wait_for(bot.ready.wait(), 15)
        yield bot


@asynccontextmanager
async def made_bot(
    server: Prosody,
    jid: str,
    folder: Path,
    *,
    bot: Bot | None = None,
    own: Sequence[Schema] = (),
    **options: Any,
) -> AsyncIterator[Running]:
    """A bot that is not connected yet; the same `folder` is the same bot."""
    database = await Database.open(folder / f"{jid}.sqlite", *SCHEMAS, *own)
    try:
        bot = bot or Bot("tests", introduction=sentence("A bot for tests."))
        yield Running(bot, account_section(server, jid), database=database, **options)
    finally:
        await database.close()
