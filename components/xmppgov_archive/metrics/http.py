"""`GET /metrics`, for Prometheus; on a port of its own, which is not the public log's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from xmppgov_archive.metrics.exposition import Figures, exposition


def application(figures: Callable[[], Awaitable[Figures]]) -> web.Application:
    """Return the HTTP side; `figures` looks at the archive."""

    async def metrics(_request: web.Request) -> web.Response:
        body = exposition(await figures())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app
