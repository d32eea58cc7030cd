"""Runs a service's commands over any stream, as a client does."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Literal

from slixmpp import JID
from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.adhoc.model import Values
from xmppgov.adhoc.stanza import COMMAND, COMMANDS, Reply, Step, parse_reply, write_step
from xmppgov.errors import BadRequest, NotAllowed, NotFound, RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts
from xmppgov.xmpp.refusal import refusal

texts = Texts("xmppgov")
TIMEOUT = 30.0  # seconds
_ITEMS = "http://jabber.org/protocol/disco#items"
_FAULTS: dict[str, type[RemoteFault]] = {
    "forbidden": NotAllowed,
    "not-authorized": NotAllowed,
    "item-not-found": NotFound,
}

_AWAY = ("remote-server-not-found", "remote-server-timeout")
"""What a server says of an address at which there is nothing, in a sentence that is English."""


class CommandClient:
    """The commands of the service at `address`, run over `stream`.

    Raises a `RemoteFault` with the service's own sentence, or `Unreachable`.
    """

    def __init__(
        self, stream: BaseXMPP, address: JID | str, *, language: str | None = None
    ) -> None:
        self._stream = stream
        self._address = JID(address)
        self._language = language

    async def names(self) -> dict[str, str]:
        """Return the commands that this account may run: node and name."""
        answer = await self._ask("get", ET.Element(f"{{{_ITEMS}}}query", node=COMMANDS))
        items = answer.iter(f"{{{_ITEMS}}}item")
        return {item.get("node", ""): item.get("name", "") for item in items}

    async def run(self, node: str, pages: Sequence[Values] = ()) -> Reply:
        """Run a command, filling its pages in one after the other; return where it ends.

        Raises:
            BadRequest: a page was not taken; the text says why.
        """
        reply = await self._step(Step(node, "", "execute", {}))
        for values in pages:
            if reply.status != "executing":
                raise BadRequest(texts("The command ended before everything was said."))
            reply = await self._step(Step(node, reply.session, "execute", values))
            if reply.error:
                await self._step(Step(node, reply.session, "cancel", {}))
                raise BadRequest(Text("xmppgov", reply.note))
        return reply

    async def _step(self, step: Step) -> Reply:
        answer = await self._ask("set", write_step(step))
        command = answer.find(COMMAND)
        if command is None:
            raise BadRequest(texts("The command cannot be understood."))
        return parse_reply(command)

    async def _ask(self, kind: Literal["get", "set"], payload: ET.Element) -> ET.Element:
        iq = self._stream.make_iq(ito=self._address, itype=kind)
        if self._language:
            iq["lang"] = self._language
        iq.append(payload)
        try:
            answer = await iq.send(timeout=TIMEOUT)
        except IqError as error:
            refused = refusal(error)
            if refused.condition in _AWAY:
                raise Unreachable(
                    texts("{address}: there is no such service.", address=self._address.bare)
                ) from None
            fault = _FAULTS.get(refused.condition, BadRequest)
            raise fault(Text("xmppgov", refused.text or refused.condition)) from None
        except (IqTimeout, NotConnectedError) as error:
            text = texts("{address}: no answer.", address=self._address.bare)
            raise Unreachable(text) from error
        xml: ET.Element = answer.xml
        return xml
