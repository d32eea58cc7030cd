"""A bot that is killed while it sends letters: each person has each once. And on a real server."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.directory import running_directory
from tests.people import OmemoPerson, person
from tests.streams import account_section, read
from xmppgov.bot import OPEN, Bot, Context
from xmppgov.bot.testing.real import talking_for_real
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database

BOT, TRIED = "annuaire@gov.localhost", "essai@gov.localhost"
PEOPLE = [f"{name}@gov.localhost" for name in ("alice", "bob")]
STAMP, COUNT = "lettre-secrete-", 25
ACCOUNTS = [BOT, TRIED, *PEOPLE]
PROSODY_MODULES = ""
PROGRAM = f'''
from datetime import timedelta
from xmppgov.bot import OPEN, Bot, Context

bot = Bot("facteur", introduction="Je distribue.")

@bot.every(timedelta(seconds=1))
async def send(context: Context) -> None:
    for n in range({COUNT}):
        await context.send({PEOPLE}, f"{STAMP}{{n}}", reference=str(n))

@bot.command("moi", help="moi", who=["role:chair@body:an"])
async def me(context: Context) -> str:
    return context.asker.name
'''
CONFIG = """
[xmpp]
jid = "{xmpp.jid}"
port = {xmpp.port}
secret_file = "{xmpp.secret_file}"
ca_file = "{xmpp.ca_file}"

[bot]
program = "facteur.py"
database = "state/facteur.db"
text_key_file = "facteur.key"
directory = "directory.gov.localhost"
"""


def written(server: Prosody, folder: Path) -> Path:
    """Write the bot's program, its configuration and its key."""
    (folder / "facteur.py").write_text(PROGRAM)
    (folder / "facteur.key").touch(mode=0o600)
    (folder / "facteur.key").write_text("k" * 40)
    path = folder / "facteur.toml"
    path.write_text(CONFIG.format(xmpp=account_section(server, BOT)))
    return path


@asynccontextmanager
async def process(config: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The bot in a process of its own, which is killed at the end."""
    command = [sys.executable, "-m", "xmppgov.cli.main", "bot", "run", "--config", str(config)]
    with (config.parent / "bot.log").open("ab") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


async def heard(people: list[OmemoPerson], count: int) -> None:
    """Wait until all together have read so many messages."""
    async with asyncio.timeout(40):
        while sum(len(someone.heard) for someone in people) < count:
            await asyncio.sleep(0.005)


async def test_killed_in_the_middle_of_its_letters(prosody: Prosody, tmp_path: Path) -> None:
    config = written(prosody, tmp_path)
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(person(prosody, jid, tmp_path)) for jid in PEOPLE]
        for moment in sorted(random.Random(7).sample(range(2, 2 * COUNT - 5), 3)):
            async with process(config):
                await heard(people, moment)
        async with process(config):
            await heard(people, 2 * COUNT)
            for someone in people:
                await someone.has_heard([f"{STAMP}{n}" for n in range(COUNT)])
            await settled(tmp_path / "state" / "facteur.db")
    assert STAMP.encode() not in read(tmp_path / "state") + read(tmp_path / "bot.log")


async def settled(path: Path) -> None:
    """Wait until no text is left in the bot's database."""
    look = await Database.open_read_only(path)
    async with asyncio.timeout(20):
        while (await look.fetch_all("SELECT COUNT(*) AS n FROM letter"))[0]["n"]:
            await asyncio.sleep(0.01)
    await look.close()


async def test_the_directory_says_who_may(prosody: Prosody, tmp_path: Path) -> None:
    config = written(prosody, tmp_path)
    async with running_directory(prosody, tmp_path, services={BOT}):
        for who, status, said in (
            (PEOPLE[0], 0, "role:chair@body:an"),
            (PEOPLE[1], 1, "role:chair@body:an"),
            ("nobody@gov.localhost", 1, "nobody@gov.localhost"),
        ):
            command = [sys.executable, "-m", "xmppgov.cli.main", "bot", "explain", who, "moi"]
            asked = await asyncio.create_subprocess_exec(
                *command, "--config", str(config), stdout=asyncio.subprocess.PIPE
            )
            out, _ = await asyncio.wait_for(asked.communicate(), 40)
            assert (asked.returncode, said in out.decode()) == (status, True), out


async def test_the_same_verbs_on_a_real_server(prosody: Prosody, tmp_path: Path) -> None:
    bot = Bot("essai", introduction="J'essaie.")

    @bot.command("dis", help="dis WORDS", who=OPEN)
    async def say(context: Context, words: str) -> str:
        assert context.asker
        await context.send(PEOPLE[1], f"copie : {words}", reference=words)
        return f"dit : {words}"

    @bot.every(timedelta(seconds=1))
    async def tick(context: Context) -> None:
        await context.send(PEOPLE[0], "tic", reference="tick")

    async with talking_for_real(prosody, bot, tmp_path, people=PEOPLE) as chat:
        assert await chat.say(PEOPLE[0], "dis un") == "dit : un"
        assert await chat.say(PEOPLE[0], "dis deux") == "dit : deux"
        await chat.until_sent(3)
        assert sorted((sent.to, sent.text, sent.reference) for sent in chat.sent) == [
            (PEOPLE[0], "tic", "tick"),
            (PEOPLE[1], "copie : deux", "deux"),
            (PEOPLE[1], "copie : un", "un"),
        ]
