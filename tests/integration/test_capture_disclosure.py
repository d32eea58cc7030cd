"""What is recorded is published (XEP-0504), and files are recorded by their size only."""

from __future__ import annotations

import asyncio
import re
import xml.etree.ElementTree as ET

import aiohttp
import pytest
from slixmpp.exceptions import IqError

from tests.integration.archive_sink import Sink
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

PROSODY_MODULES = "capture rooms uploads"
PROSODY_EXTRA = """
statistics = "internal"
statistics_interval = 1
xmppgov_capture_alarm_age = 1
VirtualHost "gov.localhost"
modules_enabled = { "http_openmetrics", "websocket", "http_files" }
openmetrics_allow_ips = { "127.0.0.1" }
"""
ACCOUNTS = ["alice@gov.localhost"]
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
            assert said["data_retention"] == ["unknown"]


async def test_a_slot_is_recorded_by_its_size(prosody: Prosody) -> None:
    sink = Sink()
    async with (
        connected(sink.component(prosody)),
        logged_in(prosody, "alice@gov.localhost") as alice,
    ):
        for size, wanted in (("12345", True), ("99999999999", False)):
            iq = alice.make_iq_get(ito="upload.gov.localhost")
            iq.append(ET.Element(f"{{{UPLOAD}}}request", filename="CANARY.pdf", size=size))
            if wanted:
                await iq.send(timeout=10)
            else:
                with pytest.raises(IqError):
                    await iq.send(timeout=10)
        await sink.wait(lambda: sink.find(kind="upload"))
    (found,) = sink.find(kind="upload")
    assert (found["from"], found["to"]) == ("alice@gov.localhost", "upload.gov.localhost")
    assert (found["size"], found["enc"]) == ("12345", "none")
    assert "CANARY" not in str(found)


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
