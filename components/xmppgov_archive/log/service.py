"""The log as one thing: lock, keys, policy, integrator, publication and witnesses, wired."""

from __future__ import annotations

import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from xmppgov.listener import Listener
from xmppgov.storage.files import WriteFile, replace_file
from xmppgov_archive.config import ArchiveSection, TimestampSection
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.http import COSIGNER, POLICY, VERIFIER, LogServer
from xmppgov_archive.log.integrator import Integrator
from xmppgov_archive.log.keys import load_cosigner, load_signing_key
from xmppgov_archive.log.publication import Publication
from xmppgov_archive.log.store import LockStore, WitnessStore
from xmppgov_archive.log.timestamps import Timestamps
from xmppgov_archive.log.tokens import Tokens
from xmppgov_archive.log.trust import settle_policy
from xmppgov_archive.log.witnesses import Witnesses
from xmppgov_archive.records.store import RecordStore


class PublicLog:
    """What the archive needs of its log: the integrator, and what is published."""

    def __init__(
        self,
        section: ArchiveSection,
        records: RecordStore,
        lock: LockStore,
        clock: Callable[[], int],
        write: WriteFile = replace_file,
    ) -> None:
        """Read or make the keys and the policy. Raises `ConfigurationError`."""
        origin = section.origin
        self.key = key = load_signing_key(
            section.signing_key_file, section.verifier_file, origin, secrets.token_bytes
        )
        own = load_cosigner(
            section.cosigning_key_file, section.cosigner_file, origin, secrets.token_bytes
        )
        self._section, self._clock = section, clock
        self.policy = settle_policy(section, key.verifier, own.verifier)
        self.folder = LogFolder(section.tiles_dir, write)
        self.publication = Publication(
            folder=self.folder, cosigner=own, policy=self.policy, clock=clock
        )
        self.integrator = Integrator(
            store=records,
            lock=lock,
            folder=self.folder,
            publication=self.publication,
            key=key,
            origin=origin,
            interval=section.checkpoint_interval,
        )

    def witnesses(self, store: WitnessStore) -> Witnesses:
        """Return what collects cosignatures; enter it once the log is integrated."""
        return Witnesses(
            publication=self.publication,
            witnesses=[witness for witness in self.policy.witnesses if witness.url],
            store=store,
            read=self.folder.read,
            interval=self._section.log.witness_interval,
            clock=self._clock,
            chance=random.random,
        )

    def timestamps(self, authority: TimestampSection) -> Timestamps:
        """Return what has the log stamped each day. Raises `ConfigurationError`."""
        return Timestamps(
            folder=self.folder,
            kept=self._section.timestamps_dir,
            url=authority.url,
            tokens=Tokens(authority.ca_file),
            clock=self._clock,
        )

    def application(self) -> web.Application:
        """Return the log's HTTP side."""
        section = self._section
        named = {
            VERIFIER: section.verifier_file,
            COSIGNER: section.cosigner_file,
            POLICY: section.policy_file,
        }
        server = LogServer(publication=self.publication, tiles=section.tiles_dir, named=named)
        return server.application()


@asynccontextmanager
async def opened_log(
    section: ArchiveSection, records: RecordStore, clock: Callable[[], int]
) -> AsyncIterator[PublicLog]:
    """The log over `records`, a connection that sees only what is committed; ms UTC by `clock`."""
    async with AsyncExitStack() as stack:
        lock = await LockStore.open(section.lock_database, section.origin)
        stack.push_async_callback(lock.close)
        yield PublicLog(section, records, lock, clock)


@asynccontextmanager
async def shared(
    section: ArchiveSection, log: PublicLog, witnesses: WitnessStore
) -> AsyncIterator[None]:
    """Collect cosignatures and serve the log during the block; it has to be integrated."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(log.witnesses(witnesses))
        if section.timestamps is not None:
            await stack.enter_async_context(log.timestamps(section.timestamps))
        if section.http is not None:
            await stack.enter_async_context(Listener(log.application(), section.http))
        yield
