"""The whole stack on one machine: what is laid out, what is started, and when it answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from xmppgov.demo.client import Operator, operator
from xmppgov.demo.layout import Layout, lay_out
from xmppgov.demo.process import Program, Supervisor
from xmppgov.demo.prosody import Ports, listening
from xmppgov.demo.ready import NAME, Ready, services
from xmppgov.demo.screen import Screen
from xmppgov.demo.witnesses import WITNESSES, witness_ports
from xmppgov.i18n import Texts

texts = Texts(__package__)
COMPONENTS, BOTS = ("directory", "archive", "rooms"), ("alerts", "annuaire")
PATIENCE = 40.0  # seconds that a part may take to answer


async def run_stack(state: Path, ports: Ports, screen: Screen) -> None:
    """Bring everything up, and keep it up until SIGINT or SIGTERM.

    Raises:
        XmppgovError: a port is taken, a program is missing, or a part does not answer.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        layout = await lay_out(state, ports, screen)
        async with _running(layout, screen):
            await loop.create_future()


@asynccontextmanager
async def _running(layout: Layout, screen: Screen) -> AsyncIterator[None]:
    """The stack, up and announced in `ready.json` during the block."""
    ready: Ready | None = None
    supervisor = Supervisor(lambda: ready.write(supervisor.pids) if ready else None)
    try:
        await _bring_up(layout, supervisor, screen)
        ready = layout.ready()
        ready.write(supervisor.pids)
        screen.show(ready)
        yield
    finally:
        ready = None
        (layout.state / NAME).unlink(missing_ok=True)
        with screen.step(texts("Stopping")):
            await supervisor.stop()


async def _bring_up(layout: Layout, supervisor: Supervisor, screen: Screen) -> None:
    """Start everything and return when everything answers."""
    ports = layout.ports
    with screen.step(texts("Starting the XMPP server on 127.0.0.1:{port}", port=ports.c2s)):
        await supervisor.start(_server(layout))
        for port in (ports.c2s, ports.component, ports.http):
            await supervisor.wait_until("prosody", partial(listening, port), PATIENCE)
    parts = (*WITNESSES, *COMPONENTS, *BOTS)
    with screen.step(texts("Starting {names}", names=", ".join(parts))):
        for name in parts:
            await supervisor.start(_part(layout, name))
    with screen.step(texts("Waiting until everything answers")):
        async with operator(layout.operator()) as account:
            for name in parts:
                await _until_answers(name, layout, supervisor, account)


async def _until_answers(
    name: str, layout: Layout, supervisor: Supervisor, account: Operator
) -> None:
    """Wait until the part `name` does what it is there for."""
    if name in WITNESSES:
        port = witness_ports(layout.ports)[name]
        await supervisor.wait_until(name, partial(listening, port), PATIENCE)
        return
    address = services(layout.domain)[name]
    if name in BOTS:
        await supervisor.wait_until(name, lambda: account.is_online(address), PATIENCE)
    else:
        await supervisor.wait_until(name, account.watch(address), PATIENCE)
    if name == "alerts":
        await supervisor.wait_until(name, lambda: listening(layout.ports.webhook), PATIENCE)
    if name == "archive":
        await supervisor.wait_until(name, (layout.tiles / "cosigned").exists, PATIENCE)


def _server(layout: Layout) -> Program:
    server = layout.prosody
    return Program("prosody", server.command(), server.environ(), layout.log("prosody"))


def _part(layout: Layout, name: str) -> Program:
    service = "witness" if name in WITNESSES else name
    command = [sys.executable, "-m", "xmppgov.cli.main", "run", service]
    config = ["--config", str(layout.config[name])]
    return Program(name, command + config, os.environ, layout.log(name))
