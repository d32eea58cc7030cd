"""What people write while a bot is away takes effect once, whatever the server delivers again."""

from collections import Counter
from pathlib import Path

from tests.bots import made_bot, running
from tests.people import person
from xmppgov.bot.model import Incoming
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema

BOT, ALICE = "bot@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""
NOTES = Schema("notes", ("CREATE TABLE note (text TEXT NOT NULL)",))


async def on_message(tx: Database, incoming: Incoming) -> str:
    """Count, in the transaction of the ratchet step."""
    await tx.execute("INSERT INTO note VALUES (?)", (incoming.text[:2],))
    return f"compté {incoming.text}"


async def counted(bot: object) -> Counter[str]:
    rows = await bot.database.fetch_all("SELECT text FROM note")  # type: ignore[attr-defined]
    return Counter(row["text"] for row in rows)


async def test_each_message_counts_once(prosody: Prosody, tmp_path: Path) -> None:
    options = {"own": [NOTES], "on_message": on_message}
    async with person(prosody, ALICE, tmp_path) as alice:
        async with made_bot(prosody, BOT, tmp_path, **options) as bot, running(bot):
            await alice.send(BOT, "m1")
            await alice.wait_for("compté m1")
        await alice.send(BOT, "m2")
        await alice.send(BOT, "m3")
        for _ in range(2):
            async with made_bot(prosody, BOT, tmp_path, **options) as bot, running(bot):
                await alice.wait_for("compté m3")
                assert await counted(bot) == Counter(["m1", "m2", "m3"])
        assert len(alice.heard) == 3
        assert not alice.unreadable
