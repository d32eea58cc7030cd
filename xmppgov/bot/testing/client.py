"""People for tests: accounts that talk OMEMO 1:1, each with its own device and its own store."""

from __future__ import annotations

import asyncio
import uuid
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slixmpp import JID
from slixmpp.stanza import Message, Presence
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from xmppgov.bot import stanza
from xmppgov.config import XmppSection
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.errors import Disconnected, Undecryptable
from xmppgov.omemo.plugin import enable_omemo
from xmppgov.omemo.store import SCHEMA, OmemoStore
from xmppgov.storage.database import Database
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component


def account_section(server: Prosody, jid: str, password: str = "secret") -> XmppSection:  # noqa: S107 (of a test)
    """Return the `[xmpp]` section of an account on `server`."""
    file = server.state / "secrets" / jid.split("/")[0]
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(password)
    return XmppSection(
        jid=jid, port=server.ports.c2s, secret_file=file, ca_file=server.state / "ca.pem"
    )


@asynccontextmanager
async def connected(stream: Account | Component, timeout: float = 15) -> AsyncIterator[None]:
    """Keep `stream` connected during the block."""
    started = asyncio.Event()
    stream.add_event_handler("session_start", lambda _: started.set())
    stream.start()
    try:
        await asyncio.wait_for(started.wait(), timeout)
        yield
    finally:
        await stream.stop()


USER = "http://jabber.org/protocol/muc#user"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that a person could read."""

    sender: str
    text: str
    id: str
    xml: ET.Element


class OmemoPerson:
    """Somebody with one device, who reads, answers with receipts, and can vanish."""

    def __init__(self, server: Prosody, jid: str, database: Database, device: str) -> None:
        self.jid = jid
        self.account = Account(account_section(server, f"{jid}/{device}"))
        self.account.register_plugin("xep_0198", {"allow_resume": False})
        self.heard: list[Heard] = []
        self.unreadable: list[str] = []
        self.plain: list[str] = []
        self.errors: list[ET.Element] = []
        self.wire: list[ET.Element] = []
        self.receipts = True
        self.occupants: dict[str, str] = {}  # of rooms: bare addresses by place
        self.news = asyncio.Condition()
        self._queue: asyncio.Queue[ET.Element] = asyncio.Queue()
        self.omemo = enable_omemo(self.account, OmemoStore(database), database, sole_device=False)
        tag = "{jabber:client}message"
        self.account.add_event_handler("session_start", self._be_seen)
        self.account.register_handler(Callback("person", MatchXPath(tag), self._receive))
        self.account.add_event_handler("presence_available", self._see)

    def _be_seen(self, _event: object) -> None:
        self.account.send_presence()

    def _see(self, presence: Presence) -> None:
        item = presence.xml.find(f"{{{USER}}}x/{{{USER}}}item")
        if item is not None and item.get("jid"):
            self.occupants[presence["from"].full] = item.attrib["jid"].split("/")[0]

    def _receive(self, message: Any) -> None:
        self._queue.put_nowait(message.xml)

    async def send(self, to: str, text: str, *, language: str | None = None) -> str:
        """Encrypt and send; return the message's id."""
        message_id = uuid.uuid4().hex
        await self.omemo.prepare([to])
        async with self.omemo.exclusive() as unit:
            element = await unit.encrypt(to, text)
            async with unit.commit():
                pass
        xml = stanza.read(stanza.encrypted_message(to, message_id, element))
        if language:
            xml.set(stanza.LANG, language)
        Message(self.account, xml=xml).send()
        return message_id

    def say_in_clear(self, to: str, text: str) -> None:
        """Send plaintext."""
        self.account.send_message(mto=JID(to), mbody=text, mtype="chat")

    async def wait_for(self, text: str, timeout: float = 15) -> Heard:
        """Wait until a message that contains `text` was read; return the first."""

        def found() -> Heard | None:
            return next((heard for heard in self.heard if text in heard.text), None)

        try:
            async with asyncio.timeout(timeout), self.news:
                await self.news.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"{self.jid} heard {self.heard}, not {text!r}") from None
        heard = found()
        assert heard
        return heard

    async def has_heard(self, texts: list[str], timeout: float = 15) -> None:
        """Wait until exactly `texts` were read, in any order, each once."""
        wanted = Counter(texts)
        try:
            async with asyncio.timeout(timeout), self.news:
                await self.news.wait_for(lambda: Counter(h.text for h in self.heard) == wanted)
        except TimeoutError:
            heard = Counter(h.text for h in self.heard)
            raise AssertionError(
                f"missing {wanted - heard}, too many {heard - wanted}, unread {self.unreadable}"
            ) from None

    async def listen(self) -> None:
        """Read what comes, until cancelled."""
        while True:
            xml = await self._queue.get()
            self.wire.append(xml)
            await self._read(xml)
            async with self.news:
                self.news.notify_all()

    async def _read(self, xml: ET.Element) -> None:
        encrypted, place = stanza.encrypted_part(xml), xml.get("from") or ""
        sender = self.occupants.get(place, place.split("/")[0])
        if xml.get("type") == "groupchat" and sender == self.jid:
            return  # what we said, reflected
        if xml.get("type") == "error":
            self.errors.append(xml)
        elif encrypted is not None:
            await self._decrypt(xml, encrypted, sender)
        elif body := xml.findtext("{jabber:client}body"):
            self.plain.append(body)

    async def _decrypt(self, xml: ET.Element, encrypted: ET.Element, sender: str) -> None:
        while True:
            try:
                await self.omemo.prepare([sender])
                await self.omemo.prepare_reading(sender, encrypted)
                break
            except Disconnected:
                await asyncio.sleep(0.1)
        try:
            async with self.omemo.exclusive() as unit:
                text = await unit.decrypt(sender, encrypted)
                async with unit.commit():
                    pass
        except Undecryptable as error:
            self.unreadable.append(error.reason)
            return
        if text is not None:
            self.heard.append(Heard(sender, text, xml.get("id") or "", xml))
            if self.receipts and stanza.wants_receipt(xml):
                answer = stanza.receipt(xml.get("from") or "", xml.get("id") or "")
                Message(self.account, xml=answer).send()


@asynccontextmanager
async def person(
    server: Prosody, jid: str, folder: Path, device: str = "phone"
) -> AsyncIterator[OmemoPerson]:
    """Somebody who is online with published keys; the same `folder` is the same device."""
    database = await Database.open(folder / f"{jid}-{device}.sqlite", SCHEMA)
    someone = OmemoPerson(server, jid, database, device)
    try:
        async with connected(someone.account):
            await someone.omemo.ready()  # nothing can be read before
            reading = asyncio.create_task(someone.listen())
            try:
                yield someone
            finally:
                reading.cancel()
    finally:
        await database.close()
