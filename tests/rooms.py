"""Rooms for tests: an occupant that joins, keeps what it sees, and can be asked about it."""

from __future__ import annotations

import asyncio
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from typing import Any

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXMLMask

from xmppgov.xmpp.client import Account

MUC, USER = "http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#user"
CLIENT = "jabber:client"


async def until(condition: Callable[[], Awaitable[Any]], timeout: float = 60) -> Any:
    """Ask again and again until the answer is true; return it."""
    async with asyncio.timeout(timeout):
        while not (answer := await condition()):
            await asyncio.sleep(0.05)
        return answer


class Occupant:
    """An account's view of one room; make it before it joins."""

    def __init__(self, account: Account, room: str) -> None:
        self.account, self.room = account, room
        self.seen: list[ET.Element] = []
        self._news = asyncio.Condition()
        for kind in ("presence", "message"):
            mask = f'<{kind} xmlns="{CLIENT}"/>'
            name = f"{room} {kind} {uuid.uuid4()}"
            account.register_handler(Callback(name, MatchXMLMask(mask), self._keep))

    def _keep(self, stanza: StanzaBase) -> None:
        if (stanza.xml.get("from") or "").split("/")[0] == self.room:
            self.seen.append(stanza.xml)

    def presences(self, nick: str) -> list[ET.Element]:
        """Return every presence of an occupant, oldest first."""
        address = f"{self.room}/{nick}"
        return [x for x in self.seen if x.tag.endswith("}presence") and x.get("from") == address]

    def role(self, nick: str) -> str | None:
        """Return the role that an occupant was last seen with, None if they were not seen."""
        for presence in reversed(self.presences(nick)):
            item = presence.find(f"{{{USER}}}x/{{{USER}}}item")
            if item is not None:
                return item.get("role")
        return None

    def codes(self) -> set[str]:
        """Return every status code that was seen."""
        return {s.attrib["code"] for x in self.seen for s in x.iter(f"{{{USER}}}status")}

    async def join(self, nick: str) -> ET.Element:
        """Ask for a place as `nick`; return our own presence or the refusal."""
        start = len(self.seen)
        presence = self.account.make_presence(pto=f"{self.room}/{nick}")
        presence.append(ET.Element(f"{{{MUC}}}x"))
        presence.send()

        async def answer() -> ET.Element | None:
            return next((x for x in self.seen[start:] if _is_own_or_error(x)), None)

        return await until(answer)

    async def has_role(self, nick: str, role: str) -> None:
        """Wait until an occupant is seen with `role`."""

        async def seen() -> bool:
            return self.role(nick) == role

        await until(seen)


def _is_own_or_error(xml: ET.Element) -> bool:
    if not xml.tag.endswith("}presence"):
        return False
    own = any(s.get("code") == "110" for s in xml.iter(f"{{{USER}}}status"))
    return (own and xml.get("type") is None) or xml.get("type") == "error"
