"""IQ requests (RFC 6120 §8.2.3): one way to answer, one place where an error becomes a stanza."""

from __future__ import annotations

import secrets
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import structlog
from slixmpp import JID
from slixmpp.basexmpp import BaseXMPP
from slixmpp.xmlstream import tostring
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher.base import MatcherBase
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.errors import LocalFault, RemoteFault, XmppgovError
from xmppgov.i18n import Texts, choose_language

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
log = structlog.get_logger()
texts = Texts("xmppgov")

Answer = ET.Element | str | None
"""The payload of a result: an element, XML that is already written out, or nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """An IQ of type get or set as a handler sees it."""

    sender: JID
    recipient: JID
    payload: ET.Element
    language: str | None


class _MatchPayload(MatcherBase):
    """Match an IQ by its type and its payload's tag."""

    def match(self, stanza: Any) -> bool:
        kind, tag = self._criteria
        xml = stanza.xml
        return bool(
            xml.tag.endswith("}iq") and xml.get("type") == kind and len(xml) and xml[0].tag == tag
        )


def serve(
    stream: BaseXMPP, kind: str, tag: str, answer: Callable[[Request], Awaitable[Answer]]
) -> None:
    """Answer each IQ of type `kind` ("get" or "set") whose payload is `tag` ("{namespace}name").

    What `answer` returns is sent as the result. A `RemoteFault` that it raises is sent as an error
    in the requester's language; anything else becomes `internal-server-error` with a reference
    that is also in the log, and nothing of the exception reaches the peer.
    """

    async def handle(stanza: Any) -> None:
        xml = stanza.xml
        request = Request(
            JID(xml.get("from")),
            JID(xml.get("to")),
            xml[0],
            xml.get(LANG) or stream.peer_default_lang,
        )
        try:
            payload = await answer(request)
            reply = _result(xml, _written(payload, stream.default_ns))
        except Exception as error:
            reply = _error(xml, _for_peer(error), request.language)
        send(stream, reply)

    stream.register_handler(CoroutineCallback(f"{kind} {tag}", _MatchPayload((kind, tag)), handle))


def send(stream: BaseXMPP, xml: str) -> None:
    """Send written-out XML; what cannot be sent because the stream is gone is dropped."""
    try:
        stream.send_raw(xml)
    except NotConnectedError:
        log.info("answer dropped: the stream is gone", jid=str(stream.boundjid))


def error_element(error: XmppgovError, language: str | None) -> str:
    """Write `error` as an XMPP `<error/>` element."""
    lang = choose_language(language)
    detail = error.detail
    application = (
        f"<{detail.name} xmlns={quoteattr(detail.namespace)}"
        + "".join(f" {k}={quoteattr(v)}" for k, v in detail.attributes.items())
        + "/>"
        if detail
        else ""
    )
    return (
        f'<error type="{error.type}"><{error.condition} xmlns="{STANZAS}"/>'
        f'<text xmlns="{STANZAS}" xml:lang="{lang}">{escape(error.text.in_language(lang))}</text>'
        f"{application}</error>"
    )


def _for_peer(error: Exception) -> XmppgovError:
    if isinstance(error, RemoteFault):
        return error
    reference = secrets.token_hex(4)
    log.error("request failed", reference=reference, exc_info=error)
    return LocalFault(
        texts(
            "An internal error occurred; the operator finds it in the log under {reference}.",
            reference=reference,
        )
    )


def _written(payload: Answer, namespace: str) -> str:
    if payload is None or isinstance(payload, str):
        return payload or ""
    return tostring(payload, xmlns=namespace)


def _addresses(xml: ET.Element) -> str:
    swapped = (("from", xml.get("to")), ("to", xml.get("from")), ("id", xml.get("id")))
    return "".join(f" {name}={quoteattr(value)}" for name, value in swapped if value)


def _result(xml: ET.Element, payload: str) -> str:
    return f'<iq type="result"{_addresses(xml)}>{payload}</iq>'


def _error(xml: ET.Element, error: XmppgovError, language: str | None) -> str:
    return f'<iq type="error"{_addresses(xml)}>{error_element(error, language)}</iq>'
