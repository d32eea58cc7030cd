"""The name of an uploaded file (XEP-0363) reaches no address and no file of the server's."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from xml.sax.saxutils import quoteattr

import pytest

from tests.omemo_nodes import refused, request
from tests.streams import logged_in, read
from xmppgov.demo.prosody import Prosody

ALICE = "alice@gov.localhost"
ACCOUNTS = [ALICE]
PROSODY_MODULES = "uploads"
UPLOAD, SLOT = "upload.gov.localhost", "urn:xmpp:http:upload:0"
CANARY = "canary-51d0"
CONTENT = b"ciphertext"


def slot_request(name: str, **more: str) -> str:
    """Return a request for a slot."""
    given = {"filename": name, "size": str(len(CONTENT)), **more}
    written = " ".join(f"{key.replace('_', '-')}={quoteattr(v)}" for key, v in given.items())
    return f'<request xmlns="{SLOT}" {written}/>'


async def slot(prosody: Prosody, name: str, **more: str) -> tuple[str, str, str]:
    """Return the addresses to get from and to put to, and the token."""
    async with logged_in(prosody, ALICE) as alice:
        answer = await request(alice, "get", slot_request(name, **more), UPLOAD)
    get, put = answer.find(f".//{{{SLOT}}}get"), answer.find(f".//{{{SLOT}}}put")
    assert get is not None
    assert put is not None
    return str(get.get("url")), str(put.get("url")), str(put.findtext(f"{{{SLOT}}}header"))


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        (f"{CANARY}.pdf", r"\.pdf"),
        (f"{CANARY}.JPEG", r"\.jpeg"),
        (f"a.{CANARY}", ""),
        (CANARY, ""),
        (f"{CANARY}.p d", ""),
        (f"{CANARY}.é", ""),
        (f"{CANARY}/{CANARY}.txt", r"\.txt"),
        (".", ""),
    ],
)
async def test_a_name_is_random(prosody: Prosody, name: str, ending: str) -> None:
    get, put, _ = await slot(prosody, name)
    assert get == put
    assert re.search(rf"/[\w-]{{16,}}{ending}$", get)
    assert CANARY not in get
    assert get != (await slot(prosody, name))[0]


async def test_nothing_else_is_kept_with_the_file(prosody: Prosody) -> None:
    kind = f"{CANARY}/{CANARY}"
    await slot(prosody, f"{CANARY}.pdf", note=CANARY, content_type=kind)
    await slot(prosody, "x.pdf", content_type="image/png")
    kept = read(prosody.state / "prosody")
    assert b"image/png" in kept
    assert CANARY.encode() not in kept


async def test_a_file_comes_back(prosody: Prosody) -> None:
    get, put, token = await slot(prosody, f"{CANARY}.bin")
    sent = urllib.request.Request(put, CONTENT, {"Authorization": token}, method="PUT")
    with await asyncio.to_thread(urllib.request.urlopen, sent, timeout=10) as answer:
        assert answer.status == 201
    with await asyncio.to_thread(urllib.request.urlopen, get, timeout=10) as answer:
        assert answer.read() == CONTENT


@pytest.mark.parametrize("size", ["", "x", "-1"])
async def test_a_size_is_a_number(prosody: Prosody, size: str) -> None:
    async with logged_in(prosody, ALICE) as alice:
        asked = slot_request("a.pdf").replace(f'size="{len(CONTENT)}"', f'size="{size}"')
        assert await refused(request(alice, "get", asked, UPLOAD)) == "bad-request"
