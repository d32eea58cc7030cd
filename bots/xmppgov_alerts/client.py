"""The command line's side of the webhook: signs, posts, asks; the same door as everybody's."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import aiohttp

from xmppgov.errors import RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts, terminal_language
from xmppgov_alerts.config import KeySection, SenderSettings, read_sender
from xmppgov_alerts.signature import sign

texts = Texts("xmppgov_alerts")
TRY_AGAIN = (429, 502, 503, 504)
PATIENCE, PAUSE = 30.0, 1.0  # seconds


class Refused(RemoteFault):
    """The webhook refused; its own sentence says why."""


class AlertsClient:
    """One key's access to the webhook: `async with AlertsClient(…)`."""

    def __init__(self, address: str, key: KeySection, *, patience: float = PATIENCE) -> None:
        self._address = address.rstrip("/")
        self._secret = read_sender(key).key.secret
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AlertsClient:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, alert: Mapping[str, Any], request_id: str) -> str:
        """Post an alert and return its id."""
        return await self._post("/v1/alerts", alert, request_id)

    async def update(self, alert_id: str, change: Mapping[str, Any], request_id: str) -> str:
        """Post an update of an alert and return the id of the new version."""
        return await self._post(f"/v1/alerts/{alert_id}/update", change, request_id)

    async def cancel(self, alert_id: str, reason: Mapping[str, Any], request_id: str) -> str:
        """Call an alert off and return the id of the cancellation."""
        return await self._post(f"/v1/alerts/{alert_id}/cancel", reason, request_id)

    async def _post(self, path: str, document: Mapping[str, Any], request_id: str) -> str:
        """Post a request and return the id of the message that it became.

        What may pass is tried again, always with the same `request_id`: the alert goes out once.

        Raises:
            Refused: the webhook said no.
            Unreachable: nothing answers at the address, or nothing that lasts; the text says
                whether the alert may have been accepted.
        """
        body = json.dumps(document, ensure_ascii=False).encode()
        answer = await self._ask("POST", path, request_id, body)
        return str(answer["id"])

    async def report(self, alert_id: str) -> dict[str, Any]:
        """Return the state of an alert with its first page (docs/protocol/alerts.md)."""
        return await self._ask("GET", f"/v1/alerts/{alert_id}", uuid.uuid4().hex, b"")

    async def table(self, alert_id: str, write: Callable[[bytes], object]) -> None:
        """Pass the report of an alert, as CSV, to `write` piece by piece.

        Raises:
            Refused: the webhook said no.
            Unreachable: nothing answers, or the answer broke off.
        """
        assert self._session is not None
        path = f"/v1/alerts/{alert_id}/report.csv"
        headers = sign(self._secret, uuid.uuid4().hex, int(time.time()), b"")
        headers["Accept-Language"] = terminal_language()
        try:
            async with self._session.get(self._address + path, headers=headers) as response:
                if response.status >= 400:
                    raise Refused(_reason(response.status, await _document(response)))
                async for piece in response.content.iter_any():
                    write(piece)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._silent(None) from error

    async def _ask(self, method: str, path: str, request_id: str, body: bytes) -> dict[str, Any]:
        deadline = time.monotonic() + self._patience
        uncertain = False
        while True:
            last = time.monotonic() + PAUSE > deadline
            try:
                return await self._once(method, path, request_id, body, last)
            except aiohttp.ClientConnectorError as error:
                if last or not uncertain:
                    raise self._silent(request_id if uncertain and body else None) from error
            except (aiohttp.ClientError, TimeoutError) as error:
                uncertain = True
                if last:
                    raise self._silent(request_id if body else None) from error
            await asyncio.sleep(PAUSE)

    async def _once(
        self, method: str, path: str, request_id: str, body: bytes, last: bool
    ) -> dict[str, Any]:
        assert self._session is not None
        headers = sign(self._secret, request_id, int(time.time()), body)
        headers["Accept-Language"] = terminal_language()
        if body:
            headers["Content-Type"] = "application/json"
        url = self._address + path
        async with self._session.request(
            method, url, data=body or None, headers=headers
        ) as response:
            if response.status in TRY_AGAIN and not last:
                response.raise_for_status()
            document = await _document(response)
            if response.status >= 400:
                raise Refused(_reason(response.status, document))
            return document

    def _silent(self, request_id: str | None) -> Unreachable:
        if request_id is not None:
            return Unreachable(
                texts(
                    "{address}: no answer came, and the alert may have been accepted. Send it "
                    "again with --id {id}: it goes out once.",
                    address=self._address,
                    id=request_id,
                )
            )
        return Unreachable(
            texts(
                "{address}: the alerts service does not answer. Start it (xmppgov run alerts), or "
                "set webhook.url to where it listens.",
                address=self._address,
            )
        )


async def _document(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        document = json.loads(await response.read())
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {}


def _reason(status: int, document: Mapping[str, Any]) -> Text:
    detail = document.get("detail")
    if isinstance(detail, str):
        return Text("xmppgov_alerts", detail)
    return texts("The webhook refused with HTTP status {status}.", status=status)


def choose_key(settings: SenderSettings, name: str | None) -> KeySection | None:
    """Return the key `name`, or the first one where none is named."""
    keys = settings.webhook.keys
    return keys[0] if name is None else next((key for key in keys if key.name == name), None)
