"""What is recorded is published (XEP-0504), and files are recorded by their size only."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET

import aiohttp
import pytest
from slixmpp.exceptions import IqError

from tests.integration.archive_sink import Sink
from tests.integration.capture_world import say
from tests.streams import component_section, connected, logged_in, read
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
xmppgov_capture_retention = 1000
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


async def test_hosts_say_what_is_recorded(prosody: Prosody) -> None:
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        for host in ("gov.localhost", "rooms.gov.localhost", "upload.gov.localhost"):
            said = await policy(alice, host)
            assert "archive.gov.localhost" in said["extra_info"][0]
            assert said["data_retention"] == ["1000"]
            assert said == await policy(alice, host)


@pytest.mark.parametrize(
    ("kind", "retention", "words"),
    [
        ("committee", "1000", "pseudonyms of sender and recipient"),
        ("group", "1000", "how many messages there are a day"),
        ("cabinet", "0", "Nothing is archived here"),
    ],
)
async def test_a_room_says_what_holds_for_it(
    prosody: Prosody, kind: str, retention: str, words: str
) -> None:
    governance = Component(
        component_section(prosody, "governance", "rooms"), name="t", identity=("component", "x")
    )
    async with connected(governance), logged_in(prosody, "alice@gov.localhost") as alice:
        await RoomsClient(governance, "rooms.gov.localhost").set(Room(kind, kind, (), kind))
        said = await policy(alice, f"{kind}@rooms.gov.localhost")
    assert said["data_retention"] == [retention]
    assert any(words in text for text in said["extra_info"])
    assert len(said["extra_info"]) == 2


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
