"""What connects a bot to the world; the one thing that a test without a server replaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xmppgov.bot.account import BotAccount
from xmppgov.bot.archive import OwnArchive
from xmppgov.bot.deliveries import Deliveries
from xmppgov.clock import Clock
from xmppgov.config import XmppSection
from xmppgov.directory.client import DirectoryClient
from xmppgov.omemo.plugin import Omemo, enable_omemo
from xmppgov.omemo.store import OmemoStore
from xmppgov.storage.database import Database


@dataclass(frozen=True, slots=True)
class Line:
    """An account with its keys, its archive on the server, and the directory."""

    account: BotAccount
    omemo: Omemo
    archive: OwnArchive
    deliveries: Deliveries
    directory: DirectoryClient | None


@dataclass(frozen=True, slots=True)
class Plug:
    """What a line is made from; `on_keys` is told whose keys have appeared."""

    section: XmppSection
    resource: str
    database: Database
    directory: str | None
    on_keys: Callable[[str], None]
    clock: Clock


MakeLine = Callable[[Plug], Line]


def over_xmpp(plug: Plug) -> Line:
    """Return a line over a stream of its own, which is not connected yet."""
    account = BotAccount(plug.section, plug.resource)
    store = OmemoStore(plug.database)
    omemo = enable_omemo(account, store, plug.database, on_keys=plug.on_keys, clock=plug.clock)
    return Line(
        account=account,
        omemo=omemo,
        archive=OwnArchive(account, account.bare),
        deliveries=Deliveries(account),
        directory=DirectoryClient(account, plug.directory) if plug.directory else None,
    )
