"""Updates and cancellations over real HTTP and SQLite: what goes to whom, once, by whose right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.unit.alerts.test_events import told
from tests.unit.alerts.test_rest import ALERT, answer_of, sent
from tests.unit.alerts.world import World, world
from xmppgov.bot.model import Incoming, Target
from xmppgov.bot.outbox.model import Departure, Kind

ALICE, BOB = "alice@gov.example", "bob@gov.example"
NEW = {"text": "Évacuez aussi l'école."}


async def accepted(w: World, **more: Any) -> str:
    status, answer = await w.post({**ALERT, **more})
    assert status == 202
    return str(answer["id"])


async def change(
    w: World, alert_id: str, what: str, body: object = None, **more: Any
) -> tuple[int, Any]:
    return await w.post({} if body is None else body, path=f"/v1/alerts/{alert_id}/{what}", **more)


async def left(w: World, reference: str, jid: str) -> None:
    await w.database.execute(
        "UPDATE outbox SET state = 'accepted' WHERE reference = ? AND recipient = ?",
        (reference, jid),
    )


async def people(w: World, alert_id: str) -> dict[str, Any]:
    return {r["name"].split()[0]: r for r in (await w.get(alert_id))[1]["recipients"]}


async def test_an_update_corrects_what_left_and_replaces_what_did_not(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        await left(w, first, ALICE)
        status, answer = await change(w, first, "update", NEW)
        assert status == 202
        new = answer["id"]
        was, now = await people(w, first), await people(w, new)
        assert (was["Alice"]["state"], was["Benoît"]["state"]) == ("accepted", "withdrawn")
        assert (now["Alice"]["as"], now["Benoît"]["as"]) == ("correction", "text")
        assert (now["Alice"]["nudge"], now["Benoît"]["nudge"]) == ("queued", None)
        assert now["Zoé"]["state"] == "no-account"
        (old,) = [d for d in await w.outbox.states(first) if d.recipient == ALICE]
        (row,) = [d for d in await w.outbox.states(new) if d.recipient == ALICE]
        assert row.target == old.origin_id
        _, report = await w.get(new)
        assert (report["msg_type"], report["version"], report["references"]) == (
            "Update", 2, [first],
        )  # fmt: skip
        assert (await w.get(first))[1]["state"] == "superseded"
        number = report["number"]
        text = await w.alerts.render(new, ALICE)
        assert text.startswith(f"🟠 *ALERTE GRAVE* n° {number} (version 2)\n\nÉvacuez aussi")
        assert await w.alerts.render(f"{new}.n", ALICE) == (
            f"n° {number} (version 2) : mise à jour, relisez-la."
        )


async def test_a_third_version_corrects_the_first_that_left(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        await left(w, first, ALICE)
        second = (await change(w, first, "update", NEW))[1]["id"]
        await left(w, second, BOB)
        third = (await change(w, first, "update", {"text": "Rentrez.", "severity": "Minor"}))[1]
        rows = {d.recipient: d for d in await w.outbox.states(third["id"])}
        firsts = {d.recipient: d.origin_id for d in await w.outbox.states(first)}
        seconds = {d.recipient: d.origin_id for d in await w.outbox.states(second)}
        assert (rows[ALICE].target, rows[BOB].target) == (firsts[ALICE], seconds[BOB])
        assert {d.state.value for d in await w.outbox.states(f"{second}.n")} == {"withdrawn"}
        assert (await w.get(third["id"]))[1]["severity"] == "Minor"


async def test_a_small_update_sends_no_second_message(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w, severity="Moderate")
        await sent(w.database, first)
        new = (await change(w, first, "update", NEW))[1]["id"]
        assert await w.outbox.states(f"{new}.n") == []


async def test_a_cancellation_retracts_and_says_so_where_something_left(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w, status="Exercise")
        await left(w, first, ALICE)
        status, answer = await change(w, first, "cancel")
        assert status == 202
        now = await people(w, answer["id"])
        assert (now["Alice"]["state"], now["Alice"]["retraction"]) == ("queued", "queued")
        assert (now["Benoît"]["state"], now["Benoît"]["retraction"]) == ("withdrawn", None)
        (retraction,) = await w.outbox.states(f"{answer['id']}.x")
        (old,) = [d for d in await w.outbox.states(first) if d.recipient == ALICE]
        assert (retraction.kind, retraction.target) == (Kind.RETRACTION, old.origin_id)
        lines = (await w.alerts.render(answer["id"], ALICE)).splitlines()
        assert lines[0] == lines[-1] == "EXERCICE — EXERCISE"
        assert lines[1] == f"ANNULÉE : alerte n° {answer['number']}"
        assert (await w.get(first))[1]["state"] == "cancelled"
        assert (await change(w, first, "update", NEW))[0] == 409
        assert (await change(w, first, "cancel"))[0] == 409


async def test_a_change_is_made_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        answers = await asyncio.gather(
            *(change(w, first, "update", NEW, id="u1") for _ in range(5))
        )
        assert len({answer["id"] for _, answer in answers}) == 1
        assert (await change(w, first, "update", {"text": "Autre."}, id="u1"))[0] == 409
        other = await accepted(w)
        assert (await change(w, other, "update", NEW, id="u1"))[0] == 409
        assert (await change(w, first, "cancel", id="u1"))[0] == 409
        rows = await w.database.fetch_all("SELECT 1 FROM alert WHERE family = ?", (first,))
        assert len(rows) == 2


async def test_a_key_changes_only_what_it_could_have_sent(tmp_path: Path) -> None:
    keys = {"one": {}, "narrow": {"scope": ["group:grp-2"]}, "small": {"max_severity": "Minor"}}
    async with world(tmp_path, **keys) as w:
        first = await accepted(w)
        for what, body in (("update", NEW), ("cancel", {})):
            assert (await change(w, first, what, body, key="narrow"))[0] == 404
            assert (await change(w, first, what, body, key="small"))[0] == 403
            assert (await change(w, "0" * 16, what, body))[0] == 404
            assert (await change(w, "x", what, body))[0] == 404
        minor = await accepted(w, severity="Minor")
        raised = {**NEW, "severity": "Severe"}
        assert (await change(w, minor, "update", raised, key="small"))[0] == 403
        assert (await change(w, minor, "cancel", key="small"))[0] == 202


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("update", {}), ("update", {**NEW, "to": ["group:grp-2"]}),
        ("update", {**NEW, "status": "Actual"}),
        ("update", {**NEW, "expires": "2020-01-01T00:00:00Z"}),
        ("cancel", {"text": ""}), ("cancel", {"severity": "Minor"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_changed_is_refused(tmp_path: Path, what: str, body: object) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        assert (await change(w, first, what, body))[0] == 422
        assert (await w.get(first))[1]["state"] == "open"


@pytest.mark.parametrize("what", ["update", "cancel"])
@pytest.mark.parametrize("broken", ["alert", "alert_recipient", "outbox"])
async def test_a_change_whose_write_fails_leaves_the_alert_as_it_was(
    tmp_path: Path, what: str, broken: str
) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        await left(w, first, ALICE)
        await w.database.execute(
            f"CREATE TRIGGER fault BEFORE INSERT ON {broken}"
            " BEGIN SELECT RAISE(ABORT, 'fault'); END"
        )
        body = NEW if what == "update" else {}
        assert (await change(w, first, what, body, id="c1"))[0] == 500
        now = await people(w, first)
        assert (now["Alice"]["state"], now["Benoît"]["state"]) == ("accepted", "queued")
        assert (await w.get(first))[1]["state"] == "open"
        assert ALERT["text"] in await w.alerts.render(first, BOB)
        await w.database.execute("DROP TRIGGER fault")
        assert (await change(w, first, what, body, id="c1"))[0] == 202


async def test_who_confirmed_one_version_has_not_confirmed_the_next(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        await sent(w.database, first)
        number = (await w.get(first))[1]["number"]
        await answer_of(w, ALICE, f"reçu {number}")
        new = (await change(w, first, "update", NEW))[1]["id"]
        assert (await people(w, first))["Alice"]["how"] == "command"
        assert (await people(w, new))["Alice"]["state"] == "queued"
        await sent(w.database, new)
        quoting = Incoming(
            ALICE, "👍", "fr", "s2", target=Target(quote=f"🟠 *ALERTE GRAVE* n° {number} É")
        )
        async with w.database.transaction() as tx:
            assert f"Aucune alerte n° {number}" in str(
                (await w.alerts.answer(tx, quoting)).in_language("fr")  # type: ignore[union-attr]
            )
        assert (await people(w, new))["Alice"]["state"] == "sent"
        await answer_of(w, ALICE, "👍")
        one = (await people(w, new))["Alice"]
        assert (one["state"], one["how"]) == ("acknowledged", "sign")


async def test_a_number_or_a_reaction_confirms_the_alert_that_it_names(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, new = await accepted(w), await accepted(w)
        await sent(w.database, old)
        await sent(w.database, new)
        number = (await w.get(old))[1]["number"]
        assert number in await answer_of(w, ALICE, f"ok {number.lower()}")
        assert "Aucune alerte n° 7777" in await answer_of(w, ALICE, "ok 7777")
        assert "déjà notée" in await answer_of(w, ALICE, f"reçu {number}")
        (row,) = [d for d in await w.outbox.states(old) if d.recipient == BOB]
        reaction = Incoming(BOB, "👍", None, "s1", target=Target(id=row.origin_id), encrypted=False)
        async with w.database.transaction() as tx:
            await w.alerts.answer(tx, reaction)
        said = {name: (r["state"], r["how"]) for name, r in (await people(w, old)).items()}
        assert said["Alice"] == ("acknowledged", "command")
        assert said["Benoît"] == ("acknowledged", "reaction")
        assert (await people(w, new))["Benoît"]["state"] == "sent"


async def test_a_quotation_of_something_else_confirms_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await accepted(w)
        await sent(w.database, first)
        quoting = Incoming(ALICE, "👍", "fr", "s", target=Target(quote="Bonjour"))
        async with w.database.transaction() as tx:
            await w.alerts.answer(tx, quoting)
        assert (await people(w, first))["Alice"]["state"] == "sent"


async def test_the_archive_is_told_of_texts_and_not_of_retractions(tmp_path: Path) -> None:
    async with world(tmp_path) as w, w.database.transaction() as tx:
        departures = [
            Departure("1" * 32, "a1", ALICE, 900, True),
            Departure("2" * 32, "a1.n", ALICE, 900, True),
            Departure("3" * 32, "a1.x", ALICE, 200, False),
        ]
        await w.alerts.accepted(tx, departures)
        events = await told(w)
    assert [event.oid for event in events] == ["1" * 32, "2" * 32]


async def test_no_two_open_alerts_have_one_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        given = iter([b"\0\0\0\1", b"\0\0\0\1", b"\0\0\0\2"])
        monkeypatch.setattr(
            w.alerts._numbering,
            "_random",
            lambda size: next(given) if size == 4 else bytes([next(ids)] * size),
        )
        ids = iter(range(1, 9))
        one, other = await accepted(w), await accepted(w)
        assert (await w.get(one))[1]["number"] != (await w.get(other))[1]["number"]
