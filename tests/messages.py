"""Messages for tests as plain XML: sent as they are, and what arrives of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from xml.etree import ElementTree as ET

from slixmpp import Message
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.omemo_nodes import request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

XML = "{http://www.w3.org/XML/1998/namespace}"
LEGACY = "eu.siacs.conversations.axolotl"
OMEMO2 = "urn:xmpp:omemo:2"
CIPHERTEXT = (
    f'<encrypted xmlns="{LEGACY}"><header sid="1"><key rid="2" prekey="true">AAEC</key>'
    "<iv>AAEC</iv></header><payload>AAEC</payload></encrypted>"
)
KEY_TRANSPORT = CIPHERTEXT.replace("<payload>AAEC</payload>", "")
CIPHERTEXT2 = (
    f'<encrypted xmlns="{OMEMO2}"><header sid="1"><keys jid="bob@gov.localhost">'
    '<key rid="2" kex="true">AAEC</key></keys></header><payload>AAEC</payload></encrypted>'
)


def text(messages: ET.Element | list[ET.Element]) -> str:
    """Return messages as one string of XML."""
    found = messages if isinstance(messages, list) else [messages]
    return "".join(ET.tostring(message, "unicode") for message in found)


def body(message: ET.Element) -> str:
    """Return the text of the message's only body."""
    (found,) = message.findall(f"{{{message.tag[1:].split('}')[0]}}}body")
    return found.text or ""


def refusal(message: ET.Element) -> tuple[str, str]:
    """Return the type and condition of an error message that explains itself."""
    error = message.find(f"{{{message.tag[1:].split('}')[0]}}}error")
    assert error is not None, text(message)
    condition = error[0].tag.split("}")[1]
    if condition == "policy-violation":
        assert len(error[1].text or "") > 20
    return str(error.get("type")), condition


@asynccontextmanager
async def mailbox(server: Prosody, jid: str) -> AsyncIterator[Mailbox]:
    """The mailbox of an account that is online, and that the server knows to be."""
    async with logged_in(server, jid) as account:
        box = Mailbox(account)
        await request(account, "get", '<ping xmlns="urn:xmpp:ping"/>')
        yield box


class Mailbox:
    """The message stanzas of a stream, as XML, in the order in which they came."""

    def __init__(self, stream: Account | Component) -> None:
        self.stream = stream
        self.all: list[ET.Element] = []
        self._changed = asyncio.Event()
        matcher = MatchXPath(f"{{{stream.default_ns}}}message")
        stream.register_handler(Callback("every message", matcher, self._keep))

    def _keep(self, message: Message) -> None:
        self.all.append(message.xml)
        self._changed.set()

    def send(self, to: str | None, children: str, kind: str = "chat", **attributes: str) -> str:
        """Send a message with the XML `children`; return its id."""
        message = self.stream.make_message(mto=to, mtype=kind)  # type: ignore[arg-type]
        identity = message["id"] = self.stream.new_id()
        if isinstance(self.stream, Component):
            message["from"] = attributes.pop("sender", self.stream.boundjid.bare)
        for name, value in attributes.items():
            message.xml.set(name.replace("xml_", XML), value)
        content = ET.fromstring(f'<m xmlns="{self.stream.default_ns}">{children}</m>')
        message.xml.text = content.text
        message.xml.extend(content)
        message.send()
        return identity

    async def until(self, found: Callable[[ET.Element], bool]) -> ET.Element:
        """Return the first message for which `found` is true; wait for it."""
        async with asyncio.timeout(10):
            while True:
                for message in self.all:
                    if found(message):
                        return message
                self._changed.clear()
                await self._changed.wait()

    async def get(self, identity: str) -> ET.Element:
        """Return the message with this id; wait for it."""
        return await self.until(lambda message: message.get("id") == identity)
