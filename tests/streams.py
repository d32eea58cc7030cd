"""Streams for tests: an account or a component that is connected when the block begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.bot.testing.client import account_section, connected
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

__all__ = ["account_section", "component_section", "connected", "logged_in", "read"]


def component_section(server: Prosody, name: str, secret: str) -> XmppSection:
    """Return the `[xmpp]` section of the component `name` whose secret file is `secret`."""
    return XmppSection(
        jid=f"{name}.{server.domain}",
        port=server.ports.component,
        secret_file=server.state / "secrets" / secret,
    )


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
