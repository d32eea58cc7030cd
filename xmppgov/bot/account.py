"""The stream of a bot: an account with acknowledgements (XEP-0198) but without resumption.

A resumed stream would send again what slixmpp kept in memory; a bot instead looks up in its
archive what the server has, after a lost connection as after a crash: one path serves both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from slixmpp.plugins.xep_0198.stanza import RequestAck
from slixmpp.stanza import Message
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from xmppgov.bot import stanza
from xmppgov.config import XmppSection
from xmppgov.xmpp.client import Account


class BotAccount(Account):
    """An account that reports acknowledged message ids and every incoming message."""

    def __init__(self, section: XmppSection, resource: str) -> None:
        bare = section.jid.partition("/")[0]
        super().__init__(section.model_copy(update={"jid": f"{bare}/{resource}"}))
        self.bare = bare
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0115")
        self.register_plugin("xep_0198", {"allow_resume": False, "window": 20})
        self.register_plugin("xep_0199", {"keepalive": True, "interval": 60, "timeout": 20})
        self.plugin["xep_0030"].add_feature("urn:xmpp:receipts")
        self.online, self.offline = asyncio.Event(), asyncio.Event()
        self.offline.set()
        self.on_acknowledged: Callable[[str], None] = lambda _id: None
        self.on_message: Callable[[stanza.ET.Element], None] = lambda _xml: None
        self.add_event_handler("stanza_acked", self._acknowledged)
        self.add_event_handler("sm_enabled", self._counting)
        self.add_event_handler("session_end", self._lost)
        self.add_event_handler("disconnected", self._lost)
        tag = f"{stanza.CLIENT}message"
        self.register_handler(Callback("bot", MatchXPath(tag), lambda m: self.on_message(m.xml)))

    def begun(self) -> None:
        """Take note that there is a session."""
        self.offline.clear()
        self.online.set()

    def _lost(self, _event: object) -> None:
        self.online.clear()
        self.offline.set()

    def _counting(self, _event: object) -> None:
        # slixmpp would keep its counters and its send queue for a resumption that never comes, and
        # take the next stream's first acknowledgement for one of everything.
        asyncio.get_running_loop().call_soon(setattr, self, "end_session_on_disconnect", True)

    def _acknowledged(self, sent: object) -> None:
        if isinstance(sent, Message) and sent["id"]:
            self.on_acknowledged(sent["id"])

    def deliver(self, message: stanza.ET.Element) -> None:
        """Hand a message to the stream, which proves nothing about its arrival."""
        Message(self, xml=message).send()

    def ask_acknowledgement(self) -> None:
        """Ask the server to say what it has of all that was handed over before.

        The question waits in the same queue; slixmpp's own would overtake what lies there.
        """
        if self.online.is_set():
            RequestAck(self).send()
