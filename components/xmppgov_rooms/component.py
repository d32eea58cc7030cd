"""The governance component's stream (XEP-0114): what it is told, and what it asks of the server."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.config import XmppSection
from xmppgov.errors import BadRequest, NotAllowed, NotFound, RemoteFault, Unreachable
from xmppgov.i18n import Text, Texts
from xmppgov.rooms import stanza
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.handlers import Request, serve
from xmppgov.xmpp.refusal import refusal

texts = Texts("xmppgov_rooms")
Kind = Literal["get", "set"]
PING = "{urn:xmpp:ping}ping"
_FAULTS: dict[str, type[RemoteFault]] = {
    "item-not-found": NotFound,
    "service-unavailable": NotFound,
    "forbidden": NotAllowed,
    "not-authorized": NotAllowed,
    "not-allowed": NotAllowed,
}


class Governance(Component):
    """Asks nodes, publishes bookmarks, invites; hears of changed keys and of operators' wishes."""

    def __init__(self, section: XmppSection, *, muc: str, timeout: float) -> None:
        super().__init__(
            section,
            name="Salons de l'administration",
            identity=("component", "generic"),
            features=(stanza.ROOMS, stanza.KEYS),
        )
        self._muc = muc
        self._timeout = timeout

    def listen(
        self,
        *,
        hosts: Iterable[str],
        operators: Iterable[str],
        keys_changed: Callable[[str], None],
        sync: Callable[[], Awaitable[None]],
        connected: Callable[[], None],
    ) -> None:
        """Answer requests: `hosts` may say whose keys changed, `operators` may ask for a sync."""
        trusted, allowed = frozenset(hosts), frozenset(operators)

        async def on_changed(request: Request) -> None:
            if request.sender.full not in trusted:
                raise NotAllowed(texts("Only a configured server may say that keys changed."))
            keys_changed(stanza.read_changed(request.payload).lower())

        async def on_sync(request: Request) -> None:
            if request.sender.bare not in allowed:
                raise NotAllowed(texts("Only a configured operator may ask for this."))
            await sync()

        async def on_room(_request: Request) -> None:
            raise NotAllowed(texts("Rooms follow the directory; nobody else sets them."))

        serve(self, "set", stanza.CHANGED, on_changed)
        serve(self, "set", stanza.SYNC, on_sync)
        for kind in ("get", "set"):
            serve(self, kind, stanza.tag("room"), on_room)
        self.add_event_handler("session_start", lambda _event: connected())

    async def node(self, jid: str, node: str) -> ET.Element | None:
        """Return the newest item of somebody's pubsub node (XEP-0060), or None if it is empty.

        Raises `NotFound`, `NotAllowed`, `BadRequest` for any other refusal, or `Unreachable`.
        """
        answer = await self._ask("get", jid, stanza.items_request(node))
        return None if answer is None else stanza.read_last_item(answer)

    async def bookmark(self, person: str, room: str, name: str, nick: str) -> None:
        """Put an autojoin bookmark into somebody's account (XEP-0402).

        Raises a `RemoteFault` where the server refuses it, `Unreachable` where it does not answer.
        """
        await self._publish(person, room, name, nick, autojoin=True)

    async def retract(self, person: str, room: str) -> None:
        """Take the bookmark away; done as well where it was not there.

        The server does not say which error it met, so one is answered by a publication without
        autojoin, which harms nobody and shows whether the account can be written at all.
        """
        retraction = stanza.retraction(self._address(room))
        try:
            await self._as(person, retraction)
        except BadRequest:
            await self._publish(person, room, room, "", autojoin=False)
            await self._as(person, retraction)

    async def _publish(
        self, person: str, room: str, name: str, nick: str, *, autojoin: bool
    ) -> None:
        """Publish a bookmark; where a client gave the node other options, ask for privacy only."""
        last: BadRequest | None = None
        for options in (stanza.OPTIONS, stanza.PRIVATE):
            request = stanza.bookmark(
                self._address(room), name, nick, autojoin=autojoin, options=options
            )
            try:
                return await self._as(person, request)
            except BadRequest as error:
                last = error
        assert last is not None
        raise last

    async def invite(self, person: str, room: str) -> None:
        """Invite somebody directly (XEP-0249); returns when their server has taken it."""
        message = self.make_message(mto=person, mfrom=self.boundjid, mtype="normal")
        message.append(stanza.invitation(self._address(room)))
        message.send()
        await self._settled(person)

    async def write(self, person: str, text: str) -> None:
        """Send a fixed notice in clear; returns when the person's server has taken it."""
        self.send_raw(
            f'<message type="chat" from={quoteattr(self.boundjid.bare)} to={quoteattr(person)}>'
            f"<body>{escape(text)}</body></message>"
        )
        await self._settled(person)

    def _address(self, room: str) -> str:
        return f"{room}@{self._muc}"

    async def _settled(self, person: str) -> None:
        """Wait until the person's server has handled what was sent before: a stream keeps order."""
        try:
            await self._ask("get", person.split("@")[-1], ET.Element(PING))
        except RemoteFault:
            return

    async def _as(self, person: str, request: ET.Element) -> None:
        payload = stanza.privileged(person, request, self.new_id())
        await self._ask("set", person, payload)

    async def _ask(self, kind: Kind, to: str, payload: ET.Element) -> ET.Element | None:
        iq = self.make_iq(ito=to, ifrom=self.boundjid, itype=kind)
        iq.append(payload)
        try:
            answer = await iq.send(timeout=self._timeout)
        except IqError as error:
            refused = refusal(error)
            if refused.type == "wait":
                raise self._silent(to) from None
            fault = _FAULTS.get(refused.condition, BadRequest)
            raise fault(Text("xmppgov_rooms", refused.text or refused.condition)) from None
        except (IqTimeout, NotConnectedError) as error:
            raise self._silent(to) from error
        return next(iter(answer.xml), None)

    def _silent(self, to: str) -> Unreachable:
        return Unreachable(texts("{address}: no answer.", address=to))
