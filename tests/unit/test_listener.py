"""An HTTP server on one address: what it says of itself, and of a fault."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, web

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
