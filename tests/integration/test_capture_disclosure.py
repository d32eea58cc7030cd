"""What is recorded is published (XEP-0504), and files are recorded by their size only."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET
from typing import get_args

import aiohttp
import pytest
from slixmpp.exceptions import IqError

from tests.integration.archive_sink import Sink
from tests.integration.capture_world import say
from tests.streams import component_section, connected, logged_in, read
from xmppgov.archive.model import FIELDS, Record
from xmppgov.demo.prosody import Prosody
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Room
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

PROSODY_MODULES = "capture rooms uploads"
PROSODY_EXTRA = """
statistics = "internal"
statistics_interval = 1
xmppgov_capture_alarm_age = 1
xmppgov_capture_retention = "18m"
xmppgov_capture_erasure_days = 10
xmppgov_capture_level = { ["class:cabinet"] = "none" }
VirtualHost "gov.localhost"
modules_enabled = { "http_openmetrics", "websocket", "http_files" }
openmetrics_allow_ips = { "127.0.0.1" }
"""
ACCOUNTS = ["alice@gov.localhost"]
MARK = '<body>b</body><origin-id xmlns="urn:xmpp:sid:0" id="after"/>'
DATA, UPLOAD = "{jabber:x:data}", "urn:xmpp:http:upload:0"


async def policy(account: Account, address: str) -> dict[str, list[str]]:
    """Return the data policy that an address publishes."""
    iq = account.make_iq_get(ito=address)
    iq.append(ET.Element("{http://jabber.org/protocol/disco#info}query"))
    answer = await iq.send(timeout=10)
    for form in answer.xml.iter(f"{DATA}x"):
        fields = {f.get("var", ""): [v.text or "" for v in f] for f in form.iter(f"{DATA}field")}
        if fields.get("FORM_TYPE") == ["urn:xmpp:data-policy:0"]:
            return fields
    raise AssertionError("no policy")


OURS = "{urn:xmppgov:archive:0}"
HOURS = str((366 + 215 + 10) * 24)  # the longest 19 months, and ten days


def kinds() -> set[str]:
    """Every kind that the schema of records has."""
    found: set[str] = set()
    for model in get_args(Record):
        found |= set(get_args(model.model_fields["kind"].annotation))
    return found


async def test_hosts_say_what_is_recorded(prosody: Prosody) -> None:
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        for host in ("gov.localhost", "rooms.gov.localhost", "upload.gov.localhost"):
            said = await policy(alice, host)
            assert said["data_retention"] == [HOURS]
            assert said == await policy(alice, host)
            assert said[f"{OURS}level"] == ["full"]
            assert said[f"{OURS}archive"] == ["archive.gov.localhost"]


async def test_nothing_that_a_record_holds_is_left_out(prosody: Prosody) -> None:
    """The lists are compared with the schema; each name in them stands for words in both texts."""
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        said = await policy(alice, "gov.localhost")
    assert set(said[f"{OURS}fields"][0].split()) == set(FIELDS)
    assert set(said[f"{OURS}kinds"][0].split()) == kinds()
    french, due, english, due_in_english = said["extra_info"]
    for text, words in (
        (
            french,
            ("l'unité", "chiffrement", "occupants", "domaine", "empreintes à clé", "fichiers"),
        ),
        (french, ("alertes envoyées", "arrivées", "départs", "personne protégée", "taille")),
        (english, ("unit", "encryption", "occupants", "domain", "keyed hashes", "uploaded")),
        (english, ("alerts sent", "new members", "who left", "protected person", "size")),
        (due, ("18 mois après sa fin", "deux officiers", "10 jours", "gel")),
        (due_in_english, ("18 months after its end", "two officers", "10 days", "hold")),
    ):
        assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("kind", "level", "retention", "words"),
    [
        ("committee", "full", HOURS, "a pseudonym of the recipient"),
        ("group", "counts", "infinite", "how many messages there are a day"),
        ("cabinet", "none", "0", "Nothing is archived here"),
    ],
)
async def test_a_room_says_what_holds_for_it(
    prosody: Prosody, kind: str, level: str, retention: str, words: str
) -> None:
    governance = Component(
        component_section(prosody, "governance", "rooms"), name="t", identity=("component", "x")
    )
    async with connected(governance), logged_in(prosody, "alice@gov.localhost") as alice:
        await RoomsClient(governance, "rooms.gov.localhost").set(Room(kind, kind, (), kind))
        said = await policy(alice, f"{kind}@rooms.gov.localhost")
    assert (said[f"{OURS}level"], said["data_retention"]) == ([level], [retention])
    assert any(words in text for text in said["extra_info"])
    in_rooms = {name for name in kinds() if name.startswith(("msg.", "room."))}
    assert set(" ".join(said.get(f"{OURS}kinds", ())).split()) == (
        in_rooms if level == "full" else set()
    )


async def _slot(account: Account, size: int) -> tuple[str, dict[str, str]]:
    """Ask for a slot; return where the file goes and the headers that it needs."""
    iq = account.make_iq_get(ito="upload.gov.localhost")
    iq.append(ET.Element(f"{{{UPLOAD}}}request", filename="CANARY.pdf", size=str(size)))
    put = (await iq.send(timeout=10)).xml.find(f"{{{UPLOAD}}}slot/{{{UPLOAD}}}put")
    assert put is not None
    return put.get("url", ""), {h.get("name", ""): h.text or "" for h in put}


async def test_a_file_is_recorded_by_its_size(prosody: Prosody) -> None:
    """When it is whole; a slot that is not used, or refused, is none, nor is a second try."""
    sink = Sink()
    async with (
        connected(sink.component(prosody)),
        logged_in(prosody, "alice@gov.localhost") as alice,
        aiohttp.ClientSession() as web,
    ):
        await _slot(alice, 777)
        with pytest.raises(IqError):
            await _slot(alice, 99999999999)
        url, headers = await _slot(alice, 200_000)
        for data, answer in ((b"CANARY", 413), (b"C" * 200_000, 201), (b"C" * 200_000, 409)):
            async with web.put(url, data=data, headers=headers) as response:
                assert response.status == answer
        await sink.wait(lambda: sink.find(kind="upload"))
        say(alice, "alice@gov.localhost", inside=MARK)
        await sink.wait(lambda: sink.find(oid="after"))
    (found,) = sink.find(kind="upload")
    assert (found["from"], found["to"]) == ("alice@gov.localhost", "upload.gov.localhost")
    assert (found["size"], found["enc"], found["path"]) == ("200000", "none", "local")
    assert "CANARY" not in "".join(sink.batches)
    assert b"CANARY" not in read(prosody.state / "spool")


async def test_a_spool_that_waits_shows_in_figures_and_raises_an_alarm(prosody: Prosody) -> None:
    url = f"http://127.0.0.1:{prosody.ports.http}/metrics"
    log = prosody.state / "log" / "prosody.log"
    async with logged_in(prosody, "alice@gov.localhost") as alice, aiohttp.ClientSession() as web:
        alice.send_message("alice@gov.localhost", "CANARY")
        text = ""
        async with asyncio.timeout(40):
            while "ALARM: the archive" not in log.read_text() or " 1\n" not in text:
                async with web.get(url) as answer:
                    text = await answer.text()
                await asyncio.sleep(0.5)
    depth = re.search(r'spool_depth{archive="archive.gov.localhost"} (\d+)', text)
    assert depth is not None, [line for line in text.splitlines() if "spool" in line]
    assert int(depth[1]) >= 1
    assert 'spool_healthy{archive="archive.gov.localhost"} 1' in text
    assert "CANARY" not in text
