"""From the command line to people's devices and back: the bot's process on a real server."""

import asyncio
import random
import sqlite3
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.alert_world import (
    BOT,
    alerts_process,
    client,
    command,
    configuration,
    directory,
    report,
    send,
    until,
)
from tests.people import person
from tests.streams import read
from xmppgov.demo.prosody import Prosody
from xmppgov_alerts.model import rfc3339

ALICE, BOB, CARL = (f"{name}@gov.localhost" for name in ("alice", "bob", "carl"))
ACCOUNTS = [BOT, ALICE, BOB, CARL]
PROSODY_MODULES = "policy keys contacts"
CANARY = "Évacuez-la-mairie-4c21 par la rue du Château"
ALERT = {"to": ["body:pref-59"], "severity": "Severe"}
PEOPLE = {"Alice": ALICE, "Bob": BOB, "Carl": CARL, "Zoé": None}


async def test_an_alert_reaches_whom_it_can_and_says_whom_it_cannot(
    prosody: Prosody, tmp_path: Path
) -> None:
    config = configuration(prosody, tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(directory(prosody, tmp_path, PEOPLE))
        service = await stack.enter_async_context(alerts_process(config))
        alice = await stack.enter_async_context(person(prosody, ALICE, tmp_path / "people"))
        bob = await stack.enter_async_context(person(prosody, BOB, tmp_path / "people"))
        bob.receipts = False
        alert_id = (await send(config, CANARY))["id"]
        heard = await alice.wait_for(CANARY)
        number = (await report(config, alert_id))["number"]
        assert heard.text.startswith(f"🟠 *ALERTE GRAVE* n° {number}\n\n")
        assert "De : Préfecture du Nord, " in heard.text
        assert f"répondez « reçu », ou « reçu {number} »" in heard.text
        await bob.wait_for(CANARY)
        await until(
            config,
            alert_id,
            lambda s: s == {
                "Zoé": "no-account", "Carl": "unreachable", "Alice": "delivered", "Bob": "accepted"
            },
        )  # fmt: skip
        await alice.send(BOT, "Bien reçu !")
        await alice.wait_for("vous avez confirmé")
        await bob.send(BOT, "c'est pour moi ?", language="en")
        await bob.wait_for("I bring alerts")
        final = await until(config, alert_id, lambda s: s["Alice"] == "acknowledged")
        assert final["counts"]["acknowledged"] == 1
        status, table, _ = await command(config, "status", alert_id)
        assert status == 0
        assert max(map(len, table.splitlines())) <= 80
        rows = [table.rindex(state) for state in ("injoignable  ", "sans compte  ", "confirmée  ")]
        assert rows == sorted(rows)
        assert "(aucun" in table
        assert "\x1b" not in table
    assert alice.unreadable == bob.unreadable == []
    kept = b"".join(read(tmp_path / part) for part in ("alerts", "keys")) + read(prosody.state)
    assert CANARY.encode() not in kept
    assert "mairie" not in service.log()


async def test_a_killed_bot_sends_every_alert_once(prosody: Prosody, tmp_path: Path) -> None:
    chance = random.Random(20261123)
    config = configuration(prosody, tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(directory(prosody, tmp_path, PEOPLE))
        service = await stack.enter_async_context(alerts_process(config))
        folder = tmp_path / "people"
        alice, bob = [
            await stack.enter_async_context(person(prosody, jid, folder)) for jid in (ALICE, BOB)
        ]
        ids = []
        async with client(config) as door:
            for n in range(3):
                alert = {
                    "to": ["body:pref-59"],
                    "severity": "Severe",
                    "text": f"Alerte numéro {n}.",
                }
                sending = asyncio.create_task(door.send(alert, f"r{n}"))
                await asyncio.wait({sending}, timeout=chance.uniform(0.0, 0.3))
                await service.kill()
                await service.start()
                ids.append(await sending)
        for someone in (alice, bob):
            for n in range(3):
                await someone.wait_for(f"numéro {n}.", timeout=30)
        for alert_id in ids:
            await until(config, alert_id, lambda s: s["Alice"] == s["Bob"] == "delivered")
        for someone in (alice, bob):
            texts = [heard.text for heard in someone.heard]
            assert [sum(f"numéro {n}." in text for text in texts) for n in range(3)] == [1, 1, 1]
            assert someone.unreadable == []


async def test_an_answer_is_counted_once_whatever_is_killed(
    prosody: Prosody, tmp_path: Path
) -> None:
    config = configuration(prosody, tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(directory(prosody, tmp_path, {"Alice": ALICE}))
        service = await stack.enter_async_context(alerts_process(config))
        alice = await stack.enter_async_context(person(prosody, ALICE, tmp_path / "people"))
        alert_id = (await send(config, "Un seul accusé."))["id"]
        await alice.wait_for("Un seul accusé.")
        await until(config, alert_id, lambda s: s["Alice"] == "delivered")
        await service.kill()
        await alice.send(BOT, "reçu")
        await service.start()
        await alice.wait_for("vous avez confirmé", timeout=30)
        await service.kill()
        await service.start()
        await until(config, alert_id, lambda s: s["Alice"] == "acknowledged")
        await alice.send(BOT, "ok")
        await alice.wait_for("déjà notée", timeout=30)
        assert len([h for h in alice.heard if "vous avez confirmé" in h.text]) == 1
        assert (await report(config, alert_id))["counts"]["acknowledged"] == 1


async def test_what_expires_while_the_server_is_away_is_wiped(
    prosody: Prosody, tmp_path: Path
) -> None:
    config = configuration(prosody, tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(directory(prosody, tmp_path, {"Carl": CARL}))
        service = await stack.enter_async_context(alerts_process(config))
        soon = rfc3339(datetime.now(UTC) + timedelta(seconds=6))
        async with client(config) as door:
            alert_id = await door.send({**ALERT, "text": CANARY, "expires": soon}, "r1")
        database = tmp_path / "alerts" / "alerts.sqlite"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
            (sealed,) = reader.execute("SELECT sealed FROM alert").fetchone()
        assert sealed in read(database.parent)
        prosody.kill()
        try:
            await until(config, alert_id, lambda s: s["Carl"] == "expired")
            async with asyncio.timeout(30):  # the outbox and the alert expire by themselves
                while (await report(config, alert_id))["state"] != "expired":
                    await asyncio.sleep(0.05)
                while sealed in read(database.parent):
                    await asyncio.sleep(0.05)
        finally:
            prosody.start()
        assert "mairie" not in service.log()
