"""The rooms' protocol as XML (docs/protocol/rooms.md), and what a person is sent about a room.

Bookmarks are XEP-0402, published for the person by XEP-0356; invitations are direct (XEP-0249).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov.rooms.model import CHAIR, MEMBER, Listed, Member, Outcome, Room

ROOMS, KEYS = "urn:xmppgov:rooms:0", "urn:xmppgov:keys:0"
BOOKMARKS = "urn:xmpp:bookmarks:1"
PUBSUB = "http://jabber.org/protocol/pubsub"
PUBLISH_OPTIONS = "http://jabber.org/protocol/pubsub#publish-options"
PRIVILEGE = "urn:xmpp:privilege:2"
OPTIONS = {
    "pubsub#persist_items": "true",
    "pubsub#max_items": "max",
    "pubsub#send_last_published_item": "never",
    "pubsub#access_model": "whitelist",
}
"""What XEP-0402 asks of the bookmarks' node."""
PRIVATE = {"pubsub#persist_items": "true", "pubsub#access_model": "whitelist"}
"""The least that a node must be, where a client made it in its own way."""

texts = Texts("xmppgov")


def tag(name: str) -> str:
    """Return the qualified name of an element of the rooms' protocol."""
    return f"{{{ROOMS}}}{name}"


CHANGED = f"{{{KEYS}}}changed"
SYNC = tag("sync")


def room_request(room: Room) -> ET.Element:
    """Make the payload that sets a room as a whole."""
    xml = ET.Element(tag("room"), {"id": room.id, "name": room.name})
    if room.kind:
        xml.set("class", room.kind)
    for member in room.members:
        attributes = {"jid": member.jid, "nick": member.nick, "role": member.role}
        ET.SubElement(xml, tag("member"), attributes)
    return xml


def read_room_request(xml: ET.Element) -> Room:
    """Read what `room_request` makes. Raises `BadRequest`."""
    members = tuple(
        Member(_needed(m, "jid"), m.get("nick", ""), _role(m)) for m in xml.findall(tag("member"))
    )
    return Room(_needed(xml, "id"), _needed(xml, "name"), members, xml.get("class", ""))


def read_outcome(xml: ET.Element) -> Outcome:
    """Read the answer to a room's setting. Raises `BadRequest`."""
    return Outcome(*(_number(xml, name) for name in ("added", "removed", "changed")))


def read_rooms(xml: ET.Element) -> dict[str, int]:
    """Read the server's rooms: id -> how many members. Raises `BadRequest`."""
    return {_needed(r, "id"): _number(r, "members") for r in xml.findall(tag("room"))}


def read_listed(xml: ET.Element) -> tuple[Listed, ...]:
    """Read what the server has for one room. Raises `BadRequest`."""
    return tuple(
        Listed(
            _needed(m, "jid"),
            m.get("nick", ""),
            m.get("affiliation", "none"),
            _role(m),
            m.get("present") == "true",
        )
        for m in xml.findall(tag("member"))
    )


def accounts_request(jids: Iterable[str]) -> ET.Element:
    """Make the question which of the addresses have an account."""
    xml = ET.Element(tag("accounts"))
    for jid in jids:
        ET.SubElement(xml, tag("account"), {"jid": jid})
    return xml


def read_accounts(xml: ET.Element) -> dict[str, bool]:
    """Read the answer: address -> whether it has an account; other servers' are not in it."""
    return {_needed(a, "jid"): a.get("exists") == "true" for a in xml.findall(tag("account"))}


def items_request(node: str) -> ET.Element:
    """Make the question for a node's items (XEP-0060)."""
    xml = ET.Element(f"{{{PUBSUB}}}pubsub")
    ET.SubElement(xml, f"{{{PUBSUB}}}items", {"node": node})
    return xml


def read_last_item(xml: ET.Element) -> ET.Element | None:
    """Return the payload of the newest item in a pubsub answer, or None."""
    items = xml.findall(f"{{{PUBSUB}}}items/{{{PUBSUB}}}item")
    return next((child for item in reversed(items) for child in item), None)


def bookmark(
    room_jid: str,
    name: str,
    nick: str,
    *,
    autojoin: bool = True,
    options: Mapping[str, str] = OPTIONS,
) -> ET.Element:
    """Make the request that publishes one bookmark (XEP-0402) into a node with `options`."""
    xml = ET.Element(f"{{{PUBSUB}}}pubsub")
    publish = ET.SubElement(xml, f"{{{PUBSUB}}}publish", {"node": BOOKMARKS})
    item = ET.SubElement(publish, f"{{{PUBSUB}}}item", {"id": room_jid})
    joined = "true" if autojoin else "false"
    attributes = {"name": name, "autojoin": joined}
    conference = ET.SubElement(item, f"{{{BOOKMARKS}}}conference", attributes)
    if nick:
        ET.SubElement(conference, f"{{{BOOKMARKS}}}nick").text = nick
    xml.append(_publish_options(options))
    return xml


def _publish_options(wanted: Mapping[str, str]) -> ET.Element:
    options = ET.Element(f"{{{PUBSUB}}}publish-options")
    form = ET.SubElement(options, "{jabber:x:data}x", {"type": "submit"})
    fields = {"FORM_TYPE": PUBLISH_OPTIONS, **wanted}
    for var, value in fields.items():
        attributes = {"var": var, "type": "hidden"} if var == "FORM_TYPE" else {"var": var}
        field = ET.SubElement(form, "{jabber:x:data}field", attributes)
        ET.SubElement(field, "{jabber:x:data}value").text = value
    return options


def retraction(room_jid: str) -> ET.Element:
    """Make the request that takes a bookmark away; the person's clients are told."""
    xml = ET.Element(f"{{{PUBSUB}}}pubsub")
    attributes = {"node": BOOKMARKS, "notify": "true"}
    retract = ET.SubElement(xml, f"{{{PUBSUB}}}retract", attributes)
    ET.SubElement(retract, f"{{{PUBSUB}}}item", {"id": room_jid})
    return xml


def privileged(person: str, payload: ET.Element, id: str) -> ET.Element:
    """Wrap a request that the server carries out as if `person` had sent it (XEP-0356)."""
    xml = ET.Element(f"{{{PRIVILEGE}}}privileged_iq")
    addresses = {"type": "set", "from": person, "to": person, "id": id}
    inner = ET.SubElement(xml, "{jabber:client}iq", addresses)
    inner.append(payload)
    return xml


def invitation(room_jid: str) -> ET.Element:
    """Make a direct invitation (XEP-0249), without a reason, which would travel in clear."""
    return ET.Element("{jabber:x:conference}x", {"jid": room_jid})


def read_changed(xml: ET.Element) -> str:
    """Read whose keys changed. Raises `BadRequest`."""
    return _needed(xml, "jid")


def _role(xml: ET.Element) -> str:
    return CHAIR if xml.get("role") == CHAIR else MEMBER


def _needed(xml: ET.Element, name: str) -> str:
    value = xml.get(name)
    if not value:
        raise _foreign()
    return value


def _number(xml: ET.Element, name: str) -> int:
    value = xml.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise _foreign()
    return int(value)


def _foreign() -> BadRequest:
    return BadRequest(texts("The rooms' request or answer cannot be understood."))
