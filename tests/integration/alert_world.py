"""The alerts bot as a process of its own, beside a real directory and a real server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.streams import account_section, component_section
from tests.unit.alerts.world import free_port
from xmppgov.config import load
from xmppgov.demo.prosody import Prosody, write_secret
from xmppgov_alerts.client import AlertsClient
from xmppgov_alerts.config import SenderSettings
from xmppgov_directory.__main__ import build as build_directory
from xmppgov_directory.config import DirectorySection, DirectorySettings
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store

BOT = "alertes@gov.localhost"
BODIES = "id,kind,name,room\npref-59,prefecture,Préfecture du Nord,yes\n"


async def _filled(folder: Path, people: dict[str, str | None]) -> Path:
    """Import one body and its members, each a name and perhaps an address."""
    rows = list(enumerate(people.items()))
    tables = {
        "people": "id,given_name,family_name,jid\n"
        + "".join(f"p{n},{name},Nom,{jid or ''}\n" for n, (name, jid) in rows),
        "bodies": BODIES,
        "posts": "person_id,body_id,title\n" + "".join(f"p{n},pref-59,Agent\n" for n, _ in rows),
    }
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    store = await Store.open(folder / "directory.sqlite")
    files = Files(*(folder / f"{name}.csv" for name in tables))
    await import_files(store, files, mapping=Mapping(), today=date.today(), max_removals=1)
    await store.close()
    return folder / "directory.sqlite"


@asynccontextmanager
async def directory(
    server: Prosody, folder: Path, people: dict[str, str | None]
) -> AsyncIterator[None]:
    """The directory of one body, `pref-59`, which answers the alerts bot."""
    section = DirectorySection(
        database=await _filled(folder, people), domains={server.domain}, machines={BOT}
    )
    xmpp = component_section(server, "directory", "directory")
    async with build_directory(DirectorySettings(xmpp=xmpp, directory=section)):
        yield


def configuration(server: Prosody, folder: Path, bot: str = BOT) -> Path:
    """Write `alerts.toml` and its keys below `folder`."""
    account = account_section(server, bot)
    (folder / "alerts").mkdir()
    write_secret(folder / "keys" / "texts")
    write_secret(folder / "keys" / "prefecture")
    file = folder / "alerts.toml"
    file.write_text(
        f"""
[xmpp]
jid = "{bot}"
port = {account.port}
secret_file = "{account.secret_file}"
ca_file = "{account.ca_file}"

[bot]
database = "alerts/alerts.sqlite"
directory = "directory.{server.domain}"
domains = ["{server.domain}", "{bot.partition("@")[2]}"]

[alerts]
text_key_file = "keys/texts"

[webhook]
port = {free_port()}

[[webhook.keys]]
name = "prefecture"
label = "Préfecture du Nord"
secret_file = "keys/prefecture"
scope = ["body:pref-*", "group:pref-*"]
"""
    )
    return file


@dataclass
class AlertsProcess:
    """`xmppgov run alerts`, which can be killed and started again on the same files."""

    config: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and return when its webhook listens."""
        log = (self.config.parent / "alerts.log").open("ab")
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "xmppgov.cli.main", "run", "alerts", "--config", self.config),
            stdout=log,
            stderr=log,
        )
        log.close()
        async with asyncio.timeout(20):
            while not await self._listens():
                assert self.process.returncode is None, self.log()
                await asyncio.sleep(0.05)

    async def _listens(self) -> bool:
        port = tomllib.loads(self.config.read_text())["webhook"]["port"]
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """End it with a signal and wait."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.wait()

    def log(self) -> str:
        return (self.config.parent / "alerts.log").read_text()


@asynccontextmanager
async def alerts_process(config: Path) -> AsyncIterator[AlertsProcess]:
    running = AlertsProcess(config)
    await running.start()
    try:
        yield running
    finally:
        await running.kill(signal.SIGTERM)


async def command(config: Path, *arguments: str, text: str = "") -> tuple[int, str, str]:
    """Run `xmppgov alert …`; return its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "xmppgov.cli.main", "alert", *arguments, "--config", str(config)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "80"},
    )
    out, err = await process.communicate(text.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def send(config: Path, text: str) -> dict[str, Any]:
    """Send a severe alert to the body; return its report."""
    arguments = ("send", "--to", "body:pref-59", "--severity", "Severe", "--json", "-")
    status, out, err = await command(config, *arguments, text=text)
    assert status == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def client(config: Path) -> AlertsClient:
    """Return the webhook's client with the first key of `config`."""
    webhook = load(SenderSettings, config).webhook
    return AlertsClient(webhook.address, webhook.keys[0])


async def report(config: Path, alert_id: str) -> dict[str, Any]:
    async with client(config) as asking:
        return await asking.report(alert_id)


async def until(
    config: Path, alert_id: str, wanted: Callable[[dict[str, str]], bool], timeout: float = 20
) -> dict[str, Any]:
    """Ask for the report until the states, by given name, are as wanted."""
    seen: dict[str, str] = {}
    try:
        async with asyncio.timeout(timeout):
            while True:
                document = await report(config, alert_id)
                seen = {r["name"].split()[0]: r["state"] for r in document["recipients"]}
                if wanted(seen):
                    return document
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"the states stay {seen}") from None
