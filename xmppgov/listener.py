"""An HTTP server on one address: it says little of itself and quotes nothing that it is sent."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog
from aiohttp import web

from xmppgov.config import ListenSection
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SHUTDOWN = 2.0  # seconds that requests under way have at the end
IDLE = 15.0  # seconds in which a connection has to send a whole header, or another request
CONNECTIONS = 256  # at once, and never more than a quarter of the files that this process may open
BACKLOG = 16  # accepted in one turn of the loop: they are open before they can be refused


class Listener:
    """Serves `app` where `section` says: `async with Listener(…)` listens."""

    def __init__(self, app: web.Application, section: ListenSection) -> None:
        app.on_response_prepare.append(_without_program)
        app.middlewares.insert(0, _report)
        self._section = section
        self._runner = runner(app, _protocol_log())
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Raise `ConfigurationError` where the address is taken or is not this machine's."""
        await self._runner.setup()
        host, port = self._section.host, self._section.port
        try:
            self._server = await listen(self._runner, host, port)
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                texts(
                    "Nothing can listen on {host}:{port}: {reason}; choose another port or end "
                    "the program that has it.",
                    host=host,
                    port=port,
                    reason=os.strerror(error.errno) if error.errno else error,
                )
            ) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()


def runner(app: web.Application, logger: logging.Logger) -> web.AppRunner:
    """Return what serves `app` to connections that do not stay idle."""
    return web.AppRunner(
        app,
        access_log=None,
        logger=logger,
        shutdown_timeout=SHUTDOWN,
        auto_decompress=False,  # nothing is unpacked for whoever has not been believed yet
        keepalive_timeout=IDLE,
    )


async def listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    """Serve `runner`, which is set up, to so many connections that files can still be opened.

    Whoever comes when there are as many is let go at once. Raises `OSError`.
    """
    limit = _most_connections()

    def connection() -> asyncio.Protocol:
        server = runner.server
        if server is None or len(server.connections) >= limit:
            return _Refused()
        return server()

    loop = asyncio.get_running_loop()
    return await loop.create_server(connection, host, port, backlog=BACKLOG)


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if files == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, files // 4))


@web.middleware
async def _report(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a fault of ours with a reference that is also in the log, and with nothing else."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:
        reference = secrets.token_hex(4)
        log.error("request failed", reference=reference, exc_info=error)
        return web.Response(status=500, text=f"{reference}\n")


async def _without_program(_request: web.Request, response: web.StreamResponse) -> None:
    """Name the project, not each library and its version."""
    response.headers["Server"] = "xmppgov"


class _Cut(logging.Filter):
    """Cut aiohttp's reports of malformed requests, which quote them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "malformed HTTP request", ()
        record.exc_info = record.exc_text = None
        return True


def _protocol_log() -> logging.Logger:
    logger = logging.getLogger("xmppgov.http")
    logger.filters = [_Cut()]
    return logger
