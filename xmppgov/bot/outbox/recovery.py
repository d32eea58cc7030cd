"""What a lost connection or a crash left open: looked up at the server, or sent again."""

from __future__ import annotations

from xmppgov.bot.outbox.acceptance import Acceptance
from xmppgov.bot.outbox.ledger import Ledger
from xmppgov.bot.outbox.model import State, Unsettled
from xmppgov.bot.outbox.sending import IN_FLIGHT, Sending
from xmppgov.bot.outbox.store import OutboxStore


class Recovery:
    """Settles committed ciphertexts; the same one goes again, never another."""

    def __init__(
        self, store: OutboxStore, acceptance: Acceptance, ledger: Ledger, sending: Sending
    ) -> None:
        self._store, self._acceptance = store, acceptance
        self._ledger, self._sending = ledger, sending

    async def settle(self) -> None:
        """Find out, on a new connection, what the server has, and send what it has not."""
        open_rows = await self._store.unconfirmed()
        unsettled = {r.origin_id: Unsettled(r.recipient, r.created) for r, _ in open_rows}
        there = await self._acceptance.look_up(unsettled)
        await self._ledger.change(State.ACCEPTED, {origin_id: {} for origin_id in there})
        missing = [(row, text) for row, text in open_rows if row.origin_id not in there]
        for start in range(0, len(missing), IN_FLIGHT):
            part = missing[start : start + IN_FLIGHT]
            await self._sending.room()
            self._sending.hand_over({row.origin_id: text for row, text in part})
        await self._ledger.change(State.SENT, {row.origin_id: {} for row, _ in missing})

    async def sweep(self) -> None:
        """Send what was committed while the connection changed hands."""
        before = self._sending.handed()
        rows = await self._store.unconfirmed()
        self._sending.settled(before - {row.origin_id for row, _ in rows})
        if self._sending.is_open:
            self._sending.hand_over({row.origin_id: text for row, text in rows})
