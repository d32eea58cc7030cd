"""The archive on the network: batches and status by IQ, from configured emitters only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from slixmpp import JID

from xmppgov.archive import stanza
from xmppgov.directory.client import DirectoryClient
from xmppgov.errors import Conflict, NotAllowed, Unexpected
from xmppgov.i18n import Texts
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.handlers import Request, serve
from xmppgov_archive.records.policy import foreign
from xmppgov_archive.records.service import Archive, Contradicted, Expected
from xmppgov_archive.records.units import Ask

texts = Texts("xmppgov_archive")


class ArchiveComponent:
    """Answers `<batch/>` and `<status/>` on `stream`.

    `emitters` are the addresses that may ask, each with the kinds of records that it may send.
    """

    def __init__(
        self, *, stream: Component, archive: Archive, emitters: Mapping[str, Collection[str]]
    ) -> None:
        self._archive = archive
        self._emitters = emitters
        serve(stream, "set", stanza.BATCH, self.batch)
        serve(stream, "get", stanza.STATUS, self.status)

    async def batch(self, request: Request) -> str:
        """Commit a batch."""
        emitter = self._emitter(request.sender)
        batch = stanza.parse_batch(request.payload)
        if foreign(batch, self._emitters[emitter]):
            raise NotAllowed(texts("This emitter may not send records of this kind."))
        outcome = await self._archive.commit(emitter, batch)
        if isinstance(outcome, Expected):
            raise Unexpected(
                texts("A number before these is missing; go back to {seq}.", seq=outcome.seq),
                stanza.expected(batch.epoch, outcome.seq),
            )
        if isinstance(outcome, Contradicted):
            raise Conflict(
                texts("Number {seq} is committed with other content.", seq=outcome.seq),
                stanza.known(outcome.seq),
            )
        return stanza.committed(batch.epoch, batch.last)

    async def status(self, request: Request) -> str:
        """Say how far an epoch is committed."""
        emitter = self._emitter(request.sender)
        asked = stanza.parse_status(request.payload)
        return stanza.status(asked.epoch, await self._archive.last(emitter, asked))

    def _emitter(self, sender: JID) -> str:
        """Return the emitter that sent a request: a host, or an account whatever its resource.

        Everybody else is refused.
        """
        address = str(sender.bare if sender.local else sender.full)
        if address not in self._emitters:
            raise NotAllowed(texts("Only the configured emitters may write to the archive."))
        return address


def unit_from_directory(stream: Component, directory: str) -> Ask:
    """Return how to ask the directory for a person's unit over `stream`."""
    client = DirectoryClient(stream, directory)

    async def ask(address: str) -> str | None:
        return (await client.person(address)).unit or None

    return ask
