"""What a bot's function is given: who asks, in which language, and what there is to work with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from xmppgov.bot.permissions.model import Actor
from xmppgov.clock import Clock
from xmppgov.i18n import Text
from xmppgov.storage.database import Database

if TYPE_CHECKING:
    from xmppgov.bot.letters.service import Letters
    from xmppgov.directory.client import DirectoryClient

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Context:
    """The first argument of every function of a bot."""

    database: Database
    clock: Clock
    settings: Any  # the bot's own table of the configuration, or None
    directory: DirectoryClient | None
    letters: Letters
    asker: Actor | None = None  # who asks; None where nobody does, as in a job
    room: str | None = None  # the room in which it was asked; None 1:1
    language: str | None = None  # RFC 5646 tag of the answer
    due: datetime | None = None  # of a job: when it was due, UTC, which may be some time ago

    @property
    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    async def send(
        self,
        to: str | Iterable[str],
        text: Text | str,
        *,
        reference: str,
        life: timedelta = DAY,
        tx: Database | None = None,
    ) -> None:
        """Send a text, encrypted, to bare addresses: once to each, whatever is restarted.

        Args:
            reference: the bot's name for the text; what was sent to somebody under it is not sent
                to them again, whatever the text.
            life: for so long it is tried, and then given up.
            tx: a transaction of `database`, with which it is committed or not.
        """
        await self.letters.send(
            to, text, reference=reference, life=life, language=self.language, tx=tx
        )
