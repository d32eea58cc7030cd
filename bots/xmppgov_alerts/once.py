"""Each request is carried out once, however often it comes, and its repetitions are answered alike.

A request is known by its key's name and the id that its sender chose; a keyed mark of what it asks
shows that a repetition asks the same.
"""

from __future__ import annotations

import hmac

from xmppgov.errors import Conflict
from xmppgov.i18n import Texts
from xmppgov_alerts.config import Sender
from xmppgov_alerts.model import Accepted
from xmppgov_alerts.store import AlertStore

texts = Texts("xmppgov_alerts")


class Once:
    """Knows the requests that were accepted."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store

    async def before(self, sender: Sender, request_id: str, mark: bytes) -> Accepted | None:
        """Return what a repeated request became, once that is surely on disk.

        Reads see what another task's transaction has not committed yet; the writer's turn is waited
        for, so that no answer rests on what may be rolled back.

        Raises:
            Conflict: the id came before, asking something else.
        """
        if await self.known(sender, request_id, mark) is None:
            return None
        async with self._store.transaction():
            return await self.known(sender, request_id, mark)

    async def known(self, sender: Sender, request_id: str, mark: bytes) -> Accepted | None:
        """Return what a request became; call it within the transaction that carries it out."""
        known = await self._store.known(sender.name, request_id)
        if known and not hmac.compare_digest(known.mark, mark):
            raise Conflict(
                texts("This webhook-id was used before, with another body; choose a new one.")
            )
        return known.accepted if known else None
