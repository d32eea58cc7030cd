"""Sets and reads rooms on the MUC service, and asks the governance component to compare them.

Protocol: docs/protocol/rooms.md.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Literal

from slixmpp import JID
from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.errors import BadRequest, NotAllowed, NotFound, RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts
from xmppgov.rooms import stanza
from xmppgov.rooms.model import Listed, Outcome, Room
from xmppgov.xmpp.refusal import refusal

texts = Texts("xmppgov")
Kind = Literal["get", "set"]
TIMEOUT = 30.0  # seconds; a room of a whole chamber takes the server a moment
LARGEST_QUESTION = 500  # addresses
_FAULTS: dict[str, type[RemoteFault]] = {
    "bad-request": BadRequest,
    "forbidden": NotAllowed,
    "not-allowed": NotAllowed,
    "item-not-found": NotFound,
}


class _Asker:
    """Sends IQs to one address; errors come back as the tree in `xmppgov.errors`."""

    def __init__(self, stream: BaseXMPP, address: JID | str, *, timeout: float = TIMEOUT) -> None:
        self._stream = stream
        self.address = JID(address)
        self._timeout = timeout

    async def _ask(self, kind: Kind, payload: ET.Element) -> ET.Element | None:
        iq = self._stream.make_iq(ito=self.address, itype=kind)
        if self._stream.is_component:
            iq["from"] = self._stream.boundjid
        iq.append(payload)
        try:
            answer = await iq.send(timeout=self._timeout)
        except IqError as error:
            refused = refusal(error)
            fault = _FAULTS.get(refused.condition)
            if fault is None:
                raise self._silent() from None
            raise fault(Text("xmppgov", refused.text or refused.condition)) from None
        except (IqTimeout, NotConnectedError) as error:
            raise self._silent() from error
        return next(iter(answer.xml), None)

    async def _read(self, kind: Kind, payload: ET.Element) -> ET.Element:
        answer = await self._ask(kind, payload)
        if answer is None or answer.tag != payload.tag:
            raise BadRequest(texts("The rooms' request or answer cannot be understood."))
        return answer

    def _silent(self) -> Unreachable:
        return Unreachable(texts("{address}: no answer.", address=self.address.bare))


class RoomsClient(_Asker):
    """The MUC service at `address`, which obeys its manager only.

    Every method raises `NotAllowed` for anybody else, `BadRequest` for a request that the service
    refuses, and `Unreachable` where it does not answer or cannot do it now.
    """

    def address_of(self, id: str) -> str:
        """Return the bare address of a room."""
        return f"{id}@{self.address.bare}"

    async def set(self, room: Room) -> Outcome:
        """Make the room as it is given: its name, its members, nobody else."""
        return stanza.read_outcome(await self._read("set", stanza.room_request(room)))

    async def rooms(self) -> dict[str, int]:
        """Return every room's id and how many members it has."""
        return stanza.read_rooms(await self._read("get", ET.Element(stanza.tag("rooms"))))

    async def room(self, id: str) -> tuple[Listed, ...]:
        """Return what the service has for one room. Raises `NotFound`."""
        question = ET.Element(stanza.tag("room"), {"id": id})
        return stanza.read_listed(await self._read("get", question))

    async def accounts(self, jids: Iterable[str]) -> dict[str, bool]:
        """Return which addresses have an account; those of other servers are left out."""
        asked, found = list(jids), {}
        for start in range(0, len(asked), LARGEST_QUESTION):
            part = stanza.accounts_request(asked[start : start + LARGEST_QUESTION])
            found.update(stanza.read_accounts(await self._read("get", part)))
        return found


class GovernanceClient(_Asker):
    """The governance component, asked by an operator's account."""

    async def sync(self) -> None:
        """Have everything compared now. Raises `NotAllowed` for whoever is no operator."""
        await self._ask("set", ET.Element(stanza.SYNC))
