"""The door for alerts: signed HTTP requests (Standard Webhooks), JSON answers, RFC 9457 errors.

docs/protocol/alerts.md. A request is authenticated before anything in it is read; whoever has not
signed learns nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType

import structlog
from aiohttp import web

from xmppgov.bot.limits import Limit
from xmppgov.errors import (
    BadRequest,
    ConfigurationError,
    LocalFault,
    NotFound,
    RemoteFault,
    TooMany,
    Unreachable,
    XmppgovError,
)
from xmppgov.i18n import Text, Texts
from xmppgov.listener import listen, runner
from xmppgov_alerts.config import Sender, WebhookSection
from xmppgov_alerts.errors import (
    NoSuchMethod,
    TooLarge,
    TooSlow,
    Unauthorized,
    UnsupportedType,
)
from xmppgov_alerts.model import Accepted
from xmppgov_alerts.problem import problem
from xmppgov_alerts.reports.model import LARGEST_PAGE, PAGE
from xmppgov_alerts.service import Alerts
from xmppgov_alerts.signature import ID, verify

log = structlog.get_logger()
texts = Texts("xmppgov_alerts")
SLOWEST_BODY = 10.0  # seconds
READS_PER_WRITE = 10
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Webhook:
    """The HTTP server: `async with Webhook(…)` listens."""

    def __init__(
        self,
        section: WebhookSection,
        *,
        alerts: Alerts,
        senders: Mapping[str, Sender],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._section, self._alerts, self._senders, self._now = section, alerts, senders, now
        self._keys = tuple(sender.key for sender in senders.values())
        self._writes = {s.name: _limit(s.per_minute) for s in senders.values()}
        self._reads = {s.name: _limit(s.per_minute * READS_PER_WRITE) for s in senders.values()}
        app = web.Application(middlewares=[_explain], client_max_size=section.max_body_bytes)
        app.router.add_post("/v1/alerts", self._post)
        app.router.add_post("/v1/alerts/{id}/update", self._update)
        app.router.add_post("/v1/alerts/{id}/cancel", self._cancel)
        app.router.add_get("/v1/alerts/{id}", self._get, allow_head=False)
        app.router.add_get("/v1/alerts/{id}/report.csv", self._table, allow_head=False)
        self._runner = runner(app, _protocol_log())
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Webhook:
        await self._runner.setup()
        host, port = self._section.host, self._section.port
        try:
            self._server = await listen(self._runner, host, port)
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                texts(
                    "The webhook cannot listen on {host}:{port}: {reason}; choose another "
                    "webhook.port or end the program that has it.",
                    host=host,
                    port=port,
                    reason=os.strerror(error.errno) if error.errno else error,
                )
            ) from error
        log.info("webhook listens", host=host, port=port)
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

    async def _post(self, request: web.Request) -> web.Response:
        sender, body = await self._asked(request)
        return _accepted(await self._alerts.accept(sender, request.headers[ID], body))

    async def _update(self, request: web.Request) -> web.Response:
        sender, body = await self._asked(request)
        alert_id, request_id = request.match_info["id"], request.headers[ID]
        return _accepted(await self._alerts.changes.update(sender, alert_id, request_id, body))

    async def _cancel(self, request: web.Request) -> web.Response:
        sender, body = await self._asked(request)
        alert_id, request_id = request.match_info["id"], request.headers[ID]
        return _accepted(await self._alerts.changes.cancel(sender, alert_id, request_id, body))

    async def _get(self, request: web.Request) -> web.Response:
        sender = await self._reader(request)
        after, limit = _page(request.query)
        report = await self._alerts.reports.report(sender, request.match_info["id"], after, limit)
        return _json(report.as_json(), 200)

    async def _table(self, request: web.Request) -> web.StreamResponse:
        sender = await self._reader(request)
        pieces = await self._alerts.reports.table(sender, request.match_info["id"])
        response = web.StreamResponse(
            headers={"Cache-Control": "no-store", "Content-Type": "text/csv; charset=utf-8"}
        )
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            async for piece in pieces:
                await response.write(piece)
            await response.write_eof()
        except Exception as error:  # its beginning has left: only a cut shows that it is no whole
            log.error("a table was cut", reference=secrets.token_hex(4), exc_info=error)
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _asked(self, request: web.Request) -> tuple[Sender, bytes]:
        """Return who asks for something to be sent, and the JSON that says what."""
        body = await _body(request)
        sender = self._sender(request, body)
        _within(self._writes, sender)
        if request.content_type != "application/json" or "Content-Encoding" in request.headers:
            raise UnsupportedType(texts("The body must be application/json, uncompressed."))
        return sender, body

    async def _reader(self, request: web.Request) -> Sender:
        sender = self._sender(request, await _body(request))
        _within(self._reads, sender)
        return sender

    def _sender(self, request: web.Request, body: bytes) -> Sender:
        key = verify(self._keys, request.headers, body, self._now())
        if key is None:
            raise Unauthorized(
                texts(
                    "The signature is not accepted: check the key, the clock (within five "
                    "minutes), and that id.timestamp.body was signed."
                )
            )
        return self._senders[key.name]


def _limit(per_minute: int) -> Limit:
    return Limit(burst=per_minute, rate=per_minute / 60)


def _within(limits: Mapping[str, Limit], sender: Sender) -> None:
    if not limits[sender.name].allow(sender.name, time.monotonic()):
        raise TooMany(texts("Too many requests with this key; ask again a little later."))


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            return await request.read()
    except TimeoutError:
        raise TooSlow(texts("The body did not come in time.")) from None


def _page(query: Mapping[str, str]) -> tuple[str | None, int]:
    """Read `after` and `limit`; anything else in the query is not looked at."""
    limit = query.get("limit", str(PAGE))
    if not (
        limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= LARGEST_PAGE
    ):
        raise BadRequest(texts("limit: a number from 1 to {most}.", most=LARGEST_PAGE))
    return query.get("after"), int(limit)


def _accepted(accepted: Accepted) -> web.Response:
    document = {"id": accepted.id, "number": accepted.number}
    return _json(document, 202, Location=f"/v1/alerts/{accepted.id}")


def _json(document: Mapping[str, object], status: int, **headers: str) -> web.Response:
    body = json.dumps(document, ensure_ascii=False).encode()
    return web.Response(
        status=status,
        body=body,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong into a problem document; the one place that does."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return problem(_routing(error), request.headers.get("Accept-Language"))
    except (RemoteFault, Unreachable) as error:
        return problem(error, request.headers.get("Accept-Language"))
    except Exception as error:
        reference = secrets.token_hex(4)
        log.error("request failed", reference=reference, exc_info=error)
        fault = LocalFault(
            texts(
                "An internal error occurred; the operator finds it in the log under {reference}. "
                "Nothing was accepted unless the same request, sent again, says so.",
                reference=reference,
            )
        )
        return problem(fault, request.headers.get("Accept-Language"))


def _routing(error: web.HTTPException) -> XmppgovError:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge(texts("The body is too large."))
    if isinstance(error, web.HTTPMethodNotAllowed):
        return NoSuchMethod(_whats_here())
    return NotFound(_whats_here())


def _whats_here() -> Text:
    return texts(
        "There are POST /v1/alerts, and below /v1/alerts/ with an alert's id: POST update and "
        "cancel, GET and GET report.csv; nothing else."
    )


class _Cut(logging.Filter):
    """Cut aiohttp's reports of malformed requests, which quote them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "malformed HTTP request", ()
        record.exc_info = record.exc_text = None
        return True


def _protocol_log() -> logging.Logger:
    logger = logging.getLogger("xmppgov_alerts.http")
    logger.filters = [_Cut()]
    return logger
