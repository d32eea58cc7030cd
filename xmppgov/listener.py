"""An HTTP server on one address: it says little of itself and quotes nothing that it is sent."""

from __future__ import annotations

import logging
import os
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


class Listener:
    """Serves `app` where `section` says: `async with Listener(…)` listens."""

    def __init__(self, app: web.Application, section: ListenSection) -> None:
        app.on_response_prepare.append(_without_program)
        app.middlewares.insert(0, _report)
        self._section = section
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_protocol_log(),
            shutdown_timeout=SHUTDOWN,
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        """Raise `ConfigurationError` where the address is taken or is not this machine's."""
        await self._runner.setup()
        host, port = self._section.host, self._section.port
        try:
            await web.TCPSite(self._runner, host, port).start()
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
        await self._runner.cleanup()


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
