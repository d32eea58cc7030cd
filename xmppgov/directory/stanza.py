"""The machines' door as XML: `urn:xmppgov:directory:0` (docs/protocol/directory.md).

Answers are written as strings, without stanza objects, because they are the hot path; questions and
answers are read from elements that a stream has parsed. Paging is XEP-0059.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from xmppgov.directory.model import (
    CHAIR,
    MEMBER,
    ROLE,
    Cut,
    Device,
    Entry,
    Member,
    Page,
    Post,
    Room,
    Version,
)
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov.omemo.verification import FINGERPRINT, LARGEST_ID

NAMESPACE = "urn:xmppgov:directory:0"
RSM = "http://jabber.org/protocol/rsm"
QUESTIONS = ("version", "rooms", "members", "person", "audience", "search", "devices")
texts = Texts("xmppgov")


def tag(name: str) -> str:
    """Return the qualified name of one of our elements."""
    return f"{{{NAMESPACE}}}{name}"


def question(name: str, cut: Cut | None = None, **attributes: str | None) -> ET.Element:
    """Make the question `name` with its attributes, and the part of the list that is wanted."""
    given = {key.rstrip("_"): value for key, value in attributes.items() if value is not None}
    xml = ET.Element(tag(name), given)
    if cut is not None:
        xml.append(_cut_element(cut))
    return xml


def _cut_element(cut: Cut) -> ET.Element:
    xml = ET.Element(f"{{{RSM}}}set")
    for name, value in (("max", cut.max), ("after", cut.after), ("before", cut.before)):
        if value is not None:
            ET.SubElement(xml, f"{{{RSM}}}{name}").text = str(value)
    return xml


def read_cut(xml: ET.Element) -> Cut:
    """Read the XEP-0059 request inside `xml`; without one, the first page.

    Raises:
        BadRequest: `max` is no natural number.
    """
    request = xml.find(f"{{{RSM}}}set")
    if request is None:
        return Cut()
    largest = request.findtext(f"{{{RSM}}}max")
    before = request.find(f"{{{RSM}}}before")
    return Cut(
        None if largest is None else read_number(largest),
        request.findtext(f"{{{RSM}}}after") or None,
        None if before is None else (before.text or ""),
    )


def read_number(value: str) -> int:
    """Read a natural number of at most nine digits.

    Raises:
        BadRequest: it is none.
    """
    value = value.strip()
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise BadRequest(texts("A page's size must be a whole number."))
    return int(value)


def write_version(version: Version) -> str:
    """Write the answer to `version`."""
    return f'<version xmlns="{NAMESPACE}" data="{version.data}" day="{version.day.isoformat()}"/>'


def write_rooms(rooms: Iterable[Room]) -> str:
    """Write the answer to `rooms`."""
    items = "".join(
        f"<room body={quoteattr(r.body)} name={quoteattr(r.name)} kind={quoteattr(r.kind)}/>"
        for r in rooms
    )
    return f'<rooms xmlns="{NAMESPACE}">{items}</rooms>'


def write_members(name: str, page: Page[Member], **attributes: str) -> str:
    """Write the answer to `members` or `audience` (`name`), repeating the question's attributes."""
    items = "".join(_member(member) for member in page.items)
    return f'<{name} xmlns="{NAMESPACE}"{_attributes(attributes)}>{items}{write_set(page)}</{name}>'


def write_person(entry: Entry) -> str:
    """Write the answer to `person`."""
    return _person(entry, f' xmlns="{NAMESPACE}"')


def write_search(page: Page[Entry]) -> str:
    """Write the answer to `search`."""
    items = "".join(_person(entry) for entry in page.items)
    return f'<search xmlns="{NAMESPACE}">{items}{write_set(page)}</search>'


def write_devices(devices: Iterable[Device]) -> str:
    """Write the answer to `devices`."""
    return f'<devices xmlns="{NAMESPACE}">{"".join(map(_device, devices))}</devices>'


def write_device(device: Device) -> str:
    """Write the answer to an account that published its device."""
    return _device(device, f' xmlns="{NAMESPACE}"')


def _device(device: Device, namespace: str = "") -> str:
    return (
        f"<device{namespace} jid={quoteattr(device.jid)} id={quoteattr(str(device.id))}"
        f" fingerprint={quoteattr(device.fingerprint)}/>"
    )


def write_set(page: Page[Any]) -> str:
    """Write the XEP-0059 result of a page."""
    ends = ""
    if page.first is not None and page.last is not None:
        ends = (
            f'<first index="{page.index}">{escape(page.first)}</first>'
            f"<last>{escape(page.last)}</last>"
        )
    return f'<set xmlns="{RSM}">{ends}<count>{page.count}</count></set>'


def _attributes(attributes: dict[str, str]) -> str:
    return "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())


def _member(member: Member) -> str:
    return (
        f"<member person={quoteattr(member.person)}{_known('jid', member.jid)}"
        f" name={quoteattr(member.name)} role={quoteattr(member.role)}"
        f"{_known('lang', member.lang)}/>"
    )


def _person(entry: Entry, namespace: str = "") -> str:
    posts = "".join(_post(post) for post in entry.posts)
    start = (
        f"<person{namespace} id={quoteattr(entry.id)}{_known('jid', entry.jid)}"
        f" name={quoteattr(entry.name)}{_known('unit', entry.unit)}{_known('lang', entry.lang)}"
    )
    return f"{start}>{posts}</person>" if posts else f"{start}/>"


def _post(post: Post) -> str:
    return (
        f"<post body={quoteattr(post.body)} name={quoteattr(post.name)}"
        f" title={quoteattr(post.title)} role={quoteattr(post.role)}"
        f"{_known('within', ' '.join(post.within))}/>"
    )


def _known(name: str, value: str | None) -> str:
    """Return an attribute; nothing where there is no value."""
    return f" {name}={quoteattr(value)}" if value else ""


def read_version(xml: ET.Element) -> Version:
    """Read the answer to `version`.

    Raises:
        BadRequest: here and in every `read_…`: the answer is not one of this protocol.
    """
    try:
        return Version(int(_needed(xml, "data")), date.fromisoformat(_needed(xml, "day")))
    except ValueError as error:
        raise _foreign() from error


def read_rooms(xml: ET.Element) -> tuple[Room, ...]:
    """Read the answer to `rooms`."""
    return tuple(
        Room(_needed(r, "body"), _needed(r, "name"), r.get("kind", ""))
        for r in xml.findall(tag("room"))
    )


def read_members(xml: ET.Element) -> Page[Member]:
    """Read the answer to `members` or `audience`."""
    return _read_page(xml, tuple(_read_member(m) for m in xml.findall(tag("member"))))


def read_person(xml: ET.Element) -> Entry:
    """Read a person, alone or in the answer to `search`."""
    posts = tuple(_read_post(p) for p in xml.findall(tag("post")))
    return Entry(
        _needed(xml, "id"), _needed(xml, "name"), xml.get("jid"), posts, xml.get("unit"),
        xml.get("lang"),
    )  # fmt: skip


def read_search(xml: ET.Element) -> Page[Entry]:
    """Read the answer to `search`."""
    return _read_page(xml, tuple(_people(xml)))


def read_devices(xml: ET.Element) -> tuple[Device, ...]:
    """Read the answer to `devices`."""
    return tuple(read_device(d, _needed(d, "jid")) for d in xml.findall(tag("device")))


def read_device(xml: ET.Element, jid: str) -> Device:
    """Read the device of the account `jid`.

    Raises:
        BadRequest: its number is none from 1 to 2³¹-1, or its fingerprint not 64 hex digits.
    """
    id, fingerprint = xml.get("id", ""), xml.get("fingerprint", "").lower()
    known = re.fullmatch(r"[1-9][0-9]{0,9}", id) and int(id) <= LARGEST_ID
    if not (known and FINGERPRINT.fullmatch(fingerprint)):
        raise BadRequest(
            texts("A device has a number from 1 to 2147483647 and a fingerprint of 64 hex digits.")
        )
    return Device(jid, int(id), fingerprint)


def _people(xml: ET.Element) -> Iterator[Entry]:
    return (read_person(p) for p in xml.findall(tag("person")))


def _read_member(xml: ET.Element) -> Member:
    role = CHAIR if xml.get("role") == CHAIR else MEMBER
    return Member(
        _needed(xml, "person"), _needed(xml, "name"), role, xml.get("jid"), xml.get("lang")
    )


def _read_post(xml: ET.Element) -> Post:
    role = xml.get("role", "")
    return Post(
        _needed(xml, "body"), _needed(xml, "name"), xml.get("title", ""),
        role if re.fullmatch(ROLE, role) else MEMBER, tuple(xml.get("within", "").split()),
    )  # fmt: skip


def _read_page(xml: ET.Element, items: tuple[Any, ...]) -> Page[Any]:
    result = xml.find(f"{{{RSM}}}set")
    if result is None:
        return Page(items, len(items))
    first = result.find(f"{{{RSM}}}first")
    try:
        index = int(first.get("index", "0")) if first is not None else 0
        count = int(result.findtext(f"{{{RSM}}}count", str(len(items))))
    except ValueError as error:
        raise _foreign() from error
    last = result.findtext(f"{{{RSM}}}last")
    return Page(items, count, index, None if first is None else first.text, last)


def _needed(xml: ET.Element, name: str) -> str:
    value = xml.get(name)
    if value is None:
        raise _foreign()
    return value


def _foreign() -> BadRequest:
    return BadRequest(texts("The directory's answer cannot be understood."))
