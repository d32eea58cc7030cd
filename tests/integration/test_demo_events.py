"""On a demo, what rooms, alerts and directory do is in the archive, and its status shows them."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.archive import pseudonyms, records
from tests.chaos.world import World, world
from tests.demo_process import running_demo
from tests.directory import ask, column, form
from tests.rooms import until
from xmppgov.xmpp.client import Account


async def _alert(running: World) -> None:
    """An alert to the group, which the first resident confirms."""
    words = f"crue-{uuid.uuid4().hex}"
    alert = {"to": [f"group:{running.group}"], "severity": "Severe", "text": words, "lang": "fr"}
    await running.alerts.send(alert, uuid.uuid4().hex)
    for someone in running.residents:
        await someone.wait_for(words, 60)
    await running.residents[0].send(running.demo.ready["services"]["alerts"], "reçu")
    await running.residents[0].wait_for("vous avez confirmé", 60)


async def _look_up(running: World) -> str:
    """Search for the security officer, who is protected, and for others who are not."""
    account: Account = running.residents[0].account
    for words in ("maire", "officier de sécurité"):
        names = column(await ask(account, "set", form(q=words)), "name")
    assert len(names) == 1
    (jid,) = column(await ask(account, "set", form(q="officier de sécurité")), "jid")
    return jid


def _events(running: World) -> list[dict[str, Any]]:
    return [r for r in records(running.demo.archive) if not r["kind"].startswith("msg.")]


async def test_every_emitter_tells_the_archive(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with running_demo(tmp_path / "state", request.config) as demo:
        async with world(demo, tmp_path) as running:
            await running.everybody_goes_on()
            await _alert(running)
            protected = await _look_up(running)
            one, two = (someone.jid for someone in running.residents)
            kinds: Counter[str] = Counter()

            async def all_there() -> bool:
                kinds.clear()
                kinds.update(record["kind"] for record in _events(running))
                return kinds["dir.access"] >= 2 and kinds["alert.ack"] >= 1

            await until(all_there, 60)
            events = _events(running)
            who = {
                name: pseudonyms(demo.archive, "person", jid)
                for name, jid in (("one", one), ("two", two), ("protected", protected))
            }
            assert {r["from"] for r in events if r["kind"] == "dir.access"} == who["one"]
            assert {r["to"] for r in events if r["kind"] == "dir.access"} == who["protected"]
            assert {r["from"] for r in events if r["kind"] == "alert.ack"} == who["one"]
            reached = {r["to"] for r in events if r["kind"] == "alert.sent" and r["enc"] != "none"}
            assert reached >= who["one"] | who["two"]
            joined = {r["from"] for r in events if r["kind"] == "room.joined"}
            assert joined >= who["one"] | who["two"]
            assert kinds["dir.access"] == 2
        status = demo.json("archive", "status", *demo.config("archive"))
        told = {spool["server"]: spool for spool in status["spools"]}
        for name in ("directory", "governance"):
            assert f"{name}.gov.localhost" in told
        assert "alertes@gov.localhost" in told
        assert all(not s["late"] for s in told.values())
        verified = demo.cli("archive", "verify", *demo.config("archive"), check=False)
        assert verified.returncode == 0, verified.stdout


def test_the_demo_s_archive_takes_from_each_only_what_it_may_send() -> None:
    text = (Path(__file__).parents[2] / "xmppgov/demo/templates/archive.toml").read_text()
    section = text.partition("[archive.emitters]\n")[2].partition("\n\n")[0]
    assert section.splitlines() == [
        '"directory.$domain" = ["lookup"]',
        '"governance.$domain" = ["joined", "left"]',
        '"alertes@$domain" = ["alert-sent", "alert-ack"]',
    ]
