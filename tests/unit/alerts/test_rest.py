"""An alert at rest: sealed, wiped when it expires, all or nothing when a write fails."""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.streams import read
from tests.unit.alerts.world import AUDIENCES, world
from xmppgov.bot.model import Incoming
from xmppgov.config import LogSection
from xmppgov.errors import ConfigurationError, NotFound
from xmppgov.logs import configure_logging
from xmppgov.storage.database import Database
from xmppgov_alerts.expiry import Expiry

CANARY = "Canari-Évacuation-7f3a"
ALERT: dict[str, Any] = {"to": ["group:grp-1"], "severity": "Severe", "text": CANARY}


def spellings(text: str) -> list[bytes]:
    """Return the bytes as which a text could lie in a file."""
    return [
        text.encode(),
        text.encode("utf-16-le"),
        text.encode("unicode_escape"),
        text[:6].encode(),
    ]


async def test_no_file_holds_the_text_and_expiry_wipes_even_what_is_sealed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, answer = await w.post(ALERT, id="r1")
        row = await w.database.fetch_one("SELECT sealed FROM alert")
        assert row
        sealed = bytes(row["sealed"])
        assert sealed in read(tmp_path)
        assert not any(spelling in read(tmp_path) for spelling in spellings(CANARY))
        assert CANARY in await w.alerts.render(answer["id"], "alice@gov.example")

        w.clock.ahead = timedelta(hours=24, seconds=1)
        await w.alerts.expire()
        assert sealed not in read(tmp_path)
        assert sealed[1:13] not in read(tmp_path)
        with pytest.raises(NotFound):
            await w.alerts.render(answer["id"], "alice@gov.example")
        _, report = await w.get(answer["id"])
        assert (report["state"], len(report["recipients"])) == ("expired", 3)
        assert (await w.post(ALERT, id="r1"))[1] == answer


async def test_an_alert_that_is_not_over_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, answer = await w.post(ALERT)
        w.clock.ahead = timedelta(hours=23, minutes=59)
        due = await w.alerts.expire()
        assert CANARY in await w.alerts.render(answer["id"], "bob@gov.example")
        assert due
        assert timedelta() < due - w.clock() < timedelta(minutes=2)


async def test_expiry_runs_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.post(ALERT)
        w.clock.ahead = timedelta(days=2)
        async with Expiry(w.alerts.expire, now=w.clock), asyncio.timeout(10):
            while (
                await w.database.fetch_all("SELECT 1 FROM alert WHERE sealed IS NOT NULL")
            ) != []:
                await asyncio.sleep(0.01)


async def test_a_reader_delays_the_cut_of_the_log_and_does_not_prevent_it(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.post(ALERT)
        row = await w.database.fetch_one("SELECT sealed FROM alert")
        assert row
        reader = sqlite3.connect(w.database.path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM alert").fetchone()
        w.clock.ahead = timedelta(days=2)
        async with asyncio.timeout(2):
            await w.alerts.expire()
        assert bytes(row["sealed"]) in read(w.database.path.parent)
        reader.close()
        await w.alerts.expire()
        assert bytes(row["sealed"]) not in read(w.database.path.parent)
        timeout = await w.database.fetch_one("PRAGMA busy_timeout")
        assert timeout
        assert timeout[0] == 5000


@pytest.mark.parametrize("broken", ["alert", "alert_recipient", "outbox"])
async def test_a_failing_write_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, broken: str
) -> None:
    async with world(tmp_path) as w:
        await w.database.execute(
            f"CREATE TRIGGER fault BEFORE INSERT ON {broken}"
            " BEGIN SELECT RAISE(ABORT, 'fault'); END"
        )
        status, answer = await w.post(ALERT, id="r1")
        assert (status, answer["title"]) == (500, "internal")
        assert "fault" not in answer["detail"]
        for table in ("alert", "alert_recipient", "outbox"):
            assert await w.database.fetch_all(f"SELECT 1 FROM {table}") == []
        await w.database.execute("DROP TRIGGER fault")
        assert (await w.post(ALERT, id="r1"))[0] == 202


@pytest.fixture
def service_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What the service logs; unconfigured, structlog would print every frame's variables."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging(LogSection(level="debug"))
    yield written
    structlog.reset_defaults()


async def test_the_log_holds_no_text(tmp_path: Path, service_log: StringIO) -> None:
    async with world(tmp_path) as w:
        await w.post(ALERT)
        await w.post({**ALERT, "text": CANARY + "\x00"})
        await w.post({**ALERT, CANARY: 1})
        await w.database.execute("DROP TABLE alert_recipient")
        assert (await w.post(ALERT))[0] == 500
    written = service_log.getvalue()
    assert "alert accepted" in written
    assert "request failed" in written
    assert "CANARI" not in written.upper()


async def test_another_key_is_noticed_at_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.alerts.check_key()
        await w.post(ALERT)
        await w.alerts.check_key()
    async with world(tmp_path, secret="u" * 40) as other:
        with pytest.raises(ConfigurationError, match="former key"):
            await other.alerts.check_key()


async def sent(database: Database, alert_id: str) -> None:
    """Let an alert have left, as the bot notes it."""
    await database.execute("UPDATE outbox SET state = 'sent' WHERE reference = ?", (alert_id,))


async def answer_of(w: Any, sender: str, text: str) -> str:
    async with w.database.transaction() as tx:
        answer = await w.alerts.answer(tx, Incoming(sender, text, "fr", "s1"))
    return str(answer.in_language("fr"))


async def states(w: Any, alert_id: str) -> dict[str, str]:
    _, report = await w.get(alert_id)
    return {r["jid"]: r["state"] for r in report["recipients"] if r["jid"]}


async def test_an_answer_confirms_one_alert_the_newest_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, new = [(await w.post(ALERT))[1]["id"] for _ in range(2)]
        assert "Aucune alerte" in await answer_of(w, "alice@gov.example", "reçu")
        await sent(w.database, old)
        await sent(w.database, new)
        assert "J'apporte" in await answer_of(w, "alice@gov.example", "pas reçu")
        assert "Reste à confirmer : 1" in await answer_of(w, "alice@gov.example", "reçu")
        assert (await states(w, new))["alice@gov.example"] == "acknowledged"
        assert (await states(w, old))["alice@gov.example"] == "sent"
        assert "vous avez confirmé" in await answer_of(w, "alice@gov.example", "👍")
        assert await states(w, old) == {
            "alice@gov.example": "acknowledged",
            "bob@gov.example": "sent",
        }
        assert "déjà notée" in await answer_of(w, "alice@gov.example", "ok")
        assert "Aucune alerte" in await answer_of(w, "mallory@gov.example", "ok")


async def test_an_answer_whose_commit_fails_is_not_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        await sent(w.database, alert_id)
        with suppress(RuntimeError):
            async with w.database.transaction() as tx:
                await w.alerts.answer(tx, Incoming("alice@gov.example", "reçu", None, "s1"))
                raise RuntimeError
        assert (await states(w, alert_id))["alice@gov.example"] == "sent"
        await answer_of(w, "alice@gov.example", "reçu")
        assert (await states(w, alert_id))["alice@gov.example"] == "acknowledged"


async def test_an_expired_alert_waits_for_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        await sent(w.database, alert_id)
        w.clock.ahead = timedelta(days=2)
        await w.alerts.expire()
        assert "Aucune alerte" in await answer_of(w, "alice@gov.example", "reçu")


async def test_the_frozen_audience_does_not_follow_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        monkeypatch.setitem(AUDIENCES, "group:grp-1", ())
        assert len((await w.get(alert_id))[1]["recipients"]) == 3


async def test_an_automatic_answer_is_not_answered_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.database.transaction() as tx:
            away = Incoming("alice@gov.example", "Je suis en congé.", "fr", "s")
            answers = [await w.alerts.answer(tx, away) for _ in range(20)]
        assert answers[0] is not None
        assert answers[-1] is None
