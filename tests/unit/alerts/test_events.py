"""What the archive is told of alerts: sent and confirmed, each with its effect, each once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.unit.alerts.test_rest import ALERT, answer_of, sent, states
from tests.unit.alerts.world import BOT, World, world
from tests.unit.archive.emitter.undecided import undecided
from xmppgov.archive.emitter.model import Event
from xmppgov.bot.outbox.model import Departure

ALICE = "alice@gov.example"


async def told(w: World) -> list[Event]:
    return await undecided(w.database)


async def test_what_the_server_has_taken(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        async with w.database.transaction() as tx:
            text = Departure("f" * 32, "a1", ALICE, 1700, True)
            await w.alerts.accepted(tx, [text, Departure("e" * 32, "a1", ALICE, 300, False)])
        alert, notice = await told(w)
    assert (alert.kind, alert.sender, alert.to) == ("alert-sent", BOT, ALICE)
    assert (alert.size, alert.enc, alert.oid) == (1700, "omemo:siacs", "f" * 32)
    assert (notice.size, notice.enc, notice.oid) == (300, "none", "e" * 32)


async def test_an_answer_is_told_once_and_names_the_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        await sent(w.database, alert_id)
        for text in ("pas reçu", "reçu", "reçu", "ok"):
            await answer_of(w, ALICE, text)
        (ack,) = await told(w)
        (delivery,) = [d for d in await w.outbox.states(alert_id) if d.recipient == ALICE]
    assert (ack.kind, ack.sender, ack.to) == ("alert-ack", ALICE, BOT)
    assert (ack.oid, ack.size, ack.enc) == (delivery.origin_id, None, None)


async def test_an_answer_before_any_acknowledgement_shows_that_it_was_sent(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        (delivery,) = [d for d in await w.outbox.states(alert_id) if d.recipient == ALICE]
        async with w.database.transaction() as tx:
            await w.outbox._acceptance.expect(tx, [Departure.of(delivery, "<message/>")])
        await sent(w.database, alert_id)
        await answer_of(w, ALICE, "reçu")
        assert [(r.kind, r.oid) for r in await told(w)] == [
            ("alert-sent", delivery.origin_id),
            ("alert-ack", delivery.origin_id),
        ]


async def test_an_answer_that_cannot_be_told_is_not_counted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        await sent(w.database, alert_id)
        await w.database.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON spool_undecided"
            " BEGIN SELECT RAISE(ABORT, 'fault'); END"
        )
        with pytest.raises(sqlite3.IntegrityError):
            await answer_of(w, ALICE, "reçu")
        assert (await states(w, alert_id))[ALICE] == "sent"
        await w.database.execute("DROP TRIGGER fault")
        await answer_of(w, ALICE, "reçu")
        assert len(await told(w)) == 1
