"""People who write to each other without pause, and remember every message that arrived."""

from __future__ import annotations

import asyncio
import uuid
import xml.etree.ElementTree as ET

from slixmpp.stanza import Message
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.omemo_nodes import STANZAS
from tests.streams import account_section
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

ENCRYPTED = (
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'><key rid='2'>QUJD</key>"
    "<iv>QUJD</iv></header><payload>QUJD</payload></encrypted>"
)
PACE = 0.02  # seconds between two messages of one writer


class Writer:
    """An account that reconnects by itself, writes to `peer`, and collects what reaches it."""

    def __init__(self, server: Prosody, jid: str, peer: str) -> None:
        self.peer = peer
        self.sent: list[str] = []
        self.arrived: list[str] = []
        self.refused: dict[str, str] = {}
        self.account = Account(account_section(server, f"{jid}/load"))
        self.account.add_event_handler("session_start", lambda _: self.account.send_presence())
        self.account.register_handler(
            Callback("load", MatchXPath("{jabber:client}message"), self._take)
        )

    def _take(self, message: Message) -> None:
        message_id = message.xml.get("id") or ""
        if message.xml.get("type") == "error":
            self.refused[message_id] = refusal(message.xml)
        else:
            self.arrived.append(message_id)

    async def write(self) -> None:
        """Write to `peer`, until cancelled; while the stream is down, nothing is written."""
        while True:
            await asyncio.sleep(PACE)
            self.say()

    def say(self) -> str | None:
        """Send one message and return its id; None while the stream is down."""
        message_id = write_encrypted(self.account, self.peer, "chat")
        if message_id:
            self.sent.append(message_id)
        return message_id


def refusal(error: ET.Element) -> str:
    """Return the condition of a message that came back."""
    found = error.find("{jabber:client}error") or []
    return next((e.tag.split("}")[1] for e in found if e.tag.startswith(f"{{{STANZAS}}}")), "")


def write_encrypted(account: Account, to: str, kind: str) -> str | None:
    """Send what the server takes for ciphertext; return its id, None while the stream is down."""
    message_id = uuid.uuid4().hex
    if not account.session_bind_event.is_set() or not account.is_connected():
        return None
    xml = ET.fromstring(
        f"<message xmlns='jabber:client' to='{to}' type='{kind}' id='{message_id}'>{ENCRYPTED}"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='{message_id}'/></message>"
    )
    Message(account, xml=xml).send()
    return message_id
