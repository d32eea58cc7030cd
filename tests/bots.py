"""Bots for tests: in this process, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.streams import account_section
from xmppgov.bot.bot import Bot
from xmppgov.bot.store import SCHEMAS
from xmppgov.demo.prosody import Prosody
from xmppgov.i18n import Text
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema


def sentence(english: str) -> Text:
    """Return a text without a French translation."""
    return Text("xmppgov", english)


@asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[Bot]:
    """Run `bot`, from when it can be talked to."""
    async with bot:
        await asyncio.wait_for(bot.ready.wait(), 15)
        yield bot


@asynccontextmanager
async def made_bot(
    server: Prosody, jid: str, folder: Path, *, own: Sequence[Schema] = (), **options: Any
) -> AsyncIterator[Bot]:
    """A bot that is not connected yet; the same `folder` is the same bot."""
    database = await Database.open(folder / f"{jid}.sqlite", *SCHEMAS, *own)
    try:
        options.setdefault("introduction", sentence("A bot for tests."))
        yield Bot(account_section(server, jid), database=database, **options)
    finally:
        await database.close()
