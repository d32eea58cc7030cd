"""Asks the archive over a service's stream (docs/protocol/archive.md), and wires spools to it."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import structlog
from defusedxml.ElementTree import fromstring
from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.xmlstream import NotConnectedError

from xmppgov.archive import stanza
from xmppgov.archive.batch import Batch, Item, Progress
from xmppgov.archive.emitter.config import EmitterSection
from xmppgov.archive.emitter.model import (
    MALFORMED,
    Answer,
    Committed,
    Contradicted,
    Expected,
    Refused,
)
from xmppgov.archive.emitter.service import Emitter
from xmppgov.archive.emitter.store import MAIN
from xmppgov.archive.emitter.verdicts.client import PolicyClient
from xmppgov.archive.emitter.verdicts.service import Judge
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.errors import BadRequest
from xmppgov.xmpp.refusal import refusal

log = structlog.get_logger()
PATIENCE = 60.0  # seconds for an answer


class ArchiveClient:
    """The archive at `archive`, asked over `stream`: a component's, or an account's."""

    def __init__(self, stream: BaseXMPP, archive: str, *, timeout: float = PATIENCE) -> None:
        self._stream, self._archive, self._timeout = stream, archive, timeout

    async def commit(self, batch: Batch) -> Answer:
        """Send a batch; what the archive would refuse as malformed does not leave this machine."""
        try:
            xml = fromstring(stanza.write_batch(batch))
            stanza.parse_batch(xml)
        except (BadRequest, ET.ParseError):
            return Refused(MALFORMED)
        return await self._ask("set", xml, batch.epoch)

    async def status(self, progress: Progress) -> Committed | Refused:
        """Ask up to which number an epoch is committed."""
        xml = fromstring(stanza.write_status(progress))
        answer = await self._ask("get", xml, progress.epoch)
        return answer if isinstance(answer, Committed | Refused) else Refused("unexpected-request")

    def size(self, item: Item) -> int:
        """Return how many bytes an item adds to a batch."""
        return len(stanza.write_item(item).encode())

    async def _ask(self, kind: Literal["get", "set"], xml: ET.Element, epoch: int) -> Answer:
        iq = self._stream.make_iq(ito=self._archive, itype=kind)
        if self._stream.is_component:
            iq["from"] = self._stream.boundjid
        iq.append(xml)
        try:
            answer = await iq.send(timeout=self._timeout)
        except IqError as error:
            return _refused(error)
        except (IqTimeout, NotConnectedError):
            return Refused("no answer")
        try:
            return Committed(stanza.parse_committed(next(iter(answer.xml), None), epoch))
        except BadRequest:
            return Refused("an answer that is none")


def _refused(error: IqError) -> Answer:
    refused = refusal(error)
    known = stanza.parse_seq(refused.detail, "known")
    expected = stanza.parse_seq(refused.detail, "expected")
    if refused.condition == "conflict" and known is not None:
        return Contradicted(known)
    if refused.condition == "unexpected-request" and expected is not None:
        return Expected(expected)
    return Refused(refused.condition)


@asynccontextmanager
async def emitting(
    events: Undecided, stream: BaseXMPP, section: EmitterSection | None
) -> AsyncIterator[None]:
    """Bring events to their archives during the block; begin it before the stream starts.

    Without a section there is no archive to bring them to, and they wait.
    """
    if section is None:
        log.warning("no archive is configured; events wait")
        yield
        return
    spools = {section.archive: await events.spool()}
    spools |= {archive: await events.spool(archive) for archive in section.others}
    for archive, waiting in (await events.orphaned({MAIN, *section.others})).items():
        log.error("ALARM: events wait for an archive that is not listed", archive=archive,
                  waiting=waiting)  # fmt: skip
    judge = Judge(events=events, spools=spools, policy=PolicyClient(stream))
    emitters = [
        Emitter(spool=spool, archive=ArchiveClient(stream, archive))
        for archive, spool in spools.items()
    ]
    _follow(stream, judge)
    for emitter in emitters:
        _follow(stream, emitter)
    work = [judge.run(), *(e.run() for e in emitters), *(s.keep_mark() for s in spools.values())]
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for spool in spools.values():
            await spool.note()


def _follow(stream: BaseXMPP, worker: Judge | Emitter) -> None:
    """Tell a worker when the stream comes and goes."""
    stream.add_event_handler("session_start", lambda _event: worker.connected())
    stream.add_event_handler("disconnected", lambda _event: worker.disconnected())
