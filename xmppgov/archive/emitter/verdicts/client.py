"""Asks the server what its policy says of a place (docs/protocol/capture.md)."""

from __future__ import annotations

import structlog
from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.archive.emitter.verdicts.model import GONE, Verdict
from xmppgov.archive.emitter.verdicts.stanza import parse_verdict, write_question
from xmppgov.xmpp.refusal import refusal

log = structlog.get_logger()
PATIENCE = 10.0  # seconds for an answer


class PolicyClient:
    """The capture in the server of `stream`, which answers in the name of each of its hosts."""

    def __init__(self, stream: BaseXMPP, *, timeout: float = PATIENCE) -> None:
        self._stream, self._timeout = stream, timeout

    async def verdict(self, place: str) -> Verdict | None:
        """Return what holds in a place; None where the server does not say it now."""
        iq = self._stream.make_iq_get(ito=self._stream.boundjid.domain)
        if self._stream.is_component:
            iq["from"] = self._stream.boundjid
        iq.append(write_question(place))
        try:
            answer = await iq.send(timeout=self._timeout)
        except IqError as error:
            return GONE if refusal(error).condition == "item-not-found" else None
        except (IqTimeout, NotConnectedError):
            return None
        return parse_verdict(next(iter(answer.xml), None))
