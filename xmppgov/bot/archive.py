"""The bot's own message archive on the server (XEP-0313, XEP-0059): what was sent, or missed."""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

from xmppgov.bot import stanza
from xmppgov.errors import Unreachable
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
MAM = "urn:xmpp:mam:2"
RSM = "{http://jabber.org/protocol/rsm}"
DATA = "{jabber:x:data}"
PAGE = 100
MOMENT = "time:"
PATIENCE = 20  # seconds for a page


def beginning(now: float) -> str:
    """Return the mark of a reader that has read nothing yet; the server's clock may be behind."""
    return f"{MOMENT}{now - 60}"


@dataclass(frozen=True, slots=True)
class Archived:
    """A message as the archive holds it."""

    stanza_id: str
    message: ET.Element


class ArchiveGone(Unreachable):
    """The archive does not know the place to go on from, or does not answer."""


class OwnArchive:
    """Reads the archive page by page; give it every incoming message by `take`."""

    def __init__(self, stream: ClientXMPP, own: str) -> None:
        self._stream = stream
        self._own = own
        self._collecting: dict[str, list[Archived]] = {}

    def take(self, message: ET.Element) -> bool:
        """Whether a message is an answer of an archive; those of our own queries are kept."""
        result = message.find(f"{{{MAM}}}result")
        if result is None:
            return False
        page = self._collecting.get(result.get("queryid") or "")
        forwarded = result.find(f"{{urn:xmpp:forward:0}}forwarded/{stanza.CLIENT}message")
        if page is not None and forwarded is not None and self._is_own(message):
            page.append(Archived(result.get("id") or "", forwarded))
        return True

    def _is_own(self, message: ET.Element) -> bool:
        return message.get("from") in (None, self._own)

    async def sent(self, ids: set[str], since: float) -> set[str]:
        """Return which of our message ids the archive holds, among what it got after `since`.

        Raises:
            ArchiveGone: it cannot be known.
        """
        found: set[str] = set()
        async for archived in self._pages(start=since):
            sender = (archived.message.get("from") or "").partition("/")[0]
            if sender == self._own and archived.message.get("id") in ids:
                found.add(archived.message.get("id") or "")
                if found == ids:
                    break
        return found

    async def after(self, mark: str) -> AsyncIterator[Archived]:
        """Go through what the archive got after a message's id, or after a `beginning`.

        Raises:
            ArchiveGone: the archive does not have that message any more, or does not answer.
        """
        if mark.startswith(MOMENT):
            pages = self._pages(start=float(mark.removeprefix(MOMENT)))
        else:
            pages = self._pages(after=mark)
        async for archived in pages:
            yield archived

    async def _pages(
        self, *, start: float | None = None, after: str | None = None
    ) -> AsyncIterator[Archived]:
        while True:
            page, last, complete = await self._page(start, after)
            for archived in page:
                yield archived
            if complete or not page or last is None:
                return
            after = last

    async def _page(
        self, start: float | None, after: str | None
    ) -> tuple[list[Archived], str | None, bool]:
        query_id = uuid.uuid4().hex
        page = self._collecting[query_id] = []
        iq = self._stream.make_iq_set()
        iq.append(_query(query_id, start, after))
        try:
            answer = await iq.send(timeout=PATIENCE)
        except (IqError, IqTimeout) as error:
            raise ArchiveGone(texts("The bot's message archive does not answer.")) from error
        finally:
            del self._collecting[query_id]
        fin = answer.xml.find(f"{{{MAM}}}fin")
        if fin is None:
            raise ArchiveGone(texts("The bot's message archive does not answer."))
        return page, fin.findtext(f"{RSM}set/{RSM}last"), fin.get("complete") == "true"


def _query(query_id: str, start: float | None, after: str | None) -> ET.Element:
    query = ET.Element(f"{{{MAM}}}query", {"queryid": query_id})
    if start is not None:
        form = ET.SubElement(query, f"{DATA}x", {"type": "submit"})
        _field(form, "FORM_TYPE", MAM)
        moment = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        _field(form, "start", moment)
    paging = ET.SubElement(query, f"{RSM}set")
    ET.SubElement(paging, f"{RSM}max").text = str(PAGE)
    if after is not None:
        ET.SubElement(paging, f"{RSM}after").text = after
    return query


def _field(form: ET.Element, name: str, value: str) -> None:
    field = ET.SubElement(form, f"{DATA}field", {"var": name})
    ET.SubElement(field, f"{DATA}value").text = value
