"""A line that leads nowhere: what a bot sends is kept, what it is to hear is put in.

It stands for the account, the keys, the server's archive and the directory. Everything else of a
tried bot is what runs: inbox, outbox, permissions, limits, letters, jobs and the database. Texts
are in this process's memory only; what the database holds of them is a number, as a ciphertext
would be that nobody else can read.
"""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

from xmppgov.bot import stanza
from xmppgov.bot.archive import Archived, OwnArchive
from xmppgov.bot.deliveries import Deliveries
from xmppgov.bot.line import Line, Plug
from xmppgov.bot.testing.people import PeopleDirectory
from xmppgov.omemo.errors import NoKeys
from xmppgov.storage.database import Database

ENCRYPTED = f"{{{stanza.OMEMO}}}encrypted"


class DeadLine:
    """Makes one bot's line, and is its other end.

    Args:
        directory: answers the bot's questions about people.
        keyless: bare addresses for which nothing can be encrypted; may change meanwhile.
    """

    unverified: frozenset[str] = frozenset()

    def __init__(self, directory: PeopleDirectory, keyless: set[str]) -> None:
        self.directory, self.keyless = directory, keyless
        self.sent: list[ET.Element] = []  # what the bot sent, in order
        self._texts: dict[str, str] = {}
        self._numbers = count(1)
        self._archive: list[Archived] = []
        self.account: Account | None = None

    def make(self, plug: Plug) -> Line:
        """Return the bot's end, which is not connected yet."""
        self.account = account = Account(plug.section.jid, self)
        self._database = plug.database
        # Everything that a bot does with its line is what these do.
        return Line(
            account=cast(Any, account),
            omemo=cast(Any, self),
            archive=cast(OwnArchive, Archive(self)),
            deliveries=cast(Deliveries, Archive(self)),
            directory=self.directory,
        )

    def say(self, sender: str, text: str, language: str | None) -> str:
        """Let the bot hear an encrypted message; return the server's id of it."""
        assert self.account is not None
        id = f"said-{next(self._numbers)}"
        message = ET.Element(f"{stanza.CLIENT}message", {"from": f"{sender}/phone", "id": id})
        message.set("type", "chat")
        if language:
            message.set(stanza.LANG, language)
        message.append(self.sealed(text))
        by = {"by": self.account.bare, "id": id}
        ET.SubElement(message, f"{stanza.STANZA_IDS}stanza-id", by)
        self._archive.append(Archived(id, message))
        if self.account.online.is_set():
            self.account.on_message(message)
        return id

    def text_of(self, message: ET.Element) -> str:
        """Return what a message that the bot sent says."""
        encrypted = stanza.encrypted_part(message)
        if encrypted is None:
            return message.findtext(f"{stanza.CLIENT}body") or ""
        return self._texts[encrypted.get("number", "")]

    def after(self, mark: str) -> list[Archived]:
        """Return what people said after an id; everything after what is no id."""
        ids = [one.stanza_id for one in self._archive]
        return self._archive[ids.index(mark) + 1 :] if mark in ids else self._archive

    def sealed(self, text: str) -> ET.Element:
        """Return the element that stands for a ciphertext."""
        number = str(next(self._numbers))
        self._texts[number] = text
        return ET.Element(ENCRYPTED, {"number": number})

    # ------------------------------------------------------------------ in place of OMEMO

    device = None  # there is none to compare

    async def ready(self) -> None:
        """Keys are always published."""

    async def prepare(self, jids: Collection[str]) -> dict[str, str]:
        """Everybody's keys are at hand."""
        return {}

    async def prepare_reading(self, jid: str, encrypted: ET.Element) -> None:
        """Everybody's keys are at hand."""

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[DeadLine]:
        """Encrypt and decrypt."""
        yield self

    async def encrypt(self, jid: str, text: str) -> ET.Element:
        """Return the element for a text. Raises `NoKeys`."""
        if jid in self.keyless:
            raise NoKeys(jid, "no-device")
        return self.sealed(text)

    async def decrypt(self, jid: str, element: ET.Element) -> str | None:
        """Return what an element says."""
        return self._texts[element.get("number", "")]

    @asynccontextmanager
    async def commit(self) -> AsyncIterator[Database]:
        """Commit what the block writes."""
        async with self._database.transaction() as tx:
            yield tx


class Account:
    """In place of an account that is connected at once and acknowledged at once."""

    def __init__(self, jid: str, line: DeadLine) -> None:
        self.bare = jid.partition("/")[0]
        self.boundjid = SimpleNamespace(domain=self.bare.partition("@")[2])
        self.online, self.offline = asyncio.Event(), asyncio.Event()
        self.offline.set()
        self.on_message: Callable[[ET.Element], None] = lambda _message: None
        self.on_acknowledged: Callable[[str], None] = lambda _id: None
        self._line = line
        self._handlers: dict[str, Callable[[object], Any]] = {}
        self._begun: asyncio.Future[Any] | None = None

    def add_event_handler(self, name: str, handler: Callable[[object], Any]) -> None:
        """Note what is to be told of the connection."""
        self._handlers[name] = handler

    def start(self) -> None:
        """Be connected."""
        self._begun = asyncio.ensure_future(self._handlers["session_start"](None))

    async def stop(self) -> None:
        """Be connected no longer."""
        self.lose()

    def abort(self) -> None:
        """Be connected anew."""
        self.lose()
        self.start()

    def lose(self) -> None:
        """Lose the connection."""
        if self.online.is_set():
            self.online.clear()
            self.offline.set()
            self._handlers["disconnected"](None)

    def begun(self) -> None:
        """Take note that there is a session."""
        self.offline.clear()
        self.online.set()

    def send_presence(self) -> None:
        """Nobody sees it."""

    def ask_acknowledgement(self) -> None:
        """Everything is acknowledged already."""

    def deliver(self, message: ET.Element) -> None:
        """Keep a message, and say so."""
        if message.find(f"{stanza.RECEIPTS}received") is None:
            self._line.sent.append(message)
            asyncio.get_running_loop().call_soon(self.on_acknowledged, message.attrib["id"])


class Archive:
    """In place of the bot's archive on the server, and of what the server knows of deliveries."""

    def __init__(self, line: DeadLine) -> None:
        self._line = line

    def take(self, message: ET.Element) -> bool:
        """No message is an answer of the archive."""
        return False

    async def sent(self, ids: set[str], since: float) -> set[str]:
        """Return which ids the bot sent."""
        return ids & {message.get("id") or "" for message in self._line.sent}

    async def after(self, mark: str) -> AsyncIterator[Archived]:
        """Go through what people said after an id."""
        for archived in self._line.after(mark):
            yield archived

    async def missing(self, messages: Mapping[str, str], since: float) -> set[str]:
        """Everything arrives."""
        return set()
