"""The messages that a bot sends and reads (XEP-0384 0.3, 0359, 0380, 0184, 0334)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from defusedxml.ElementTree import fromstring

CLIENT = "{jabber:client}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
STANZA_IDS = "{urn:xmpp:sid:0}"
RECEIPTS = "{urn:xmpp:receipts}"
OMEMO = "eu.siacs.conversations.axolotl"
OMEMO_2 = "{urn:xmpp:omemo:2}encrypted"
FALLBACK = "Ce message est chiffré avec OMEMO. / This message is encrypted with OMEMO."


def encrypted_message(recipient: str, origin_id: str, encrypted: ET.Element) -> str:
    """Write out a message with ciphertext, ready to be stored and sent any number of times."""
    message = _message(recipient, origin_id, FALLBACK)
    message.append(encrypted)
    message.append(ET.Element("{urn:xmpp:eme:0}encryption", {"namespace": OMEMO, "name": "OMEMO"}))
    message.append(ET.Element("{urn:xmpp:hints}store"))
    message.append(ET.Element(f"{RECEIPTS}request"))
    return write(message)


def plain_notice(recipient: str, message_id: str, text: str, language: str) -> ET.Element:
    """Return a message in clear, for the fixed sentences of `notices.json` only."""
    message = _message(recipient, message_id, text)
    message.set(LANG, language)
    return message


def receipt(recipient: str, message_id: str) -> ET.Element:
    """Return the XEP-0184 receipt of a message."""
    message = ET.Element(f"{CLIENT}message", {"to": recipient, "type": "chat"})
    ET.SubElement(message, f"{RECEIPTS}received", {"id": message_id})
    return message


def write(message: ET.Element) -> str:
    """Write out a message as it may be stored."""
    return ET.tostring(message, encoding="unicode")


def read(stanza: str) -> ET.Element:
    """Parse a message that `encrypted_message` wrote."""
    return fromstring(stanza)


def encrypted_part(message: ET.Element) -> ET.Element | None:
    """Return `<encrypted/>` of the legacy namespace; an OMEMO 2 twin beside it is ignored."""
    return message.find(f"{{{OMEMO}}}encrypted")


def received_id(message: ET.Element) -> str | None:
    """Return the id that a receipt is for."""
    element = message.find(f"{RECEIPTS}received")
    return None if element is None else element.get("id")


def wants_receipt(message: ET.Element) -> bool:
    """Whether the sender asks for a receipt and the message has an id to name."""
    return message.find(f"{RECEIPTS}request") is not None and bool(message.get("id"))


def stanza_id(message: ET.Element, archive: str) -> str | None:
    """Return the id that `archive` (a bare address) gave the message."""
    for element in message.iterfind(f"{STANZA_IDS}stanza-id"):
        if element.get("by") == archive:
            return element.get("id")
    return None


def error_condition(message: ET.Element) -> str:
    """Return the condition of a message of type error, as `policy-violation`."""
    for element in _error_children(message):
        if element.tag.startswith("{urn:ietf:params:xml:ns:xmpp-stanzas}"):
            name = element.tag.partition("}")[2]
            if name != "text":
                return name
    return "undefined-condition"


def _error_children(message: ET.Element) -> Iterator[ET.Element]:
    error = message.find(f"{CLIENT}error")
    return iter(() if error is None else error)


def _message(recipient: str, message_id: str, body: str) -> ET.Element:
    message = ET.Element(f"{CLIENT}message", {"to": recipient, "type": "chat", "id": message_id})
    ET.SubElement(message, f"{CLIENT}body").text = body
    ET.SubElement(message, f"{STANZA_IDS}origin-id", {"id": message_id})
    return message
