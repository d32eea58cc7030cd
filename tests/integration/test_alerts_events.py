"""Alerts that the server took and answers that counted are archived: once, whatever dies."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tests.archive import pseudonyms, records, references
from tests.integration.alert_world import (
    BOT,
    AlertsProcess,
    alerts_process,
    client,
    configuration,
    directory,
    send,
    until,
)
from tests.integration.test_archive_process import Running
from tests.people import person
from tests.rooms import until as until_true
from xmppgov.demo.prosody import Prosody

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [BOT, ALICE, BOB]
PROSODY_MODULES = "capture policy keys contacts"
ALERT = {"to": ["body:pref-59"], "severity": "Severe"}
PEOPLE = {"Alice": ALICE, "Bob": BOB, "Zoé": None}
Told = tuple[str, str, str]
"""Kind, recipient (or who confirmed), encryption (or nothing)."""


@asynccontextmanager
async def bot_and_archive(
    server: Prosody, folder: Path
) -> AsyncIterator[tuple[AlertsProcess, Running]]:
    """The directory, the alerts bot, and an archive that takes alerts alone; it is started."""
    config = configuration(server, folder)
    config.write_text(f'{config.read_text()}\n[emitter]\narchive = "archive.gov.localhost"\n')
    archive = Running(server, folder)
    text = archive.config.read_text().replace('["governance.gov.localhost"]', '["gov.localhost"]')
    emitters = f'[archive.emitters]\n"{BOT}" = ["alert-sent", "alert-ack"]\n'
    archive.config.write_text(text + emitters)
    archive.start()
    try:
        async with directory(server, folder, PEOPLE), alerts_process(config) as service:
            yield service, archive
    finally:
        if archive.process and archive.process.poll() is None:
            archive.kill(15)


def of_alerts(archive: Running) -> list[dict[str, Any]]:
    """The records that are no messages."""
    return [r for r in records(archive.config) if r["kind"].startswith("alert.")]


def told(archive: Running) -> list[Told]:
    """What the archive has of alerts."""
    if not (archive.folder / "archive-log" / "tiles" / "checkpoint").exists():
        return []
    every = of_alerts(archive)  # first: its keys are there then
    people = {p: jid for jid in ACCOUNTS for p in pseudonyms(archive.config, "person", jid)}
    found = []
    for record in every:
        bot, other = ("from", "to") if record["kind"] == "alert.sent" else ("to", "from")
        assert people[record[bot]] == BOT
        found.append((record["kind"], people[record[other]], record.get("enc", "")))
    return found


async def recorded(archive: Running, *wanted: Told, notices: bool = True) -> None:
    """Wait until the archive has this and nothing else, and find it whole.

    Without `notices`, it may have any number of them: a server that starts again may not have
    somebody's keys for a moment.
    """

    def found() -> list[Told]:
        return [one for one in told(archive) if notices or one[2] != "none"]

    async def all_there() -> bool:
        return len(found()) >= len(wanted)

    await until_true(all_there, 40)
    assert Counter(found()) == Counter(wanted)
    report = archive.json("verify")
    # The server's spool has long left behind what an earlier test's archive has taken of it.
    holes = [hole for hole in report["holes"] if hole["server"] == BOT]
    assert (report["ok"], holes) == (True, []), report


def sent(who: str, enc: str = "omemo:0") -> Told:
    return ("alert.sent", who, enc)


async def test_texts_notices_and_answers(prosody: Prosody, tmp_path: Path) -> None:
    async with (
        bot_and_archive(prosody, tmp_path) as (service, archive),
        person(prosody, ALICE, tmp_path / "people") as alice,
    ):
        alert_id = (await send(service.config, "Crue de la Deûle."))["id"]
        await alice.wait_for("Crue de la Deûle.")
        await recorded(archive, sent(ALICE), sent(BOB, "none"))
        await alice.send(BOT, "reçu")
        await alice.wait_for("vous avez confirmé")
        confirmed = sent(ALICE), sent(BOB, "none"), ("alert.ack", ALICE, "")
        await recorded(archive, *confirmed)
        async with person(prosody, BOB, tmp_path / "people") as bob:
            await bob.wait_for("Crue de la Deûle.", timeout=30)
            await recorded(archive, *confirmed, sent(BOB))
            await until(service.config, alert_id, lambda s: s["Bob"] == "delivered")
        (oid,) = {r["oid"] for r in of_alerts(archive) if r["kind"] == "alert.ack"}
        assert oid in {r["oid"] for r in of_alerts(archive) if r["kind"] == "alert.sent"}
        (size,) = {r["size"] for r in of_alerts(archive) if r.get("enc") == "none"}
        assert size in (256, 512)
        status = archive.json("status")
        assert (BOT, 0) in [(s["server"], s["waiting"]) for s in status["spools"]]


async def test_an_archive_that_is_away_stops_no_alert(prosody: Prosody, tmp_path: Path) -> None:
    async with (
        bot_and_archive(prosody, tmp_path) as (service, archive),
        person(prosody, ALICE, tmp_path / "people") as alice,
        person(prosody, BOB, tmp_path / "people") as bob,
    ):
        archive.kill()
        alert_id = (await send(service.config, "Sans archive."))["id"]
        for someone in (alice, bob):
            await someone.wait_for("Sans archive.")
        await alice.send(BOT, "ok")
        await until(service.config, alert_id, lambda s: s["Alice"] == "acknowledged")
        await service.kill()  # what waits, waits on disk
        archive.start()
        await service.start()
        await recorded(archive, sent(ALICE), sent(BOB), ("alert.ack", ALICE, ""))


async def test_killed_at_any_moment_each_is_told_once(prosody: Prosody, tmp_path: Path) -> None:
    chance = random.Random(20261124)
    async with AsyncExitStack() as stack:
        service, archive = await stack.enter_async_context(bot_and_archive(prosody, tmp_path))
        folder = tmp_path / "people"
        alice, bob = [
            await stack.enter_async_context(person(prosody, jid, folder)) for jid in (ALICE, BOB)
        ]
        async with client(service.config) as door:
            for n in range(4):
                alert = {**ALERT, "text": f"Alerte numéro {n}."}
                sending = asyncio.create_task(door.send(alert, f"r{n}"))
                await asyncio.wait({sending}, timeout=chance.uniform(0.0, 0.4))
                await service.kill()
                archive.kill()
                archive.start()
                await service.start()
                await sending
                await alice.wait_for(f"numéro {n}.", timeout=30)
                await alice.send(BOT, "reçu")
        for n in range(4):
            await bob.wait_for(f"numéro {n}.", timeout=30)
        acks = [("alert.ack", ALICE, "")] * 4
        await recorded(archive, *[sent(ALICE)] * 4, *[sent(BOB)] * 4, *acks)
    with closing(sqlite3.connect(tmp_path / "alerts" / "alerts.sqlite")) as database:
        rows = database.execute("SELECT origin_id FROM outbox WHERE reference NOT LIKE 'reply:%'")
        ids = {row[0] for row in rows}
        assert database.execute("SELECT count(*) FROM spool_undecided").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM spool").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM awaited").fetchone() == (0,)
    keyed = {key for id in ids for key in references(archive.config, "oid", id)}
    assert {r["oid"] for r in of_alerts(archive)} == keyed


async def test_the_server_restarts_while_batches_and_alerts_are_under_way(
    prosody: Prosody, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        service, archive = await stack.enter_async_context(bot_and_archive(prosody, tmp_path))
        async with (
            person(prosody, ALICE, tmp_path / "people") as alice,
            person(prosody, BOB, tmp_path / "people") as bob,
        ):
            ids = []
            async with client(service.config) as door:
                for n in range(3):
                    ids.append(await door.send({**ALERT, "text": f"Numéro {n}."}, f"r{n}"))
                    prosody.stop()
                    prosody.start()
            for someone in (alice, bob):
                for n in range(3):
                    await someone.wait_for(f"Numéro {n}.", timeout=40)
            for alert_id in ids:
                await until(
                    service.config, alert_id, lambda s: {s["Alice"], s["Bob"]} <= {"delivered"}, 40
                )
            await recorded(archive, *[sent(ALICE)] * 3, *[sent(BOB)] * 3, notices=False)
