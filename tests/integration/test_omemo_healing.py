"""A session that one side has lost is replaced by the bot, with one message an hour at most."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.bots import made_bot, running
from tests.people import person
from xmppgov.bot.model import Incoming
from xmppgov.bot.outbox.model import Kind
from xmppgov.bot.running import Running
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.sessions import NAMESPACE

BOT, ALICE = "bot@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""


async def lose_sessions(bot: Running) -> None:
    """Let the bot's database forget its sessions, as an older copy of it would."""
    async with bot.database.transaction() as tx:
        await tx.execute("DELETE FROM omemo WHERE key LIKE '%/double_ratchet'")
    bot._omemo.store.doubt()


async def processed(bot: Running) -> int:
    return len(await bot.database.fetch_all("SELECT 1 FROM seen"))


async def introductions(bot: Running) -> int:
    rows = await bot.database.fetch_all("SELECT 1 FROM outbox WHERE kind = ?", (str(Kind.KEYS),))
    return len(rows)


async def test_a_lost_session_is_replaced_once(prosody: Prosody, tmp_path: Path) -> None:
    read: list[str] = []

    async def keep(_tx: Any, incoming: Incoming) -> str | None:
        read.append(incoming.text)
        return f"dit {incoming.text}"

    async with (
        made_bot(prosody, BOT, tmp_path, on_message=keep) as bot,
        running(bot),
        person(prosody, ALICE, tmp_path) as alice,
    ):
        await alice.send(BOT, "un")
        await alice.wait_for("dit un")
        await lose_sessions(bot)
        before = len(alice.wire)
        await alice.send(BOT, "perdu")
        async with asyncio.timeout(20):
            while not any(
                key.get("prekey")
                for x in alice.wire[before:]
                for key in x.iter(f"{{{NAMESPACE}}}key")
            ):
                await asyncio.sleep(0.05)
        await alice.send(BOT, "deux")
        await alice.wait_for("dit deux")
        assert read == ["un", "deux"]
        assert await introductions(bot) == 1
        await lose_sessions(bot)
        seen = await processed(bot)
        await alice.send(BOT, "perdu encore")
        async with asyncio.timeout(20):
            while await processed(bot) == seen:
                await asyncio.sleep(0.05)
        assert await introductions(bot) <= 2  # the hour may have changed
        assert not alice.unreadable
