"""The messages that a bot sends and reads.

XEP-0384 0.3 (OMEMO), 0359 (ids), 0380, 0184 (receipts), 0334 (hints), 0333 (displayed), 0308
(corrections), 0424 (retractions), 0444 (reactions).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from defusedxml.ElementTree import fromstring

CLIENT = "{jabber:client}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
STANZA_IDS = "{urn:xmpp:sid:0}"
RECEIPTS = "{urn:xmpp:receipts}"
MARKERS = "{urn:xmpp:chat-markers:0}"
REACTIONS = "{urn:xmpp:reactions:0}"
MOST_REACTIONS, LONGEST_REACTION = 20, 64
OMEMO = "eu.siacs.conversations.axolotl"
OMEMO_2 = "{urn:xmpp:omemo:2}encrypted"
FALLBACK = "Ce message est chiffré avec OMEMO. / This message is encrypted with OMEMO."


def encrypted_message(
    recipient: str,
    origin_id: str,
    encrypted: ET.Element,
    *,
    corrects: str | None = None,
    markable: bool = False,
) -> str:
    """Write out a message with ciphertext, ready to be stored and sent any number of times.

    `corrects` is the id of the first version of what it replaces; a `markable` message asks for
    word of when it is shown.
    """
    message = _message(recipient, origin_id, FALLBACK)
    message.append(encrypted)
    if corrects is not None:
        message.append(ET.Element("{urn:xmpp:message-correct:0}replace", {"id": corrects}))
    if markable:
        message.append(ET.Element(f"{MARKERS}markable"))
    message.append(ET.Element("{urn:xmpp:eme:0}encryption", {"namespace": OMEMO, "name": "OMEMO"}))
    message.append(ET.Element("{urn:xmpp:hints}store"))
    message.append(ET.Element(f"{RECEIPTS}request"))
    return write(message)


def introduction(recipient: str, origin_id: str, encrypted: ET.Element) -> str:
    """Write out a message that carries sessions and no text."""
    message = ET.Element(f"{CLIENT}message", {"to": recipient, "type": "chat", "id": origin_id})
    message.append(encrypted)
    message.append(ET.Element(f"{STANZA_IDS}origin-id", {"id": origin_id}))
    message.append(ET.Element("{urn:xmpp:hints}store"))
    return write(message)


def retraction(recipient: str, origin_id: str, retracted: str) -> ET.Element:
    """Return the retraction of the message with the id `retracted`; it says nothing else."""
    attributes = {"to": recipient, "type": "chat", "id": origin_id}
    message = ET.Element(f"{CLIENT}message", attributes)
    message.append(ET.Element("{urn:xmpp:message-retract:1}retract", {"id": retracted}))
    message.append(ET.Element(f"{STANZA_IDS}origin-id", {"id": origin_id}))
    message.append(ET.Element("{urn:xmpp:hints}store"))
    return message


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


def displayed_id(message: ET.Element) -> str | None:
    """Return the id of a message that was shown, and with it all before it."""
    element = message.find(f"{MARKERS}displayed")
    return None if element is None else element.get("id")


def reactions(message: ET.Element) -> tuple[str, tuple[str, ...]] | None:
    """Return the id of the message that somebody reacts to, and all signs that it has of theirs."""
    element = message.find(f"{REACTIONS}reactions")
    if element is None or not element.get("id"):
        return None
    signs = [(one.text or "").strip() for one in element.iterfind(f"{REACTIONS}reaction")]
    kept = (sign for sign in signs[:MOST_REACTIONS] if 0 < len(sign) <= LONGEST_REACTION)
    return element.attrib["id"], tuple(kept)


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
