"""An operator's account that asks whether the parts of the stack answer (XEP-0030, presence)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.stanza import Presence

from xmppgov.config import XmppSection
from xmppgov.errors import Unreachable
from xmppgov.i18n import Texts
from xmppgov.xmpp.client import Account

texts = Texts(__package__)
LOGIN_TIMEOUT = 15.0  # seconds
ASK_AGAIN = 0.1  # seconds


class Operator(Account):
    """A logged-in account that knows which of its contacts are online."""

    def __init__(self, section: XmppSection) -> None:
        super().__init__(section)
        self.register_plugin("xep_0030")
        self.started = asyncio.Event()
        self._online: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.add_event_handler("session_start", self._start)
        self.add_event_handler("presence_available", self._appeared)
        self.add_event_handler("presence_unavailable", self._vanished)

    def is_online(self, jid: str) -> bool:
        """Tell whether the contact `jid` is online."""
        return jid in self._online

    def watch(self, jid: str) -> Callable[[], bool]:
        """Return a question: has the service `jid` answered (XEP-0030)? It is asked until then."""
        task = asyncio.create_task(self._until_answers(jid))
        self._tasks.append(task)
        return task.done

    async def _until_answers(self, jid: str) -> None:
        while True:
            with contextlib.suppress(IqError, IqTimeout):
                await self.plugin["xep_0030"].get_info(jid=JID(jid), timeout=2)
                return
            await asyncio.sleep(ASK_AGAIN)

    async def close(self) -> None:
        """Stop asking and log out."""
        for task in self._tasks:
            task.cancel()
        await self.stop()

    async def _start(self, _event: object) -> None:
        await self.get_roster()
        self.send_presence()
        self.started.set()

    def _appeared(self, presence: Presence) -> None:
        self._online.add(presence["from"].bare)

    def _vanished(self, presence: Presence) -> None:
        self._online.discard(presence["from"].bare)


@asynccontextmanager
async def operator(section: XmppSection) -> AsyncIterator[Operator]:
    """An operator who is logged in during the block.

    Raises:
        Unreachable: the server does not let the account in.
    """
    account = Operator(section)
    account.start()
    try:
        await asyncio.wait_for(account.started.wait(), LOGIN_TIMEOUT)
        yield account
    except TimeoutError as error:
        raise Unreachable(
            texts(
                "{jid} cannot log in at {host}:{port}.",
                jid=section.jid,
                host=section.host,
                port=section.port,
            )
        ) from error
    finally:
        await account.close()
