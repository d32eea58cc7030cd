"""People with a device who are alerted; they come back after a kill and read what they missed."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from slixmpp.exceptions import IqError, IqTimeout

from tests.chaos.traffic import PACE, refusal, write_encrypted
from tests.omemo_nodes import request
from tests.people import OmemoPerson
from xmppgov.demo.prosody import Prosody
from xmppgov.omemo.store import SCHEMA
from xmppgov.storage.database import Database

MAM = "urn:xmpp:mam:2"
FORWARDED = "{urn:xmpp:forward:0}forwarded"
PAGE = 100


class Resident(OmemoPerson):
    """Somebody whose client does what clients do: log in again, and catch up by MAM."""

    def __init__(self, server: Prosody, jid: str, database: Database, room: str) -> None:
        super().__init__(server, jid, database, "phone")
        self.room = room
        self.sent: list[str] = []
        self.arrived: list[str] = []
        self.refused: dict[str, str] = {}
        self.back = asyncio.Event()
        self._page = ""
        self._seen: set[str] = set()
        self._login: asyncio.Task[None] | None = None
        self.account.add_event_handler("session_start", self._begin)
        self.account.add_event_handler("disconnected", lambda _: self.back.clear())

    def _begin(self, _event: object) -> None:
        self._login = asyncio.get_running_loop().create_task(self._log_in())

    async def _log_in(self) -> None:
        try:
            await self.omemo.ready()
            self.account.send_presence()
            self.enter()
            await self._catch_up()
        except (IqError, IqTimeout, OSError):
            self.account.abort()
        else:
            self.back.set()

    def enter(self) -> None:
        """Ask for the place in the room; before the keys were seen, that is refused."""
        name = self.account.boundjid.user
        presence = self.account.make_presence(pto=f"{self.room}/{name}")
        presence.append(ET.Element("{http://jabber.org/protocol/muc}x"))
        presence.send()

    async def write(self) -> None:
        """Write into the room, until cancelled; while there is no stream, nothing is written."""
        while True:
            await asyncio.sleep(PACE)
            self.say_in_room()

    def say_in_room(self) -> str | None:
        """Send one message to the room and return its id; None while the stream is down."""
        message_id = write_encrypted(self.account, self.room, "groupchat")
        if message_id:
            self.sent.append(message_id)
        return message_id

    async def _catch_up(self) -> None:
        """Read the archive's pages behind the last one that was read (XEP-0313)."""
        while True:
            after = f"<after>{self._page}</after>" if self._page else ""
            answer = await request(
                self.account,
                "set",
                f"<query xmlns='{MAM}'><set xmlns='http://jabber.org/protocol/rsm'>"
                f"<max>{PAGE}</max>{after}</set></query>",
                self.jid,
            )
            last = answer.findtext(".//{http://jabber.org/protocol/rsm}last")
            if last:
                self._page = last
            fin = answer.find(f".//{{{MAM}}}fin")
            if last is None or (fin is not None and fin.get("complete") == "true"):
                return

    async def _read(self, xml: ET.Element) -> None:
        """Read each message once, live or from the archive."""
        forwarded = xml.find(f"{{{MAM}}}result/{FORWARDED}/{{jabber:client}}message")
        message = xml if forwarded is None else forwarded
        identity = message.get("id") or ""
        if identity in self._seen or (message.get("from") or "").split("/")[0] == self.jid:
            return
        self._seen.add(identity)
        if message.get("type") == "error":
            self.refused[identity] = refusal(message)
        elif message.get("type") == "groupchat":
            self.arrived.append(identity)
        else:
            await super()._read(message)

    def times_heard(self, words: str) -> int:
        """Return how often a text with `words` was read."""
        return Counter(words in heard.text for heard in self.heard)[True]


@asynccontextmanager
async def resident(server: Prosody, jid: str, folder: Path, room: str) -> AsyncIterator[Resident]:
    """Somebody who lives through the block."""
    database = await Database.open(folder / f"{jid}.sqlite", SCHEMA)
    someone = Resident(server, jid, database, room)
    reading = asyncio.create_task(someone.listen())
    someone.account.start()
    try:
        await asyncio.wait_for(someone.back.wait(), 60)
        yield someone
    finally:
        reading.cancel()
        await someone.account.stop()
        await database.close()
