"""Which messages the server took and their recipients never got (docs/protocol/delivery.md).

A server that is killed between its two writes of a message has it in the sender's archive alone.
Only our server module knows; any other server is believed as far as the bot's own archive goes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice

import structlog
from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

log = structlog.get_logger()
DELIVERY = "urn:xmppgov:delivery:0"
AT_ONCE = 100  # messages of one question
PATIENCE = 30.0  # seconds


class Deliveries:
    """Asks the bot's own server over `stream`."""

    def __init__(self, stream: ClientXMPP) -> None:
        self._stream = stream

    async def missing(self, messages: Mapping[str, str], since: float) -> set[str]:
        """Return the ids of `messages` (id: recipient) that were sent after `since` (seconds) and
        that their recipients surely do not have; none where the server does not say."""
        found: set[str] = set()
        left = iter(messages.items())
        while part := dict(islice(left, AT_ONCE)):
            try:
                found |= await self._ask(part, since)
            except (IqError, IqTimeout) as error:
                log.info("the server does not say what was delivered", reason=_reason(error))
                return set()
        return found

    async def _ask(self, messages: Mapping[str, str], since: float) -> set[str]:
        iq = self._stream.make_iq_get(ito=self._stream.boundjid.domain)
        iq.append(question(messages, since))
        answer = await iq.send(timeout=PATIENCE)
        return {id for id, to in missing(answer.xml) if messages.get(id) == to}


def question(messages: Mapping[str, str], since: float) -> ET.Element:
    """Return the payload that asks for `messages` (id: recipient) sent after `since` (seconds)."""
    moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = ET.Element(f"{{{DELIVERY}}}delivery", {"since": moment})
    for id, recipient in messages.items():
        ET.SubElement(query, f"{{{DELIVERY}}}message", {"to": recipient, "id": id})
    return query


def missing(answer: ET.Element) -> list[tuple[str, str]]:
    """Return id and recipient of every message that an answer (an `<iq/>`) calls missing."""
    said = answer.iterfind(f"{{{DELIVERY}}}delivery/{{{DELIVERY}}}missing")
    return [(item.get("id", ""), item.get("to", "")) for item in said]


def _reason(error: IqError | IqTimeout) -> str:
    return error.condition if isinstance(error, IqError) else "timeout"
