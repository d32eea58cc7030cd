"""A demo under load, whose processes can be killed one by one."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.residents import Resident, resident
from tests.chaos.traffic import Writer
from tests.demo_process import Demo
from tests.rooms import until
from tests.streams import connected
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.errors import Unreachable
from xmppgov_alerts.client import AlertsClient
from xmppgov_alerts.config import KeySection

TARGETS = ("archive", "directory", "rooms", "alerts", "annuaire", "prosody")
RETURN = 60.0  # seconds in which a killed process is back and everybody goes on


@dataclass
class World:
    """What goes on, and what was promised."""

    demo: Demo
    server: Prosody
    writers: list[Writer]
    residents: list[Resident]
    alerts: AlertsClient
    group: str
    sent: dict[str, str] = field(default_factory=dict)
    """alert id -> the words that are in its text and in no other"""

    @property
    def everybody(self) -> list[Writer | Resident]:
        """All who write."""
        return [*self.writers, *self.residents]

    async def alert(self) -> str:
        """Send an alert to the group; it is accepted, however often the bot dies meanwhile."""
        words = f"crue-{uuid.uuid4().hex}"
        alert = {"to": [f"group:{self.group}"], "severity": "Severe", "text": words, "lang": "fr"}
        request = uuid.uuid4().hex

        async def accepted() -> str | None:
            try:
                return await self.alerts.send(alert, request)
            except Unreachable:
                return None

        alert_id = str(await until(accepted, RETURN))
        self.sent[alert_id] = words
        return alert_id

    async def kill(self, target: str) -> None:
        """SIGKILL one process and wait until another one has taken its place."""
        before = self.demo.ready["pids"][target]
        os.kill(before, signal.SIGKILL)

        async def replaced() -> bool:
            return self.demo.ready["pids"][target] != before

        await until(replaced, RETURN)

    async def everybody_goes_on(self) -> None:
        """Wait until each writer reaches the other, and an alert reaches each resident."""
        for writer, reader in zip(self.writers, reversed(self.writers), strict=True):
            await self._reaches(writer, reader)
        words = self.sent[await self.alert()]
        for someone in self.residents:
            await someone.wait_for(words, RETURN)

        one, two = self.residents
        await self._reaches_in_the_room(one, two)

    async def _reaches_in_the_room(self, writer: Resident, reader: Resident) -> None:
        async def arrived() -> bool:
            for someone in (writer, reader):
                someone.enter()
            said = writer.say_in_room()
            await asyncio.sleep(0.2)
            return said is not None and said in reader.arrived

        await until(arrived, RETURN)

    async def _reaches(self, writer: Writer, reader: Writer) -> None:
        async def arrived() -> bool:
            said = writer.say()
            await asyncio.sleep(0.1)
            return said is not None and said in reader.arrived

        await until(arrived, RETURN)


def _secret(server: Prosody, account: dict[str, Any]) -> str:
    file = server.state / "secrets" / account["jid"]
    file.touch(mode=0o600)
    file.write_text(account["password"])
    return str(account["jid"])


@asynccontextmanager
async def world(demo: Demo, folder: Path) -> AsyncIterator[World]:
    """Two residents of one group and two writers of another on a running demo."""
    ready = demo.ready
    ports = Ports(**ready["ports"])
    server = Prosody(demo.state, ports, ready["domain"])
    group = ready["accounts"][0]["groups"][0]
    members = [a for a in ready["accounts"] if group in a["groups"]]
    others = [a for a in ready["accounts"] if a["groups"] and group not in a["groups"]]
    key = KeySection(name="chaos", secret_file=ready["webhook"]["secret_file"], scope=("group:*",))
    one, two = (_secret(server, account) for account in others[:2])
    writers = [Writer(server, one, two), Writer(server, two, one)]
    async with AsyncExitStack() as stack:
        alerts = await stack.enter_async_context(
            AlertsClient(ready["webhook"]["url"], key, patience=RETURN)
        )
        room = f"{group}@{ready['services']['muc']}"
        residents = [
            await stack.enter_async_context(
                resident(server, _secret(server, account), folder, room)
            )
            for account in members[:2]
        ]
        for writer in writers:
            await stack.enter_async_context(connected(writer.account))
        yield World(demo, server, writers, residents, alerts, group)
