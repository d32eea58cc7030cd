"""A bot: one account that talks OMEMO 1:1, with commands, a durable outbox and its own database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from xmppgov.bot.model import Incoming
from xmppgov.bot.outbox import Outbox, Render
from xmppgov.config import XmppSection
from xmppgov.i18n import Text
from xmppgov.storage.database import Database

OnMessage = Callable[[Database, Incoming], Awaitable[Text | str | None]]
"""Called with the transaction of a message's ratchet step, before commands.

What it writes is committed together with the ratchet step, once for each message. A text that it
returns is the answer; None leaves the message to the commands.
"""


class Bot:
    """An account with commands and an outbox: `async with Bot(…)` connects and runs it.

    Args:
        section: the account; the resource is `resource` and must not change between runs.
        database: opened with `MIGRATIONS` of `xmppgov.bot.store` first in its migrations, then the
            owner's own; nobody else may open it for writing.
        render: gives the texts of the outbox; needed only where `outbox.add` is used.
        on_message: see `OnMessage`.
    """

    def __init__(
        self,
        section: XmppSection,
        *,
        database: Database,
        name: Text,
        resource: str = "bot",
        render: Render | None = None,
        on_message: OnMessage | None = None,
    ) -> None:
        raise NotImplementedError

    outbox: Outbox
