"""The witness over HTTP (https://c2sp.org/tlog-witness): one POST, one GET, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from xmppgov.errors import XmppgovError
from xmppgov.tlog.witness import ADD_CHECKPOINT, SIZE_TYPE
from xmppgov_witness.errors import (
    Inconsistent,
    Malformed,
    NotTheLog,
    OldSizeWrong,
    OriginUnknown,
)
from xmppgov_witness.service import Witness

LARGEST_BODY = 256 * 1024  # bytes: 63 hashes, and 16 signatures of five kilobytes, several times
SLOWEST_BODY = 10.0  # seconds
TEXT = "text/plain; charset=utf-8"
STATUS = {Malformed: 400, NotTheLog: 403, OriginUnknown: 404, OldSizeWrong: 409, Inconsistent: 422}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(witness: Witness) -> web.Application:
    """Return the HTTP side of `witness`."""

    async def add_checkpoint(request: web.Request) -> web.Response:
        async with asyncio.timeout(SLOWEST_BODY):
            body = await request.read()
        return _text(200, await witness.add_checkpoint(body))

    async def checkpoint(request: web.Request) -> web.Response:
        note = await witness.checkpoint(request.path.removeprefix("/"))
        if note is None:
            raise web.HTTPNotFound
        return _text(200, note.decode())

    app = web.Application(middlewares=[_explain], client_max_size=LARGEST_BODY)
    app.router.add_post(f"/{ADD_CHECKPOINT}", add_checkpoint)
    app.router.add_get("/{hash:[0-9a-f]{64}}/checkpoint", checkpoint)
    return app


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn a refusal into its status; a fault of ours is the listener's to report."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _text(error.status, "", error.headers.get("Allow"))
    except TimeoutError:
        return _text(408, "")
    except OldSizeWrong as error:
        response = web.Response(status=409, body=f"{error.size}\n".encode())
        response.headers["Content-Type"] = SIZE_TYPE
        return response
    except XmppgovError as error:
        if type(error) not in STATUS:
            raise
        language = request.headers.get("Accept-Language", "en")
        return _text(STATUS[type(error)], error.text.in_language(language) + "\n")


def _text(status: int, text: str, allow: str | None = None) -> web.Response:
    response = web.Response(status=status, body=text.encode())
    response.headers["Content-Type"] = TEXT
    response.headers["Cache-Control"] = "no-cache"
    if allow:
        response.headers["Allow"] = allow
    return response
