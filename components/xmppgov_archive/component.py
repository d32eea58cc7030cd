"""The archive on the network: batches and status by IQ, from configured servers only."""

from __future__ import annotations

from collections.abc import Collection

from slixmpp import JID

from xmppgov.archive import stanza
from xmppgov.directory.client import DirectoryClient
from xmppgov.errors import Conflict, NotAllowed, Unexpected
from xmppgov.i18n import Texts
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.handlers import Request, serve
from xmppgov_archive.records.service import Archive, Contradicted, Expected
from xmppgov_archive.records.units import Ask

texts = Texts("xmppgov_archive")


class ArchiveComponent:
    """Answers `<batch/>` and `<status/>` on `stream`."""

    def __init__(self, *, stream: Component, archive: Archive, servers: Collection[str]) -> None:
        self._archive = archive
        self._servers = frozenset(servers)
        serve(stream, "set", stanza.BATCH, self.batch)
        serve(stream, "get", stanza.STATUS, self.status)

    async def batch(self, request: Request) -> str:
        """Commit a batch."""
        server = self._server(request.sender)
        batch = stanza.parse_batch(request.payload)
        outcome = await self._archive.commit(server, batch)
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
        server = self._server(request.sender)
        epoch = stanza.parse_status(request.payload)
        return stanza.status(epoch, await self._archive.last(server, epoch))

    def _server(self, sender: JID) -> str:
        """Return the host that sent a request; people and other hosts are refused."""
        if sender.full != sender.domain or sender.domain not in self._servers:
            raise NotAllowed(texts("Only the configured servers may write to the archive."))
        return str(sender.domain)


def unit_from_directory(stream: Component, directory: str) -> Ask:
    """Return how to ask the directory for a person's unit over `stream`."""
    client = DirectoryClient(stream, directory)

    async def ask(address: str) -> str | None:
        return (await client.person(address)).unit or None

    return ask
