"""Reconnection with back-off and jitter for every stream, component or account.

slixmpp retries until the first TCP connection only; a stream that is lost afterwards, or refused
during login, stays lost, and one whose server falls silent or dies in the middle of a login may
wait for ever. `Reconnection` brings each of them back until it is told to stop.
"""

from __future__ import annotations

import asyncio
import random

import structlog
from slixmpp.basexmpp import BaseXMPP

log = structlog.get_logger()
FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0  # seconds
LOGIN = 30.0  # seconds that a login may take


class Reconnection:
    """Keeps one stream connected; make it before the first `connect()`."""

    def __init__(self, stream: BaseXMPP, host: str, port: int) -> None:
        self._stream = stream
        self._address = (host, port)
        self._delay = FIRST_DELAY
        self._wanted = False
        self._task: asyncio.Task[None] | None = None
        self._login: asyncio.TimerHandle | None = None
        stream.add_event_handler("session_start", self._started)
        stream.add_event_handler("session_resumed", self._started)
        stream.add_event_handler("disconnected", self._lost)
        stream.add_event_handler("connection_failed", self._failed)

    def start(self) -> None:
        """Connect, and reconnect whenever the stream is lost."""
        self._wanted = True
        self._connect()

    async def stop(self) -> None:
        """Close the stream and leave it closed."""
        self._wanted = False
        if self._task:
            self._task.cancel()
        self._end_login()
        self._stream.cancel_connection_attempt()
        if self._stream.is_connected():
            await self._stream.disconnect(wait=1.0)
        await self._end_sending()

    async def _end_sending(self) -> None:
        # slixmpp ends this task only when the stream is collected, which asyncio then complains of.
        if sending := self._stream._run_out_filters:
            sending.cancel()
            await asyncio.wait({sending})

    def _connect(self) -> None:
        self._end_login()
        self._login = asyncio.get_running_loop().call_later(LOGIN, self._give_up)
        self._stream.connect(*self._address)

    def _end_login(self) -> None:
        if self._login:
            self._login.cancel()

    def _give_up(self) -> None:
        log.warning("the login takes too long", jid=str(self._stream.boundjid))
        self._stream.cancel_connection_attempt()
        self._stream.abort()
        self._schedule()

    def _started(self, _event: object) -> None:
        self._end_login()
        self._delay = FIRST_DELAY
        log.info("connected", jid=str(self._stream.boundjid))

    def _failed(self, _event: object) -> None:
        # slixmpp would double its own delay up to five minutes; ours replaces it.
        self._stream.cancel_connection_attempt()
        self._schedule()

    def _lost(self, _event: object) -> None:
        self._end_login()
        if self._wanted:
            log.info("connection lost", jid=str(self._stream.boundjid))
        self._schedule()

    def _schedule(self) -> None:
        if self._wanted and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._after_delay())

    async def _after_delay(self) -> None:
        delay = self._delay * random.uniform(0.5, 1.5)
        self._delay = min(self._delay * 2, LONGEST_DELAY)
        await asyncio.sleep(delay)
        if self._wanted:
            self._connect()
