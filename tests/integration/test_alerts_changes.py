"""Updates and cancellations on a real server: what people get, what they confirm, what is told."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slixmpp.stanza import Message

from tests.integration.alert_world import (
    BOT,
    AlertsProcess,
    alerts_process,
    command,
    configuration,
    directory,
    until,
)
from tests.people import OmemoPerson, person
from xmppgov.bot import stanza
from xmppgov.demo.prosody import Prosody

ALICE = "alice@gov.localhost"
CARLS = [f"carl{n}@gov.localhost" for n in range(4)]  # one without keys for each test
ACCOUNTS = [BOT, ALICE, *CARLS]
UNUSED = iter(CARLS)
PROSODY_MODULES = "policy keys contacts"
REPLACE = "{urn:xmpp:message-correct:0}replace"
RETRACT = "{urn:xmpp:message-retract:1}retract"


@dataclass
class Scene:
    """An alert that Alice has, and that waits for Carl, who has no device yet."""

    config: Path
    service: AlertsProcess
    alice: OmemoPerson
    folder: Path
    server: Prosody
    carl: str
    alert: dict[str, Any]

    async def do(self, *arguments: str, text: str = "") -> dict[str, Any]:
        status, out, err = await command(self.config, *arguments, "--json", text=text)
        assert status == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    async def wire(self, tag: str) -> ET.Element:
        """Wait for a message to Alice that holds an element; return that."""
        async with asyncio.timeout(15), self.alice.news:
            await self.alice.news.wait_for(
                lambda: any(xml.find(tag) is not None for xml in self.alice.wire)
            )
        found = next(e for xml in self.alice.wire if (e := xml.find(tag)) is not None)
        return found

    def react(self, to: str, *signs: str, id: str) -> None:
        """Let Alice react in clear; without signs she takes her reactions back."""
        message = ET.Element(f"{stanza.CLIENT}message", {"to": BOT, "type": "chat", "id": id})
        reactions = ET.SubElement(message, f"{stanza.REACTIONS}reactions", {"id": to})
        for sign in signs:
            ET.SubElement(reactions, f"{stanza.REACTIONS}reaction").text = sign
        message.append(ET.Element("{urn:xmpp:hints}store"))
        Message(self.alice.account, xml=message).send()


@pytest.fixture
async def scene(prosody: Prosody, tmp_path: Path) -> AsyncIterator[Scene]:
    config, folder, carl = configuration(prosody, tmp_path), tmp_path / "people", next(UNUSED)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(directory(prosody, tmp_path, {"Alice": ALICE, "Carl": carl}))
        service = await enter(alerts_process(config))
        alice = await enter(person(prosody, ALICE, folder))
        arguments = ("send", "--to", "body:pref-59", "--severity", "Severe", "--status", "exercise")
        status, out, err = await command(config, *arguments, "--json", "-", text="La digue cède.")
        assert status == 0, err
        alert = json.loads(out)
        await until(
            config, alert["id"], lambda s: s == {"Alice": "delivered", "Carl": "unreachable"}
        )
        yield Scene(config, service, alice, folder, prosody, carl, alert)


async def test_an_update_corrects_where_it_can_and_says_so(scene: Scene) -> None:
    first = await scene.alice.wait_for("La digue cède.")
    new = await scene.do("update", scene.alert["id"], "-", text="La digue a cédé.")
    second = await scene.alice.wait_for("La digue a cédé.")
    replace = second.xml.find(REPLACE)
    assert replace is not None
    assert replace.get("id") == first.id
    number = scene.alert["number"]
    word = await scene.alice.wait_for(f"n° {number} (version 2) : mise à jour, relisez-la.")
    assert word.xml.find(REPLACE) is None
    for heard in (first, second, word):
        lines = heard.text.splitlines()
        assert lines[0] == lines[-1] == "EXERCICE — EXERCISE"
    async with person(scene.server, scene.carl, scene.folder) as carl:
        heard = await carl.wait_for("La digue a cédé.", timeout=30)
        assert heard.xml.find(REPLACE) is None
        report = await until(scene.config, new["id"], lambda s: set(s.values()) == {"delivered"})
        assert [one.text for one in carl.heard] == [heard.text]
    sent_as = {r["name"].split()[0]: (r["as"], r["nudge"]) for r in report["recipients"]}
    assert sent_as["Alice"][0] == "correction"
    assert sent_as["Carl"] == ("text", None)


async def test_what_confirms_a_version_and_what_never_undoes_it(scene: Scene) -> None:
    first = await scene.alice.wait_for("La digue cède.")
    scene.react(first.id, "👍", id="r1")
    said = await until(scene.config, scene.alert["id"], lambda s: s["Alice"] == "acknowledged")
    assert {r["name"].split()[0]: r["how"] for r in said["recipients"]}["Alice"] == "reaction"
    scene.react(first.id, id="r2")
    new = await scene.do("update", scene.alert["id"], "-", text="La digue a cédé.")
    await scene.alice.wait_for("La digue a cédé.")
    await until(scene.config, new["id"], lambda s: s["Alice"] == "delivered")
    await until(scene.config, scene.alert["id"], lambda s: s["Alice"] == "acknowledged")
    quote = " ".join((await scene.alice.wait_for("La digue a cédé.")).text.split())[:80]
    await scene.alice.send(BOT, f"> {quote}…\n👍")
    said = await until(scene.config, new["id"], lambda s: s["Alice"] == "acknowledged")
    assert {r["name"].split()[0]: r["how"] for r in said["recipients"]}["Alice"] == "sign"
    await scene.alice.wait_for("vous avez confirmé")


async def test_a_cancellation_retracts_says_so_and_reaches_nobody_else(scene: Scene) -> None:
    first = await scene.alice.wait_for("La digue cède.")
    number = scene.alert["number"]
    cancelled = await scene.do("cancel", scene.alert["id"], "-", text="La digue tient.")
    heard = await scene.alice.wait_for("La digue tient.")
    assert heard.text.splitlines()[1] == f"ANNULÉE : alerte n° {number}"
    assert (await scene.wire(RETRACT)).get("id") == first.id
    said = await until(
        scene.config, cancelled["id"], lambda s: s == {"Alice": "delivered", "Carl": "withdrawn"}
    )
    assert said["msg_type"] == "Cancel"
    async with person(scene.server, scene.carl, scene.folder) as carl:
        await scene.do("send", "--to", "body:pref-59", "--severity", "Minor", "-", text="Essai.")
        await carl.wait_for("Essai.", timeout=30)
        assert len(carl.heard) == 1
    status, table, err = await command(scene.config, "report", cancelled["id"])
    assert status == 0, err
    lines = table.removeprefix("\ufeff").splitlines()
    assert len(lines) == 3
    assert all(line.startswith("EXERCICE — EXERCISE,") for line in lines[1:])
    assert all(line.endswith(",EXERCICE — EXERCISE") for line in lines[1:])


async def test_a_killed_bot_changes_an_alert_once(scene: Scene) -> None:
    await scene.alice.wait_for("La digue cède.")
    again = ("update", scene.alert["id"], "--id", "u1", "-")
    await scene.do(*again, text="La digue a cédé.")
    await scene.service.kill()
    await scene.service.start()
    await scene.do(*again, text="La digue a cédé.")
    cancel = ("cancel", scene.alert["id"], "--id", "c1", "-")
    await scene.do(*cancel, text="Tout va bien.")
    await scene.service.kill()
    await scene.service.start()
    done = await scene.do(*cancel, text="Tout va bien.")
    await scene.alice.wait_for("Tout va bien.", timeout=30)
    await until(scene.config, done["id"], lambda s: s["Alice"] == "delivered")
    texts = [heard.text for heard in scene.alice.heard]
    assert sum("Tout va bien." in text for text in texts) == 1
    assert sum("La digue a cédé." in text for text in texts) <= 1
    assert scene.alice.unreadable == []
