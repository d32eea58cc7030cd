"""A database of before, with alerts open and over, is that of today."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.alerts.test_rest import answer_of, sent, states
from tests.unit.alerts.world import MIGRATED, TEXT_SECRET, world
from xmppgov.bot.letters.cipher import Cipher
from xmppgov.storage.database import Database
from xmppgov.storage.migrations import Schema
from xmppgov_alerts.number import typed
from xmppgov_alerts.store import SCHEMA

OLD = Schema("alerts", SCHEMA.scripts[:1])
OPEN = "0123456789abcdef"
ALICE = "alice@gov.example"


async def old_database(path: Path) -> None:
    """Write a database of the first schema: two open alerts and one that is over."""
    cipher = Cipher(TEXT_SECRET, "alert")
    database = await Database.open(path, *(OLD if s is SCHEMA else s for s in MIGRATED))
    try:
        for name, state in ((OPEN, "open"), ("f" * 16, "open"), ("e" * 16, "expired")):
            sealed = cipher.seal("Évacuez.", name) if state == "open" else None
            await database.execute(
                "INSERT INTO alert VALUES (?, 1, 'one', ?, ?, ?, 'Severe', 'fr', 1, 9e9, ?, ?)",
                (name, name, cipher.mark(b"{}"), '["group:grp-1"]', state, sealed),
            )
            for person, jid, answered in (("p1", ALICE, None), ("p2", "bob@gov.example", 5.0)):
                await database.execute(
                    "INSERT INTO alert_recipient VALUES (?, ?, ?, ?, ?)",
                    (name, person, person, jid, answered),
                )
    finally:
        await database.close()


async def test_old_alerts_have_numbers_and_go_on(tmp_path: Path) -> None:
    await old_database(tmp_path / "db" / "alerts.sqlite")
    async with world(tmp_path) as w:
        assert await w.database.fetch_all("PRAGMA foreign_key_check") == []
        rows = await w.database.fetch_all("SELECT number FROM alert WHERE state = 'open'")
        numbers = {row["number"] for row in rows}
        assert len(numbers) == 2
        assert all(len(number) == 4 for number in numbers)
        assert "Évacuez." in await w.alerts.render(OPEN, ALICE)
        recipients = (await w.get(OPEN))[1]["recipients"]
        assert {r["name"]: r["how"] for r in recipients} == {"p1": None, "p2": "word"}
        await w.outbox.add(w.database, reference=OPEN, recipients=[ALICE], expires=9e9)
        await sent(w.database, OPEN)
        assert "confirmé" in await answer_of(w, ALICE, "reçu")
        assert (await states(w, OPEN))[ALICE] == "acknowledged"
        assert (await w.post(b"{}", id=OPEN))[1]["id"] == OPEN
        number = (await w.post({"to": ["group:grp-1"], "severity": "Minor", "text": "x"}))[1]
        assert typed(number["number"])


async def test_a_migration_that_breaks_off_leaves_the_old_tables(tmp_path: Path) -> None:
    path = tmp_path / "db" / "alerts.sqlite"
    await old_database(path)
    broken = Schema("alerts", (SCHEMA.scripts[0], SCHEMA.scripts[1] + "; SELECT broken"))
    with pytest.raises(Exception, match="broken"):
        await Database.open(path, *(broken if s is SCHEMA else s for s in MIGRATED))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM alert").fetchone() == (3,)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
        assert "alert_1" not in tables
