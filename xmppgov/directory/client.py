"""Asks the directory over any stream, account or component (docs/protocol/directory.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any, Literal

from slixmpp import JID
from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.directory import stanza
from xmppgov.directory.model import LARGEST_PAGE, Cut, Device, Entry, Member, Page, Room, Version
from xmppgov.errors import (
    BadRequest,
    Conflict,
    NotAllowed,
    NotFound,
    RemoteFault,
    TooMany,
    Unreachable,
    XmppgovError,
)
from xmppgov.i18n import Text, Texts
from xmppgov.xmpp.refusal import refusal

texts = Texts("xmppgov")
TIMEOUT = 15.0  # seconds
_FAULTS: dict[str, type[RemoteFault]] = {
    "bad-request": BadRequest,
    "forbidden": NotAllowed,
    "not-authorized": NotAllowed,
    "item-not-found": NotFound,
    "resource-constraint": TooMany,
    "policy-violation": TooMany,
    "conflict": Conflict,
}


class DirectoryClient:
    """The directory at `address`, asked over `stream`.

    Every method raises a `RemoteFault` as the directory answered it (`NotFound`, `NotAllowed`,
    `TooMany`, `BadRequest`; its text is the directory's own), or `Unreachable` where there is no
    answer within `timeout` seconds.
    """

    def __init__(self, stream: BaseXMPP, address: JID | str, *, timeout: float = TIMEOUT) -> None:
        self._stream = stream
        self._address = JID(address)
        self._timeout = timeout

    async def version(self) -> Version:
        """Return the number of imports and the day; read the rest again only when it changed."""
        return stanza.read_version(await self._ask(stanza.question("version")))

    async def rooms(self) -> tuple[Room, ...]:
        """Return the bodies that have a room today."""
        return stanza.read_rooms(await self._ask(stanza.question("rooms")))

    async def members(self, body: str) -> tuple[Member, ...]:
        """Return today's members of `body`, each once. Raises `NotFound` for an unknown body."""
        return await self._all_members("members", body=body)

    async def audience(self, *to: str) -> tuple[Member, ...]:
        """Return whom the selectors `to` (`body:an`, `role:duty@body:sgg`) mean today, each once.

        Raises:
            BadRequest: one of them is no selector; the text names it.
            NotFound: the directory does not know what one of them names; the text says which.
        """
        return await self._all_members("audience", to=" ".join(to))

    async def person(self, jid: JID | str) -> Entry:
        """Return the person with the bare address `jid`. Raises `NotFound` for a stranger."""
        bare = JID(jid).bare
        return stanza.read_person(await self._ask(stanza.question("person", jid=bare)))

    async def person_by_id(self, id: str) -> Entry:
        """Return the person with the directory's `id`."""
        return stanza.read_person(await self._ask(stanza.question("person", id=id)))

    async def search(
        self, q: str, *, asker: JID | str, most: int = 10, language: str | None = None
    ) -> Page[Entry]:
        """Return what the person `asker` (a bare address) finds with the words `q`, best first.

        At most `most` entries are returned; `count` of the page says how many there are, up to 50.
        `language` is that of an error's text. Raises `NotAllowed`, `TooMany` or `BadRequest` as the
        person would be refused.
        """
        asked = stanza.question("search", for_=JID(asker).bare, q=q, max=str(most))
        return stanza.read_search(await self._ask(asked, language))

    async def devices(self) -> tuple[Device, ...]:
        """Return the devices of the official accounts, by address."""
        return stanza.read_devices(await self._ask(stanza.question("devices")))

    async def publish_device(self, id: int, fingerprint: str) -> None:
        """Have the directory say that the stream's own account has this device, and no other.

        Raises:
            NotAllowed: the directory does not know the account as a bot.
        """
        named = stanza.question("device", id=str(id), fingerprint=fingerprint)
        await self._ask(named, kind="set")

    async def _all_members(self, name: str, **attributes: str) -> tuple[Member, ...]:
        found: dict[str, Member] = {}
        cut = Cut(LARGEST_PAGE)
        while True:
            answer = await self._ask(stanza.question(name, cut, **attributes))
            part = stanza.read_members(answer)
            found.update((member.person, member) for member in part.items)
            if not part.items or part.complete:
                return tuple(found.values())
            cut = Cut(LARGEST_PAGE, after=part.last)

    async def _ask(
        self,
        question: ET.Element,
        language: str | None = None,
        kind: Literal["get", "set"] = "get",
    ) -> ET.Element:
        iq = self._stream.make_iq(ito=self._address, itype=kind)
        if language is not None:
            iq["lang"] = language
        iq.append(question)
        try:
            answer = await iq.send(timeout=self._timeout)
        except IqError as error:
            raise self._fault(error) from None
        except (IqTimeout, NotConnectedError) as error:
            raise self._silent() from error
        return self._payload(answer, question.tag)

    def _payload(self, answer: Any, tag: str) -> ET.Element:
        payload = answer.xml.find(tag)
        if payload is None:
            raise BadRequest(texts("The directory's answer cannot be understood."))
        return payload

    def _fault(self, error: IqError) -> XmppgovError:
        """Return the directory's refusal with its own words, or that it cannot be reached."""
        refused = refusal(error)
        fault = _FAULTS.get(refused.condition)
        if fault is None:
            return self._silent()
        return fault(Text("xmppgov", refused.text or refused.condition))

    def _silent(self) -> Unreachable:
        return Unreachable(
            texts("{address}: the directory does not answer.", address=self._address.bare)
        )
