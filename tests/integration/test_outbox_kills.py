"""A bot that is killed in the middle of a broadcast: each person has each text once."""

import asyncio
import base64
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from oldmemo.oldmemo import EncryptedKeyMaterialImpl, KeyExchangeImpl

from tests.people import OmemoPerson, person
from tests.streams import account_section, read
from xmppgov.bot import stanza
from xmppgov.bot.outbox.model import State
from xmppgov.bot.outbox.store import OutboxStore
from xmppgov.bot.store import SCHEMAS
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database

BOT = "alertes@gov.localhost"
PEOPLE = [f"q{n}@gov.localhost" for n in range(4)]
ACCOUNTS = [BOT, *PEOPLE]
PROSODY_MODULES = ""
TEXTS = [f"annonce-{n}" for n in range(20)]
SETTLED = {State.ACCEPTED, State.DELIVERED}


async def fill(path: Path) -> Database:
    """Queue every text for everybody, and leave a second connection open for looking."""
    database = await Database.open(path, *SCHEMAS)
    rows = [(t, jid, f"{t}-{jid[:2]}-{time.time_ns()}") for t in TEXTS for jid in PEOPLE]
    async with database.transaction() as tx:
        await OutboxStore(database).add(tx, rows, time.time(), time.time() + 3600)
    await database.close()
    return await Database.open_read_only(path)


async def states(look: Database) -> Counter[str]:
    rows = await look.fetch_all("SELECT state FROM outbox")
    return Counter(row["state"] for row in rows)


@asynccontextmanager
async def broadcaster(server: Prosody, path: Path, log: Path) -> AsyncIterator[subprocess.Popen]:
    section = account_section(server, BOT).model_dump_json()
    with log.open("ab") as out:
        command = [sys.executable, "-m", "tests.broadcaster", str(path), section]
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def until(look: Database, enough: int, open_states: set[str]) -> None:
    async with asyncio.timeout(40):
        while True:
            found = await states(look)
            if sum(n for state, n in found.items() if state not in open_states) >= enough:
                return
            await asyncio.sleep(0.01)


def ratchet_keys(message: stanza.ET.Element) -> list[tuple[str, bytes, int, str]]:
    """Return (receiving device, ratchet key, counter, ciphertext) of a message's headers."""
    found = []
    for key in message.iter(f"{{{stanza.OMEMO}}}key"):
        content = base64.b64decode(key.text or "")
        if key.get("prekey") in ("true", "1"):
            content = KeyExchangeImpl.parse(content, False)[1]
        material = EncryptedKeyMaterialImpl.parse(content, "x", 1).encrypted_message
        header = material.header
        found.append(
            (key.get("rid", ""), header.ratchet_pub, header.sending_chain_length, key.text or "")
        )
    return found


def assert_no_key_used_twice(people: list[OmemoPerson]) -> None:
    used: dict[tuple[str, bytes, int], set[str]] = defaultdict(set)
    for someone in people:
        for message in someone.wire:
            for rid, pub, n, text in ratchet_keys(message):
                used[rid, pub, n].add(text)
    assert used
    assert all(len(texts) == 1 for texts in used.values())


async def test_killed_in_mid_broadcast(prosody: Prosody, tmp_path: Path) -> None:
    moments = random.Random(5).sample(range(5, len(TEXTS) * len(PEOPLE) - 5), 3)
    path, log = tmp_path / "bot.sqlite", tmp_path / "bot.log"
    look = await fill(path)
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(person(prosody, jid, tmp_path)) for jid in PEOPLE]
        for moment in sorted(moments):
            async with broadcaster(prosody, path, log) as process:
                await until(look, moment, {"queued"})
                process.send_signal(signal.SIGKILL)
        async with broadcaster(prosody, path, log):
            await until(look, len(TEXTS) * len(PEOPLE), {"queued", "encrypted", "sent"})
        for someone in people:
            await someone.has_heard([f"{text} pour {someone.jid}" for text in TEXTS])
        assert_no_key_used_twice(people)
    assert set(await states(look)) <= SETTLED
    await look.close()
    kept = read(tmp_path)
    assert b"annonce-7 pour" not in kept


async def test_the_server_is_restarted_in_mid_broadcast(prosody: Prosody, tmp_path: Path) -> None:
    path, log = tmp_path / "bot.sqlite", tmp_path / "bot.log"
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(person(prosody, jid, tmp_path)) for jid in PEOPLE]
        look = await fill(path)
        async with broadcaster(prosody, path, log):
            await until(look, 20, {"queued"})
            prosody.stop()
            prosody.start()
            await until(look, len(TEXTS) * len(PEOPLE), {"queued", "encrypted", "sent"})
        for someone in people:
            await someone.has_heard([f"{text} pour {someone.jid}" for text in TEXTS])
        assert_no_key_used_twice(people)
    assert set(await states(look)) <= SETTLED
    await look.close()
