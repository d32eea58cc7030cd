"""A server that falls silent in the middle of a login is given up and asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from xmppgov.config import XmppSection
from xmppgov.xmpp import reconnect
from xmppgov.xmpp.client import Account


async def test_a_login_that_takes_too_long_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "LOGIN", 0.2)
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("secret")
    came: asyncio.Queue[None] = asyncio.Queue()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.put_nowait(None)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = Account(XmppSection(jid="bot@gov.localhost", port=port, secret_file=secret))
    account.start()
    async with asyncio.timeout(20):
        for _ in range(3):
            await came.get()
    await account.stop()
    server.close()
