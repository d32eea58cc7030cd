"""One component as a process of its own beside a benchmark's Prosody, ready when it answers."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.streams import RawClient, log_in
from xmppgov.demo.process import Program, Supervisor, run_once
from xmppgov.demo.prosody import Prosody
from xmppgov.demo.settings import write_settings

PATIENCE = 30.0  # seconds


def command(*arguments: str) -> list[str]:
    """Return the command line of `xmppgov ARGUMENTS…`."""
    return [sys.executable, "-m", "xmppgov.cli.main", *arguments]


def settings(prosody: Prosody, name: str, edits: dict[str, str] | None = None) -> Path:
    """Write the demo's configuration of `name` with `edits` (text → text) and return its path."""
    path = write_settings(prosody.state, prosody.domain, prosody.ports)[name]
    text = path.read_text("utf-8")
    for old, new in (edits or {}).items():
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return path


async def run_command(prosody: Prosody, *arguments: str) -> None:
    """Run `xmppgov ARGUMENTS…` to its end."""
    program = Program(
        "command", command(*arguments), os.environ, prosody.state / "log" / "command.log"
    )
    await run_once(program)


@asynccontextmanager
async def service(prosody: Prosody, name: str, config: Path, address: str) -> AsyncIterator[int]:
    """Run `xmppgov run NAME` during the block, which gets its pid once `address` answers."""
    supervisor = Supervisor(lambda: None)
    log = prosody.state / "log" / f"{name}.log"
    await supervisor.start(
        Program(name, command("run", name, "--config", str(config)), os.environ, log)
    )
    try:
        await _until_answers(prosody, address)
        yield supervisor.pids[name]
    finally:
        await supervisor.stop()


async def _until_answers(prosody: Prosody, address: str) -> None:
    client: RawClient = await log_in(prosody, "user0")
    client.token = b"type='result'"
    counting = asyncio.create_task(client.count())
    deadline = time.monotonic() + PATIENCE
    try:
        while not client.received:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{address} does not answer; logs in {prosody.state / 'log'}")
            client.send(
                f"<iq type='get' id='d' to='{address}'>"
                "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>".encode()
            )
            await asyncio.sleep(0.2)
    finally:
        counting.cancel()
        await client.close()
