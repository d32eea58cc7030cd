"""One unit of work on the ratchets: what it encrypts and decrypts is real once it is committed."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from doubleratchet import DuplicateMessageException
from oldmemo.etree import parse_message, serialize_message
from omemo.backend import DecryptionFailed, KeyExchangeFailed
from omemo.bundle import Bundle
from omemo.session_manager import NoEligibleDevices, NoSession, SessionManager
from omemo.storage import StorageException

from xmppgov.omemo.errors import NoKeys, Undecryptable
from xmppgov.omemo.sessions import NAMESPACE, Surroundings
from xmppgov.omemo.store import OmemoStore
from xmppgov.omemo.trust import DISTRUSTED, UNDECIDED, is_verified, stand_aside
from xmppgov.storage.database import Database

BROKEN = (NoSession, DecryptionFailed, KeyExchangeFailed)


class Shared(NamedTuple):
    """One `<encrypted/>` for many, and who cannot read it, by the reason (as in `NoKeys`)."""

    element: ET.Element | None  # None: nobody can
    left_out: Mapping[str, str]


ENCRYPTED = f"{{{NAMESPACE}}}encrypted"


class Unit:
    """Given by `Omemo.exclusive`; not to be kept beyond its block."""

    def __init__(
        self,
        manager: SessionManager,
        store: OmemoStore,
        database: Database,
        around: Surroundings,
        own: str,
    ) -> None:
        self.manager = manager
        self.committed = False
        self._store = store
        self._database = database
        self._own = own
        self._around = around
        self.unverified: set[str] = set()  # who has devices that got nothing of what was encrypted

    async def encrypt(self, jid: str, text: str) -> ET.Element:
        """Return `<encrypted/>` with `text` for every usable device of a bare address.

        Raises:
            NoKeys: the person has none; the unit goes on.
        """
        self._meet_again(jid)
        await self._settle(jid)
        try:
            element = await self._encrypt([jid], text)
        except NoEligibleDevices as error:
            raise NoKeys(jid, self._why_not(jid)) from error
        self._note_unverified([jid])
        return element

    async def encrypt_for(self, jids: Collection[str], text: str) -> Shared:
        """Encrypt once for every usable device of many bare addresses, such as a room's members.

        It does not matter who is online. The account's own address may be among them.
        """
        wanted = set(jids) - {self._own}
        for jid in wanted:
            self._meet_again(jid)
            await self._settle(jid)
        left_out: dict[str, str] = {}
        while readers := wanted - left_out.keys():
            try:
                element = await self._encrypt(readers, text)
            except NoEligibleDevices as error:
                left_out.update({jid: self._why_not(jid) for jid in error.bare_jids})
            else:
                self._note_unverified(readers)
                return Shared(element, left_out)
        return Shared(None, left_out)

    async def _encrypt(self, jids: Collection[str], text: str) -> ET.Element:
        messages, _ = await self.manager.encrypt(frozenset(jids), {NAMESPACE: text.encode()})
        return serialize_message(next(iter(messages)))

    def _why_not(self, jid: str) -> str:
        if stand_aside(self._store, jid):
            return "unverified"
        return "no-bundle" if self._store.devices(jid) else "no-device"

    def _note_unverified(self, jids: Iterable[str]) -> None:
        self.unverified.update(jid for jid in jids if stand_aside(self._store, jid))

    def _meet_again(self, jid: str) -> None:
        """Take a device whose published key is another one for a new device.

        The library trusts the key that it knows, and would encrypt for the one in the bundle.
        """
        for _, device in self._store.sessionless(jid):
            bundle = self._around.bundles.get((jid, device))
            known = self._store.identity_key(jid, device)
            published = bundle.identity_key if isinstance(bundle, Bundle) else None
            if known and published and base64.urlsafe_b64decode(known) != published:
                self._store.forget_identity(jid, device)

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
            await self._settle(jid)
            message = await parse_message(element, jid, self._own, self.manager)
            plaintext = (await self.manager.decrypt(message))[0]
            return None if plaintext is None else plaintext.decode()
        except StorageException:
            raise
        except Exception as error:
            # The sender chose every byte, and the libraries stumble over some in ways that they do
            # not name. Nothing but the state in memory was touched, and that is dropped.
            self._store.drop()
            raise Undecryptable(
                jid, type(error).__name__, self._broken(jid, element, error)
            ) from error

    def _broken(self, jid: str, element: ET.Element, error: Exception) -> int | None:
        """Return the sender's device if it is a known one, whose session does not fit."""
        if type(error.__cause__) is DuplicateMessageException or not isinstance(error, BROKEN):
            return None
        sender = next(element.iter(f"{{{NAMESPACE}}}header")).get("sid", "")
        device = int(sender)  # or the message would not have been parsed
        known = device in self._store.devices(jid) and self._store.knows(jid, device)
        return device if known else None

    def give_up(self, jid: str, device: int) -> None:
        """Forget the session with a device; what is encrypted next makes another one."""
        self._store.forget_session(jid, device)

    async def _settle(self, jid: str) -> None:
        """Trust no device of a verified person that nobody verified."""
        if is_verified(self._store, jid):
            for device in await self.manager.get_device_information(jid):
                if device.trust_level_name == UNDECIDED:
                    await self.manager.set_trust(jid, device.identity_key, DISTRUSTED)

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
