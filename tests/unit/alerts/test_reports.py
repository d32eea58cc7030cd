"""Reports over real HTTP: trouble first, page by page, as a table, of 50,000 people."""

from __future__ import annotations

import csv
import io
import tracemalloc
from pathlib import Path
from typing import Any

from tests.unit.alerts.test_rest import ALERT
from tests.unit.alerts.world import World, world
from xmppgov_alerts.model import Person
from xmppgov_alerts.reports.model import STATES


async def pages(w: World, alert_id: str, limit: int) -> list[Any]:
    document = (await w.get(alert_id, query=f"?limit={limit}"))[1]
    found = [document]
    while document["next"] is not None:
        query = f"?after={document['next']}&limit={limit}"
        document = (await w.get(alert_id, query=query))[1]
        found.append(document)
    return found


async def crowd(w: World, size: int) -> str:
    """Return the id of an alert for so many people more, of whom every fourth has no account."""
    alert_id = str((await w.post(ALERT))[1]["id"])
    people = [
        Person(f"x{n}", f"Nom {n % 977}", f"x{n}@gov.example" if n % 4 else None)
        for n in range(size)
    ]
    async with w.database.transaction() as tx:
        await w.alerts.reports._alerts.add_people(tx, alert_id, people)
        jids = [person.jid for person in people if person.jid]
        await w.outbox.add(tx, reference=alert_id, recipients=jids, expires=9e9)
        await tx.execute(
            "UPDATE outbox SET state = CASE id % 5 WHEN 0 THEN 'failed' WHEN 1 THEN 'unreachable'"
            " ELSE 'accepted' END"
        )
    return alert_id


async def test_pages_are_the_whole_with_trouble_first(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = await crowd(w, 200)
        found = await pages(w, alert_id, 17)
        people = [one for page in found for one in page["recipients"]]
        assert len(people) == sum(found[0]["counts"].values()) == 203
        assert len({(one["name"], one["jid"]) for one in people if one["jid"]}) == 152
        states = [one["state"] for one in people]
        order = ["failed", "unreachable", "no-account", "accepted"]
        assert states == sorted(states, key=order.index)
        whole = (await w.get(alert_id, query="?limit=1000"))[1]
        assert (whole["recipients"], whole["next"]) == (people, None)
        assert list(whole["counts"]) == list(STATES)


async def test_a_limit_is_a_number_within_limits(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = (await w.post(ALERT))[1]["id"]
        for wrong in ("0", "1001", "-1", "x", "1e2", "", "00001000000"):
            assert (await w.get(alert_id, query=f"?limit={wrong}"))[0] == 400
        assert (await w.get(alert_id, query="?limit=2&after=nobody"))[1]["recipients"] == []


async def test_the_table_has_each_person_once(tmp_path: Path) -> None:
    keys = {"one": {}, "narrow": {"scope": ["group:grp-2"]}}
    async with world(tmp_path, **keys) as w:
        alert_id = await crowd(w, 1200)
        status, body = await w.table(alert_id)
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        assert status == 200
        assert len({row["person"] for row in rows}) == len(rows) == 1203
        assert {row["status"] for row in rows} == {"Actual"}
        assert (await w.table(alert_id, key="narrow"))[0] == 404
        assert (await w.table("0" * 16))[0] == 404


async def test_fifty_thousand_are_reported_in_little_memory(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alert_id = await crowd(w, 50_000)
        sender = w.senders["one"]
        tracemalloc.start()
        try:
            report = await w.alerts.reports.report(sender, alert_id)
            lines = 0
            async for piece in await w.alerts.reports.table(sender, alert_id):
                lines += piece.count(b"\r\n")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert sum(report.counts.values()) == 50_003
    assert (len(report.recipients), lines) == (500, 50_004)
    assert peak < 8_000_000
