"""The production configuration starts as it is, on other ports, and has what clients need."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.messages import Mailbox, mailbox, refusal
from tests.omemo_nodes import PUBSUB, request
from tests.streams import logged_in
from xmppgov.demo.certificates import make_certificates
from xmppgov.demo.prosody import Ports, Prosody, notices_file, prosody_folder, write_secret

ALICE, BOB = "alice@gov.example", "bob@gov.example"
DISCO = "http://jabber.org/protocol/disco"
ACCOUNT_FEATURES = {
    "urn:xmpp:mam:2",
    "urn:xmpp:bookmarks:1#compat",
    f"{PUBSUB}#publish-options",
    f"{PUBSUB}#config-node-max",
    "urn:xmpp:push:0",
}
SERVER_FEATURES = {"urn:xmpp:carbons:2", "urn:xmpp:blocking", "urn:xmpp:ping", "jabber:iq:roster"}


class Production(Prosody):
    """A Prosody with the production configuration, moved below its folder and onto loopback."""

    def configuration(self) -> Path:
        """Write the configuration with paths, ports and addresses replaced; return the file."""
        modules, state = prosody_folder() / "modules", self.state
        moved = {
            "/usr/share/xmppgov/prosody/modules": str(modules),
            "/usr/share/xmppgov/notices.json": str(notices_file()),
            "/etc/prosody/secrets": f"{state}/secrets",
            "/etc/prosody/certs": f"{state}/certs",
            "/var/lib/prosody": f"{state}/prosody",
            "/var/log/prosody": f"{state}/log",
            "/run/prosody": str(state),
            '{ "*", "::" }': '{ "127.0.0.1" }',
        }
        text = (prosody_folder() / "prosody.cfg.lua").read_text("utf-8")
        for old, new in moved.items():
            assert old in text, f"{old} is not in the configuration any more"
            text = text.replace(old, new)
        numbers = {"5222": self.ports.c2s, "5269": self.ports.s2s, "5347": self.ports.component,
                   "5280": self.ports.http}  # fmt: skip
        for old, port in numbers.items():
            text = re.sub(rf"\b{old}\b", str(port), text)
        text = re.sub(r"\{ (5223|5270) \}", "{}", text)
        file = state / "prosody.cfg.lua"
        file.write_text(f"run_as_root = true\n{text}", "utf-8")
        return file

    def command(self) -> list[str]:
        executable, *_ = super().command()
        return [executable, "-F", "--config", str(self.configuration())]


@pytest.fixture(scope="module")
def production(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Production]:
    require_program(request.config, "prosody")
    server = Production(tmp_path_factory.mktemp("prod"), Ports.free(), domain="gov.example")
    hosts = ("", "rooms.", "upload.", "directory.", "archive.", "governance.", "invites.")
    make_certificates(server.state, [f"{host}gov.example" for host in hosts])
    server.prepare()
    for end in ("crt", "key"):
        certificate = server.state / "certs" / f"server.{end}"
        shutil.copy(certificate, certificate.with_name(f"gov.example.{end}"))
    write_secret(server.state / "secrets" / "governance")
    for jid in (ALICE, BOB):
        server.add_account(jid, "secret")
    server.start()
    yield server
    server.stop()


async def features(box: Mailbox, to: str | None) -> set[str]:
    """Return the features of an address (XEP-0030)."""
    answer = await request(box.stream, "get", f'<query xmlns="{DISCO}#info"/>', to)
    return {str(f.get("var")) for f in answer.iter(f"{{{DISCO}#info}}feature")}


async def test_clients_find_what_they_need(production: Production) -> None:
    async with mailbox(production, ALICE) as alice:
        assert await features(alice, ALICE) >= ACCOUNT_FEATURES
        assert await features(alice, "gov.example") >= SERVER_FEATURES
        assert "urn:xmpp:http:upload:0" in await features(alice, "upload.gov.example")


async def test_phones_can_sleep_and_come_back(production: Production) -> None:
    async with logged_in(production, BOB, "xep_0198") as bob:
        await request(bob, "get", '<ping xmlns="urn:xmpp:ping"/>')
        assert bob.plugin["xep_0198"].sm_id
    async with logged_in(production, BOB, "xep_0352") as bob:
        assert bob.plugin["xep_0352"].enabled


async def test_ours_are_at_work(production: Production) -> None:
    async with mailbox(production, ALICE) as alice:
        answer = await alice.get(alice.send(BOB, "<body>in clear</body>"))
        assert refusal(answer) == ("modify", "policy-violation")
        roster = await request(alice.stream, "get", '<query xmlns="jabber:iq:roster"/>')
        assert "alertes@gov.example" in {item.get("jid") for item in roster[0]}


def test_the_log_has_no_error(production: Production) -> None:
    errors = (production.state / "log" / "prosody.err").read_text("utf-8")
    assert errors == ""
