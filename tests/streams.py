"""Streams for tests: an account or a component that is connected when the block begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component


def account_section(server: Prosody, jid: str, password: str = "secret") -> XmppSection:
    """Return the `[xmpp]` section of an account on `server`."""
    file = server.state / "secrets" / jid.split("/")[0]
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(password)
    return XmppSection(
        jid=jid, port=server.ports.c2s, secret_file=file, ca_file=server.state / "ca.pem"
    )


def component_section(server: Prosody, name: str, secret: str) -> XmppSection:
    """Return the `[xmpp]` section of the component `name` whose secret file is `secret`."""
    return XmppSection(
        jid=f"{name}.{server.domain}",
        port=server.ports.component,
        secret_file=server.state / "secrets" / secret,
    )


@asynccontextmanager
async def connected(stream: Account | Component, timeout: float = 15) -> AsyncIterator[None]:
    """Keep `stream` connected during the block."""
    started = asyncio.Event()
    stream.add_event_handler("session_start", lambda _: started.set())
    stream.start()
    try:
        await asyncio.wait_for(started.wait(), timeout)
        yield
    finally:
        await stream.stop()


@asynccontextmanager
async def logged_in(server: Prosody, jid: str, *plugins: str) -> AsyncIterator[Account]:
    """An account that is online (initial presence sent) during the block."""
    account = Account(account_section(server, jid))
    for plugin in plugins:
        account.register_plugin(plugin)
    async with connected(account):
        account.send_presence()
        yield account


def read(path: Path) -> bytes:
    """Return the bytes of every file below `path`, one after the other."""
    return b"".join(p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file())
