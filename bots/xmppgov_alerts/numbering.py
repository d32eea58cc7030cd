"""Names for a new alert: its id, and a number that no other open alert has."""

from __future__ import annotations

from collections.abc import Callable

from xmppgov.storage.database import Database
from xmppgov_alerts.model import alert_id
from xmppgov_alerts.number import BYTES, number_of
from xmppgov_alerts.store import AlertStore


class Numbering:
    """Gives ids and numbers; `random` gives so many random bytes."""

    def __init__(self, store: AlertStore, random: Callable[[int], bytes]) -> None:
        self._store, self._random = store, random

    def id(self) -> str:
        """Return an id for a message."""
        return alert_id(self._random(10))

    async def number(self, tx: Database) -> str:
        """Return a number for an alert that is written in the same transaction."""
        while True:
            number = number_of(self._random(BYTES))
            if await self._store.number_is_free(tx, number):
                return number
