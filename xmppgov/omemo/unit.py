"""One unit of work on the ratchets: what it encrypts and decrypts is real once it is committed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from oldmemo.etree import parse_message, serialize_message
from omemo.session_manager import NoEligibleDevices, SessionManager, StillUndecided
from omemo.storage import StorageException

from xmppgov.omemo.errors import NoKeys, Undecryptable
from xmppgov.omemo.sessions import NAMESPACE
from xmppgov.omemo.store import OmemoStore
from xmppgov.storage.database import Database

ENCRYPTED = f"{{{NAMESPACE}}}encrypted"


class Unit:
    """Given by `Omemo.exclusive`; not to be kept beyond its block."""

    def __init__(
        self, manager: SessionManager, store: OmemoStore, database: Database, own: str
    ) -> None:
        self.manager = manager
        self.committed = False
        self._store = store
        self._database = database
        self._own = own

    async def encrypt(self, jid: str, text: str) -> ET.Element:
        """Return `<encrypted/>` with `text` for every usable device of a bare address.

        Raises:
            NoKeys: the person has none; the unit goes on.
        """
        try:
            messages, _ = await self.manager.encrypt(frozenset({jid}), {NAMESPACE: text.encode()})
        except NoEligibleDevices as error:
            reason = "no-bundle" if self._store.devices(jid) else "no-device"
            raise NoKeys(jid, reason) from error
        except StillUndecided as error:
            raise NoKeys(jid, "undecided") from error
        return serialize_message(next(iter(messages)))

    async def introduce(self, jid: str) -> ET.Element:
        """Return `<encrypted/>` without text: it brings a session to each usable device.

        Raises:
            NoKeys: the person has none; the unit goes on.
        """
        element = await self.encrypt(jid, "")
        for payload in element.findall(f"{{{NAMESPACE}}}payload"):
            element.remove(payload)
        return element

    async def decrypt(self, jid: str, element: ET.Element) -> str | None:
        """Decrypt `<encrypted/>` from a bare address; None: it carries keys, but no text.

        Raises:
            Undecryptable: nothing was changed, and the unit goes on.
        """
        try:
            message = await parse_message(element, jid, self._own, self.manager)
            plaintext = (await self.manager.decrypt(message))[0]
            return None if plaintext is None else plaintext.decode()
        except StorageException:
            raise
        except Exception as error:
            # The sender chose every byte, and the libraries stumble over some in ways that they do
            # not name. Nothing but the state in memory was touched, and that is dropped.
            self._store.drop()
            raise Undecryptable(jid, type(error).__name__) from error

    @asynccontextmanager
    async def commit(self) -> AsyncIterator[Database]:
        """Commit the ratchet steps so far together with what the block writes.

        If that fails, nothing of it has happened, whatever was cached is dropped, and the error
        goes on; what the disk holds is read again before anything else.
        """
        try:
            async with self._database.transaction() as tx:
                yield tx
                await self._store.write(tx)
        except BaseException:
            self._store.doubt()
            raise
        self._store.keep()
        self.committed = True
