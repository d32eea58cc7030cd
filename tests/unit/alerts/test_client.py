"""What the client repeats, and that it repeats it under the same id."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.unit.alerts.world import section
from xmppgov.errors import Unreachable
from xmppgov_alerts import client as module
from xmppgov_alerts.client import AlertsClient, Refused

ALERT = {"to": ["group:a"], "severity": "Minor", "text": "x"}


class Flaky:
    """A real server that answers as it is told, and notes the ids that it was asked with."""

    def __init__(self, *answers: Callable[[web.Request], web.Response]) -> None:
        self.answers, self.ids = list(answers), list[str]()

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.ids.append(request.headers["webhook-id"])
        return self.answers.pop(0)(request)


def busy(_: web.Request) -> web.Response:
    return web.Response(status=503)


def cut(request: web.Request) -> web.Response:
    assert request.transport
    request.transport.abort()
    return web.Response()


def good(_: web.Request) -> web.Response:
    return web.json_response({"id": "a" * 16}, status=202)


@asynccontextmanager
async def serving(server: Flaky, port: int) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_post("/v1/alerts", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def ask(tmp_path: Path, server: Flaky, patience: float = 10) -> str:
    config = section(tmp_path, one={})
    async with (
        serving(server, config.port),
        AlertsClient(config.address, config.keys[0], patience=patience) as client,
    ):
        return await client.send(ALERT, "r1")


@pytest.fixture(autouse=True)
def _short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)


async def test_what_may_pass_is_repeated_under_the_same_id(tmp_path: Path) -> None:
    server = Flaky(busy, cut, good)
    assert await ask(tmp_path, server) == "a" * 16
    assert server.ids == ["r1"] * 3


async def test_a_refusal_is_not_repeated(tmp_path: Path) -> None:
    server = Flaky(lambda _: web.json_response({"detail": "Non."}, status=403))
    with pytest.raises(Refused, match="Non"):
        await ask(tmp_path, server)
    assert len(server.ids) == 1


async def test_an_answer_that_is_no_json_is_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="HTTP status 418"):
        await ask(tmp_path, Flaky(lambda _: web.Response(status=418, text="<html>")))


async def test_without_an_answer_the_id_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="--id r1"):
        await ask(tmp_path, Flaky(*[cut] * 100), patience=0.1)


async def test_a_closed_port_is_told_at_once(tmp_path: Path) -> None:
    config = section(tmp_path, one={})
    with socket.create_server(("127.0.0.1", 0)):
        async with AlertsClient(config.address, config.keys[0]) as client:
            with pytest.raises(Unreachable, match="run alerts"):
                await client.send(ALERT, "r1")


async def test_who_restarts_meanwhile_is_asked_again_under_the_same_id(tmp_path: Path) -> None:
    config = section(tmp_path, one={})
    first, second = Flaky(cut), Flaky(good)
    async with AlertsClient(config.address, config.keys[0], patience=10) as client:
        async with serving(first, config.port):
            sending = asyncio.create_task(client.send(ALERT, "r1"))
            async with asyncio.timeout(5):
                while not first.ids:
                    await asyncio.sleep(0.001)
        await asyncio.wait({sending}, timeout=0.1)
        assert not sending.done()
        async with serving(second, config.port):
            assert await sending == "a" * 16
    assert (first.ids, second.ids) == (["r1"], ["r1"])
