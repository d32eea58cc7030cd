"""One device of somebody, over raw bytes: it can be cut off, and resumes its stream (XEP-0198)."""

from __future__ import annotations

import asyncio
import itertools
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.streams import RawClient, authenticated
from xmppgov.demo.prosody import Prosody

CLIENT, SM, MAM = "{jabber:client}", "{urn:xmpp:sm:3}", "{urn:xmpp:mam:2}"
RSM = "{http://jabber.org/protocol/rsm}"
MUC = "http://jabber.org/protocol/muc"
CARBONS = "urn:xmpp:carbons:2"
PATIENCE = 15.0  # seconds, for any answer
_numbers = itertools.count(1)


class Gone(Exception):
    """The connection has ended."""


class Sent(NamedTuple):
    """A stanza that the server has not acknowledged; `key`: which message it is, or empty."""

    xml: str
    key: str


@dataclass
class Device:
    """A session of `user` on `host`; `got` is called with each message that arrives."""

    server: Prosody
    user: str
    host: str
    resource: str
    got: Callable[[ET.Element], None]
    unacked: list[Sent] = field(default_factory=list)
    unsettled: list[Callable[[], None]] = field(default_factory=list)
    rooms: set[str] = field(default_factory=set)
    _answers: dict[str, asyncio.Future[ET.Element]] = field(default_factory=dict)
    _stream: RawClient | None = None
    _reading: asyncio.Task[None] | None = None
    _token: str = ""
    _results: list[ET.Element] = field(default_factory=list)
    _arrived: int = 0
    _acknowledged: int = 0

    @property
    def jid(self) -> str:
        return f"{self.user}@{self.host}/{self.resource}"

    @property
    def bare(self) -> str:
        return f"{self.user}@{self.host}"

    @property
    def is_open(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def open(self, available: bool = True) -> list[str]:
        """Log in; return the messages of the stream before that were not acknowledged."""
        left = [sent.key for sent in self.unacked if sent.key]
        self.rooms.clear()
        await self._connect()
        self.unsettled.clear()
        await self._ask(
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            f"<resource>{self.resource}</resource></bind>"
        )
        await self._ask(f"<enable xmlns='{CARBONS}'/>")
        self._arrived = self._acknowledged = 0
        enabled = await self._nonza(f"<enable xmlns='{SM[1:-1]}' resume='true'/>", "enabled")
        self.unacked.clear()
        self._token = enabled.get("id", "")
        if available:
            self._send("<presence/>")
        return left

    async def resume(self) -> bool:
        """Go on with the stream that was cut; False where the server does not know it any more."""
        if not self._token:
            return False
        await self._connect()
        request = f"<resume xmlns='{SM[1:-1]}' h='{self._arrived}' previd='{self._token}'/>"
        answer = await self._nonza(request, "resumed", "failed")
        if answer.tag == SM + "failed":
            await self.cut()
            return False
        handled = int(answer.get("h", "0"))
        del self.unacked[: handled - self._acknowledged]
        self._acknowledged = handled
        for sent in self.unacked:
            self._write(sent.xml)
        return True

    async def close(self) -> None:
        """End the stream as clients do."""
        if self.is_open and self._stream:
            self._write("</stream:stream>")
            await self._ended()
        self._token = ""

    async def cut(self) -> None:
        """Break the connection."""
        if self._stream:
            self._stream.writer.transport.abort()
            await self._ended()

    def say(self, xml: str, key: str, handled: Callable[[], None]) -> None:
        """Send a message; `handled` is called when the server is known to have handled it."""
        self.unsettled.append(handled)
        self._send(xml, key)

    async def settle(self) -> None:
        """Wait until the server has handled everything that was sent, and its answers are here.

        Raises:
            Gone: the connection has ended.
        """
        await self._ask("<ping xmlns='urn:xmpp:ping'/>", to=self.host)
        for handled in self.unsettled:
            handled()
        self._acknowledged += len(self.unacked)
        self.unacked.clear()
        self.unsettled.clear()

    async def enter(self, room: str) -> None:
        """Enter a room under the user's name."""
        self._send(f"<presence to='{room}/{self.user}'><x xmlns='{MUC}'/></presence>")
        await self.settle()
        self.rooms.add(room)

    async def leave(self, room: str) -> None:
        """Leave a room."""
        self._send(f"<presence to='{room}/{self.user}' type='unavailable'/>")
        await self.settle()
        self.rooms.discard(room)

    async def archived(self, of: str = "") -> list[ET.Element]:
        """Return every message in an archive (XEP-0313): one's own, or a room's."""
        self._results = []
        answer = await self._ask(
            f"<query xmlns='{MAM[1:-1]}'><set xmlns='{RSM[1:-1]}'><max>200</max></set></query>",
            to=of or self.bare,
        )
        fin = answer.find(MAM + "fin")
        assert fin is not None, ET.tostring(answer)
        assert fin.get("complete") == "true", "a program says more than an archive tells at once"
        return [m for result in self._results for m in result.iter(CLIENT + "message")]

    async def _connect(self) -> None:
        await self.cut()
        self._stream = await authenticated(self.server, self.user, host=self.host)
        self._reading = asyncio.create_task(self._read(self._stream))

    async def _ended(self) -> None:
        if self._reading:
            await asyncio.wait([self._reading], timeout=PATIENCE)
        if self._stream:
            self._stream.writer.close()

    async def _read(self, stream: RawClient) -> None:
        parser = ET.XMLPullParser(["start", "end"])
        depth = 0
        try:
            while data := await stream.reader.read(1 << 16):
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "end" and depth == 1:
                        self._take(element)
        except (OSError, ET.ParseError):
            pass  # cut in the middle
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(Gone())
            self._answers.clear()

    def _take(self, element: ET.Element) -> None:
        if element.tag == SM + "r":
            self._write(f"<a xmlns='{SM[1:-1]}' h='{self._arrived}'/>")
        elif element.tag.startswith(SM):
            self._answer(element.tag, element)
        elif element.tag.startswith(CLIENT):
            self._arrived += 1
            result = element.find(MAM + "result")
            if result is not None:
                self._results.append(result)
            elif element.tag == CLIENT + "message":
                self.got(element)
            elif element.tag == CLIENT + "iq":
                self._answer(element.get("id", ""), element)

    def _answer(self, key: str, element: ET.Element) -> None:
        answer = self._answers.pop(key, None)
        if answer and not answer.done():
            answer.set_result(element)

    def _send(self, xml: str, key: str = "") -> None:
        self.unacked.append(Sent(xml, key))
        self._write(xml)

    def _write(self, xml: str) -> None:
        assert self._stream
        self._stream.send(xml.encode())

    async def _ask(self, payload: str, to: str = "") -> ET.Element:
        id = f"i{next(_numbers)}"
        address = f" to='{to}'" if to else ""
        kind = "get" if "urn:xmpp:ping" in payload else "set"
        return await self._wait(id, f"<iq type='{kind}' id='{id}'{address}>{payload}</iq>")

    async def _nonza(self, xml: str, *names: str) -> ET.Element:
        future: asyncio.Future[ET.Element] = asyncio.get_running_loop().create_future()
        for name in names:
            self._answers[SM + name] = future
        self._write(xml)
        return await asyncio.wait_for(future, PATIENCE)

    async def _wait(self, key: str, xml: str) -> ET.Element:
        if not self.is_open:
            raise Gone
        future: asyncio.Future[ET.Element] = asyncio.get_running_loop().create_future()
        self._answers[key] = future
        self._send(xml)
        return await asyncio.wait_for(future, PATIENCE)
