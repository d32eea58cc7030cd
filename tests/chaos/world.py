"""A demo under load, whose processes can be killed one by one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.emitter import Emitter
from tests.chaos.observer import Observer
from tests.chaos.residents import Resident, resident
from tests.chaos.traffic import Writer
from tests.demo_process import Demo
from tests.rooms import until
from tests.streams import connected
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.errors import Unreachable
from xmppgov.xmpp.client import Account
from xmppgov_alerts.client import AlertsClient
from xmppgov_alerts.config import KeySection

EMITTER = "operateur@gov.localhost"
"""An account that every demo has, and that nothing else uses while it runs."""
ADMITTED = {"XMPPGOV_ARCHIVE__EMITTERS": json.dumps({EMITTER: ["lookup"]})}
"""The environment with which the archive of a demo takes records of `EMITTER`."""
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
    emitter: Emitter
    observer: Observer
    sent: dict[str, str] = field(default_factory=dict)
    """alert id -> the words that are in its text and in no other"""

    @property
    def targets(self) -> list[str]:
        """Every process of the demo, by name."""
        return sorted(self.demo.ready["pids"])

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

    async def kill(self, *targets: str) -> None:
        """SIGKILL living processes at one moment; return when others have taken their places."""
        killed = {target: await self._living(target) for target in targets}
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)

        async def replaced() -> bool:
            pids = self.demo.ready["pids"]
            return all(pids[target] != pid for target, pid in killed.items())

        await until(replaced, RETURN)

    async def black_out(self) -> list[str]:
        """SIGKILL the demo, which takes every process along; start it again; return the names."""
        targets = self.targets
        self.demo.kill()
        (self.demo.state / "ready.json").unlink()
        await asyncio.to_thread(self.demo.start)
        return targets

    async def goes_on(self) -> None:
        """Wait until work moves everywhere: people read each other, records are committed."""
        acknowledged = self.emitter.acknowledged
        arrived = [(someone, len(someone.arrived)) for someone in self.everybody]

        async def moved() -> bool:
            silent = [someone for someone, count in arrived if len(someone.arrived) == count]
            for someone in self.residents:
                if someone in silent:
                    someone.enter()
            return not silent and self.emitter.acknowledged > acknowledged

        await until(moved, RETURN)

    async def _living(self, target: str) -> int:
        """Return the id of a process that runs; one that has just died is waited for."""

        async def living() -> int:
            pid = int(self.demo.ready["pids"][target])
            return pid if _runs(pid) else 0

        return int(await until(living, RETURN))

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


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


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
    emitter = _emitter(server, ready["services"]["archive"])
    observer = Observer.of_demo(ready["archive"])
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
        for account in (emitter.account, *(writer.account for writer in writers)):
            await stack.enter_async_context(connected(account))
        yield World(demo, server, writers, residents, alerts, group, emitter, observer)


def _emitter(server: Prosody, archive: str) -> Emitter:
    section = XmppSection(
        jid=f"{EMITTER}/emitter",
        port=server.ports.c2s,
        secret_file=server.state / "secrets" / EMITTER.split("@")[0],
        ca_file=server.state / "ca.pem",
    )
    return Emitter(Account(section), archive, int(time.time()), random.Random(0))
