"""An archive with officers on a real server, for tests of any client."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from slixmpp.exceptions import IqError, IqTimeout

from tests.streams import account_section, component_section, connected, logged_in
from tests.unit.archive.batches import batch
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.components.archive.officers.conftest import Bureau
from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.stanza import Reply
from xmppgov.archive.officer import write_generations
from xmppgov.archive.request import open_request
from xmppgov.archive.stanza import write_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.tlog.note import VerifierKey
from xmppgov.xmpp.component import Component
from xmppgov_archive.__main__ import build
from xmppgov_archive.config import Config, OfficersSection
from xmppgov_archive.officers.model import NODES

XMPPGOV = [sys.executable, "-m", "xmppgov.cli.main", "archive"]
NAMES = ("rssi", "archives", "dpd", "juge", "alice")
ACCOUNTS = [f"{name}@gov.localhost" for name in NAMES]
HOST, EMITTER = "archive.gov.localhost", "governance.gov.localhost"
OFFICERS = OfficersSection(
    security=("rssi@gov.localhost",),
    archivist=("archives@gov.localhost",),
    dpo=("dpd@gov.localhost",),
    requesters=("juge@gov.localhost",),
)


class World:
    """The archive, its officers' machines, and what they do from their clients."""

    def __init__(self, server: Prosody, place: Place, bureau: Bureau) -> None:
        self.server, self.place, self.bureau = server, place, bureau
        section = place.section.model_copy(update={"officers": OFFICERS, "servers": (EMITTER,)})
        self.config = Config(xmpp=component_section(server, "archive", "archive"), archive=section)

    @asynccontextmanager
    async def running(self, *records: Any) -> AsyncIterator[World]:
        """The archive runs during the block, and has `records` if there are some."""
        async with build(self.config), emitter(self.server) as stream:
            if records:
                await send(stream, *records)
            yield self

    async def run(self, name: str, node: str, *pages: Mapping[str, list[str]]) -> Reply:
        async with logged_in(self.server, f"{name}@gov.localhost") as account:
            return await CommandClient(account, HOST, language="en").run(NODES + node, pages)

    def code(self, text: str, role: str) -> list[str]:
        """What an officer's own machine prints for a request as it was copied."""
        key = VerifierKey.parse(self.place.section.verifier_file.read_text())
        return self.bureau.code(open_request(text, [key]), role).split("\n")

    def account(self, name: str) -> Path:
        """A file that says how the command line reaches the archive as somebody."""
        section = account_section(self.server, f"{name}@gov.localhost")
        file = self.place.folder / f"{name}.toml"
        file.write_text(
            f'[officer]\njid = "{section.jid}"\nhost = "127.0.0.1"\nport = {section.port}\n'
            f'secret_file = "{section.secret_file}"\nca_file = "{section.ca_file}"\n'
        )
        return file

    def server_log(self) -> str:
        """What the XMPP server has logged so far."""
        return (self.server.state / "log" / "prosody.log").read_text("utf-8", "replace")

    def cli(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `xmppgov archive …` as a process of its own."""
        return subprocess.run(
            [*XMPPGOV, *words],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
            env={**os.environ, "LANG": "en_US.UTF-8", "COLUMNS": "80"},
        )


def world(server: Prosody, folder: Path) -> World:
    """An archive on `server` whose officers have their shares."""
    place, bureau = Place(folder), Bureau()
    (folder / "officers.pub").write_text(write_generations(bureau.generations))
    return World(server, place, bureau)


async def send(stream: Component, *records: Any) -> None:
    """Give the archive a batch; wait until it is there to take it."""
    iq = stream.make_iq_set(ito=HOST)
    iq.append(ET.fromstring(write_batch(batch(EPOCH, *records))))
    for _ in range(100):
        try:
            await iq.send(timeout=2)
            return
        except (IqError, IqTimeout):
            iq["id"] = stream.new_id()
    raise AssertionError("the archive does not answer")


@asynccontextmanager
async def emitter(server: Prosody) -> AsyncIterator[Component]:
    """A host that the archive obeys."""
    stream = Component(
        component_section(server, "governance", "rooms"), name="x", identity=("component", "x")
    )
    async with connected(stream):
        yield stream


def words(request: Mapping[str, Sequence[str]], **changes: str) -> dict[str, list[str]]:
    """A form with some fields changed."""
    return {**{k: list(v) for k, v in request.items()}, **{k: [v] for k, v in changes.items()}}
