"""The durable outbox: each text reaches each person once, or its owner knows for whom it did not.

OMEMO 1:1 messages with XEP-0359 ids; XEP-0198 and XEP-0313 say what the server has, XEP-0184 what a
device has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from xmppgov.bot.model import Delivery, State
from xmppgov.storage.database import Database

Render = Callable[[str, str], Awaitable[str]]
"""(reference, recipient) -> the text, asked for only while it is being encrypted."""


class Outbox:
    """Texts to people, in the bot's own database; `Bot` makes it, runs it and wires it.

    What an owner (such as the alert bot) does:

        async with database.transaction() as tx:
            …  # the owner's own rows
            await bot.outbox.add(tx, reference=id, recipients=[…], expires=time.time() + 86400)
        bot.outbox.wake()
    """

    async def add(
        self, tx: Database, *, reference: str, recipients: Iterable[str], expires: float
    ) -> None:
        """Queue the text `reference` for bare addresses, inside the owner's transaction.

        A (reference, recipient) that is there already is left as it is. `expires` is in seconds,
        UTC: then what was not accepted becomes `expired`, and no ciphertext is kept.
        """
        raise NotImplementedError

    def wake(self) -> None:
        """Look for new work now: call it after the transaction of `add`."""
        raise NotImplementedError

    async def states(self, reference: str) -> list[Delivery]:
        """Return every recipient's delivery, ordered by address."""
        raise NotImplementedError

    async def counts(self, reference: str) -> dict[State, int]:
        """Return how many recipients are in each state (states without any are left out)."""
        raise NotImplementedError

    async def answered(self, tx: Database, *, reference: str, recipient: str) -> bool:
        """Mark `recipient` as having answered; False if there is no such delivery.

        Call it from `on_message`, with the transaction it is given: the answer and the ratchet step
        of the message that carried it are one commit.
        """
        raise NotImplementedError

    async def references(self, tx: Database, recipient: str) -> list[str]:
        """Return the unexpired references that were handed to `recipient`, newest first."""
        raise NotImplementedError

    def changes(self) -> AsyncIterator[Delivery]:
        """Follow every change of state from now on, after its commit."""
        raise NotImplementedError
