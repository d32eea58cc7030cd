"""An HTTP server on one address: what it says of itself, and of a fault."""

from __future__ import annotations

import asyncio
import resource

import pytest
from aiohttp import ClientSession, web

from xmppgov import listener
from xmppgov.config import ListenSection
from xmppgov.demo.prosody import Ports
from xmppgov.errors import ConfigurationError
from xmppgov.listener import Listener


def application() -> web.Application:
    async def fault(_request: web.Request) -> web.Response:
        raise RuntimeError("CANARY")

    async def missing(_request: web.Request) -> web.Response:
        raise web.HTTPGone

    app = web.Application()
    app.router.add_get("/fault", fault)
    app.router.add_get("/missing", missing)
    return app


async def test_a_fault_is_a_reference_that_is_also_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    section = ListenSection(port=Ports.free().c2s)
    async with Listener(application(), section), ClientSession() as session:
        url = f"http://127.0.0.1:{section.port}"
        async with session.get(f"{url}/fault") as answer:
            assert answer.status == 500
            reference = (await answer.text()).strip()
            assert len(reference) == 8
            assert answer.headers["Server"] == "xmppgov"
        for path, status in (("missing", 410), ("nothing", 404)):
            async with session.get(f"{url}/{path}") as answer:
                assert answer.status == status
                assert answer.headers["Server"] == "xmppgov"
    assert reference in capsys.readouterr().out


async def test_a_taken_address_is_said() -> None:
    section = ListenSection(port=Ports.free().c2s)
    async with Listener(application(), section):
        with pytest.raises(ConfigurationError, match=str(section.port)):
            async with Listener(application(), section):
                pass
    async with Listener(application(), section):
        pass


async def half_asked(port: int) -> asyncio.StreamReader:
    """Begin a request and never end it; what is returned ends when the server lets go."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    reader.writer = writer  # type: ignore[attr-defined]  # it lives as long as the reader
    return reader


async def let_go(readers: list[asyncio.StreamReader]) -> int:
    """Return how many connections the server has closed."""

    async def over(reader: asyncio.StreamReader) -> None:
        try:
            await reader.read()
        except ConnectionError:
            return

    done, pending = await asyncio.wait([asyncio.ensure_future(over(r)) for r in readers], timeout=1)
    for task in pending:
        task.cancel()
    return len(done)


async def test_idle_connections_leave_files_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_NOFILE: (40, 40)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    section = ListenSection(port=Ports.free().c2s)
    async with Listener(application(), section):
        readers = [await half_asked(section.port) for _ in range(30)]
        assert await let_go(readers) == 20


@pytest.mark.parametrize("asks_once", [False, True])
async def test_who_asks_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch, asks_once: bool) -> None:
    """A header that never ends, or an answered request and nothing behind it."""
    monkeypatch.setattr(listener, "IDLE", 0.2)
    section = ListenSection(port=Ports.free().c2s)
    async with Listener(application(), section), asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", section.port)
        whole = b"GET /missing HTTP/1.1\r\nHost: x\r\n"
        writer.write(whole + b"\r\n" if asks_once else whole)
        assert (await reader.read()).startswith(b"HTTP/1.1 410" if asks_once else b"")
        writer.close()
        async with (
            ClientSession() as session,
            session.get(f"http://127.0.0.1:{section.port}/missing") as answer,
        ):
            assert answer.status == 410
