"""What a bot's function is given: who asks, in which language, and what there is to work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xmppgov.bot.permissions.model import Actor
from xmppgov.clock import Clock
from xmppgov.storage.database import Database

if TYPE_CHECKING:
    from xmppgov.directory.client import DirectoryClient


@dataclass(frozen=True, slots=True)
class Context:
    """The first argument of every function of a bot."""

    database: Database
    clock: Clock
    settings: Any  # the bot's own settings
    directory: DirectoryClient | None
    asker: Actor | None = None  # who asks; None where nobody does, as in a job
    room: str | None = None  # the room in which it was asked; None 1:1
    language: str | None = None  # RFC 5646 tag of the answer

    @property
    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)
