"""The outbox on one connection: what was handed to it, and how much of that is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import TypeVar

from xmppgov.bot import stanza
from xmppgov.bot.account import BotAccount
from xmppgov.clock import Clock, wait_for

Result = TypeVar("Result")

MOST_AT_ONCE = 32  # messages that are handed over together
IN_FLIGHT = 64  # messages that the server has not acknowledged yet
PATIENCE = 1.0  # seconds between two questions for an acknowledgement


class Sending:
    """Hands messages to the stream, each once on a connection, and waits for room."""

    def __init__(self, account: BotAccount, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._in_flight: set[str] = set()  # not acknowledged on this connection
        self._handed: set[str] = set()  # handed over on this connection, and not known as settled
        self._open = asyncio.Event()
        self._eased = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether messages may be handed over now."""
        return self._open.is_set()

    def open(self) -> None:
        """What the last connection left open is settled; sending goes on."""
        self._open.set()

    async def opened(self) -> None:
        """Wait until messages may be handed over."""
        await self._open.wait()

    def close(self) -> None:
        """The connection is lost."""
        self._open.clear()
        self._in_flight.clear()
        self._handed.clear()
        self._eased.set()

    def acknowledged(self, id: str) -> bool:
        """Take note that the server has a message; tell whether it is one of these."""
        if id not in self._in_flight:
            return False
        self._in_flight.discard(id)
        self._eased.set()
        return True

    def hand_over(self, stanzas: Mapping[str, str]) -> None:
        """Hand written messages to the stream by their ids, but those that it has already."""
        for id, written in stanzas.items():
            if id not in self._handed:
                self._handed.add(id)
                self.hand_over_once(id, stanza.read(written))
        self._account.ask_acknowledgement()

    def hand_over_once(self, id: str, message: stanza.ET.Element) -> None:
        """Hand a message to the stream that never goes a second time."""
        self._in_flight.add(id)
        self._account.deliver(message)

    def handed(self) -> set[str]:
        """Return the ids that were handed over and are not known as settled."""
        return set(self._handed)

    def settled(self, ids: Iterable[str]) -> None:
        """Forget ids of which no ciphertext is left."""
        self._handed.difference_update(ids)

    async def room(self) -> None:
        """Wait until the server has acknowledged enough of what was handed over."""
        while len(self._in_flight) > IN_FLIGHT - MOST_AT_ONCE and self._account.online.is_set():
            self._eased.clear()
            self._account.ask_acknowledgement()
            await wait_for(self._eased, PATIENCE, self._clock)

    async def while_online(self, work: Coroutine[object, object, Result]) -> Result | None:
        """Await network work that touches no state; None if the connection is lost meanwhile."""
        working = asyncio.ensure_future(work)
        lost = asyncio.ensure_future(self._account.offline.wait())
        try:
            await asyncio.wait({working, lost}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            lost.cancel()
