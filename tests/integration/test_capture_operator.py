"""What an operator sees of the capture, and what its pages promise of format and hosts."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import CANARY, Inbox, prepare, say, until
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Ports, Prosody

ROOT = Path(__file__).parents[2]
ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
SHELL = """
modules_enabled = { "admin_shell", "disco", "saslauth", "tls", "c2s", "s2s", "xmppgov_capture" }
admin_socket = ENV_XMPPGOV_STATE .. "/prosody.sock"
xmppgov_capture_extra = { "receipts" }

VirtualHost "tard.localhost"
	enabled = false
	modules_disabled = { "xmppgov_capture" }
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prosody]:
    require_program(request.config, "prosodyctl")
    new = Prosody(tmp_path_factory.mktemp("p"), Ports.free(), modules="capture")
    new.prepare()
    prepare(new, SHELL)
    for jid in (ALICE, BOB):
        new.add_account(jid, "secret")
    new.start()
    yield new
    new.stop()


def shell(server: Prosody, command: str) -> str:
    """Return what `prosodyctl shell` prints for a command."""
    config = ROOT / "prosody" / "demo.cfg.lua"
    done = subprocess.run(
        ["prosodyctl", "--config", str(config), "shell", command],
        env=server.environ(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout + done.stderr


def status(server: Prosody) -> dict[str, str]:
    """Return the printed status as names and values."""
    printed = shell(server, "xmppgov_capture:status()")
    return dict(re.findall(r"(\w+)[ \t]+(\S+)$", printed, re.MULTILINE))


async def test_the_status_counts(server: Prosody) -> None:
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox, refused = Inbox(bob), Inbox(alice)
        say(alice, "salon@rooms.gov.localhost", "groupchat")
        await refused.get('type="error"')
        say(alice, BOB)
        say(alice, BOB, inside='<active xmlns="http://jabber.org/protocol/chatstates"/>')
        say(alice, BOB, inside='<received xmlns="urn:xmpp:receipts" id="x"/>')
        await inbox.get("receipts")
    waiting = status(server)
    expected = {"records": "2", "skipped": "1", "refused": "1", "depth": "2", "healthy": "true"}
    assert waiting == waiting | expected
    assert waiting["trouble"] == "remote-server-timeout"
    sink = Sink()
    async with connected(sink.component(server)):
        await sink.wait(lambda: len(sink.all()) == 2)
        await until(lambda: status(server)["depth"] == "0")
    assert status(server)["age"] == "0"


async def test_a_host_that_comes_later_without_capture_is_turned_away(server: Prosody) -> None:
    shell(server, 'host:activate("tard.localhost", { modules_enabled = {} })')
    shell(server, 'host:activate("tard.localhost")')
    log = (server.state / "log" / "prosody.log").read_text("utf-8")
    assert "not loaded on tard.localhost" in log
    assert "tard.localhost" not in shell(server, "host:list()")
    assert CANARY not in log


async def test_a_reload_is_refused_and_an_unload_stops_the_server(server: Prosody) -> None:
    before = status(server)["records"]
    shell(server, 'module:reload("xmppgov_capture", "*")')
    assert "cannot be reloaded" in (server.state / "log" / "prosody.log").read_text("utf-8")
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox = Inbox(bob)
        say(alice, BOB)
        await inbox.get(CANARY)
    assert int(status(server)["records"]) == int(before) + 1
    process = server.process
    assert process is not None
    shell(server, 'module:unload("xmppgov_capture", "gov.localhost")')
    await until(lambda: process.poll() is not None)
    assert process.returncode == 1


def test_the_example_of_the_page_is_whole() -> None:
    page = (ROOT / "docs" / "protocol" / "capture.md").read_text("utf-8")
    (example,) = re.findall(r"```\n(xmppgov-spool.*?)```", page, re.DOTALL)
    for line in example.splitlines():
        text, check = line.rsplit("\t", 1)
        assert hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8] == check


def test_every_option_is_on_the_page() -> None:
    options = ROOT / "prosody" / "modules" / "mod_xmppgov_capture" / "options.lib.lua"
    text = options.read_text("utf-8")
    page = (ROOT / "prosody" / "README.md").read_text("utf-8")
    tables = re.findall(r"^local (?:VALUES|NUMBERS) = {\n(.*?)^};", text, re.MULTILINE | re.DOTALL)
    known = set(re.findall(r"^\t(\w+) = {", "".join(tables), re.MULTILINE))
    known |= set(re.findall(r'"xmppgov_capture_(\w+)"', text))
    assert len(known) > 12
    assert known == set(re.findall(r"^\| `xmppgov_capture_(\w+)`", page, re.MULTILINE))
