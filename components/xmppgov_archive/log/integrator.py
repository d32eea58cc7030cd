"""From committed entries to a signed checkpoint: the log's own sequence of steps.

What is durable after each step, and what a crash behind it means:

0. *Commit* (the service): records, secrets and leaves are in the database, in one transaction,
   with their index. Crash: they are integrated at the next start, by the steps below.
1. *Stage*: tiles and bundles for the new size are written and synced, each whole or not at all.
   They extend the signed tree and replace nothing of it. Crash: nobody has been told of them; the
   same entries give the same files again.
2. *Sign and lock*: the new checkpoint is signed, and put into the lock's database if the one that
   was read there is still held. From here on the log has promised this tree. Crash: the next start
   publishes what is locked.
3. *Publish*: the log's own ML-DSA-44 cosignature is added, and `checkpoint` is replaced; and
   `cosigned`, if that is enough for the policy. Crash: the next start finds `checkpoint` as it
   should be, or publishes it again; `cosigned` follows from it.
4. *Prune*: partial tiles whose full tile is there are deleted. Crash: a few remain, harmlessly.
5. *Collect* (`witnesses`, beside all this): cosignatures are added to `checkpoint` as they come,
   and `cosigned` is replaced when they are enough. Crash: those that were written are kept, and
   the others are asked for again. A witness that has cosigned more than was written here says so.

Whatever fails, the next attempt begins with `_recover`, as every start does: the lock's checkpoint
is the truth, the tree is read back from the files, and both have to agree.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from xmppgov.errors import CheckFailed, StorageError
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.merkle import EMPTY_ROOT
from xmppgov.tlog.note import SigningKey
from xmppgov.tlog.tiles import ENTRIES, WIDTH, Edge, split_bundle, tile_path
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.publication import Publication
from xmppgov_archive.log.store import LockStore
from xmppgov_archive.records.store import RecordStore

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
MOST_AT_ONCE = 20_000  # entries
RETRY = 1.0  # seconds
GATHER = 0.02  # seconds that the first entry after a quiet time waits for others


class HistoryBroken(StorageError):
    """Records, tiles and lock do not belong to one history; nothing is signed any more."""


class Integrator:
    """Brings the log to all that is committed, at most once in `interval` seconds."""

    def __init__(
        self,
        *,
        store: RecordStore,
        lock: LockStore,
        folder: LogFolder,
        publication: Publication,
        key: SigningKey,
        origin: str,
        interval: float,
    ) -> None:
        self._store, self._lock, self._folder = store, lock, folder
        self._publication = publication
        self._key, self._origin, self._interval = key, origin, interval
        self._edge: Edge | None = None
        self._note: bytes | None = None
        self.size = 0
        """How many entries the newest published checkpoint covers."""
        self._behind_since: float | None = None
        self._wanted, self._stopping = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Say that entries have been committed."""
        if self._behind_since is None:
            self._behind_since = asyncio.get_running_loop().time()
        self._wanted.set()

    def behind(self) -> float:
        """Return for how many seconds committed entries have been waiting for a checkpoint."""
        since = self._behind_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    async def run(self) -> None:
        """Integrate whenever there is something to, until `stop`.

        Raises:
            HistoryBroken: what is on disk contradicts what was signed.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._stopping.is_set():
            await self._wanted.wait()
            await self._pause(max(GATHER, due - loop.time()))  # gathers what comes in the meantime
            self._wanted.clear()
            due = loop.time() + self._interval
            if not await self._attempt():
                self._wanted.set()
                await self._pause(RETRY)
        await self._attempt()

    async def _attempt(self) -> bool:
        """Integrate; False where it failed and is worth another attempt."""
        started = asyncio.get_running_loop().time()
        try:
            await self.integrate()
        except HistoryBroken:
            raise
        except Exception as error:
            log.error("the log cannot be extended for now", reason=_reason(error))
            return False
        self._behind_since = started if self._wanted.is_set() else None
        return True

    def stop(self) -> None:
        """Let `run` end, after a last attempt to integrate everything."""
        self._stopping.set()
        self._wanted.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def integrate(self) -> Checkpoint:
        """Do all steps for everything that is committed; return the newest checkpoint.

        Raises:
            HistoryBroken: what is on disk contradicts what was signed.
            OSError, sqlite3.Error: a write failed; try again.
        """
        try:
            checkpoint = await self._recover()
            edge = self._edge or Edge()
            more = True
            while more:
                leaves = await self._store.leaves(edge.size, edge.size + MOST_AT_ONCE)
                if leaves:
                    checkpoint = await self._extend(edge, leaves)
                more = len(leaves) == MOST_AT_ONCE
        except BaseException:
            self._edge = None
            raise
        self.size = checkpoint.size
        return checkpoint

    async def _extend(self, edge: Edge, leaves: list[bytes]) -> Checkpoint:
        """Do steps 1 to 4 for `leaves`."""
        files = edge.append(leaves)
        await asyncio.to_thread(self._folder.write_files, files)
        checkpoint = Checkpoint(self._origin, edge.size, edge.root())
        await self._sign(checkpoint)
        await asyncio.to_thread(self._folder.prune, files)
        log.debug("checkpoint", size=checkpoint.size)
        return checkpoint

    async def _sign(self, checkpoint: Checkpoint) -> None:
        """Do steps 2 and 3."""
        note = checkpoint.sign(self._key)
        if not await self._lock.swap(self._note, note):
            raise _broken(
                texts("The lock holds another checkpoint; does a second archive run on this log?")
            )
        self._note = note
        await self._publication.publish(note)

    async def _recover(self) -> Checkpoint:
        """Return the locked checkpoint, published, with the tree's edge read back if need be."""
        if self._edge is not None and self._note is not None:
            return Checkpoint(self._origin, self._edge.size, self._edge.root())
        self._note = await self._lock.held()
        published = self._folder.checkpoint()
        if self._note is None:
            if published is not None:
                raise _broken(texts("The log is published but its lock is gone; restore the lock."))
            await self._sign(Checkpoint(self._origin, 0, EMPTY_ROOT))
        else:
            self._check_published(published)
            await self._publication.resume(self._note)
        checkpoint = self._open(self._note or b"")
        edge = Edge.load(checkpoint.size, self._folder.read)
        await self._check_edge(checkpoint, edge)
        self._edge = edge
        return checkpoint

    def _check_published(self, published: bytes | None) -> None:
        """Refuse a lock that is older than what readers have seen."""
        if published is None or self._note is None:
            return
        seen, signed = self._open(published), self._open(self._note)
        if seen.size > signed.size:
            raise _broken(
                texts("The lock is older than the published checkpoint; restore the newest lock.")
            )
        if seen.size == signed.size and seen != signed:
            raise _broken(texts("The published checkpoint and the lock are of two histories."))

    async def _check_edge(self, checkpoint: Checkpoint, edge: Edge) -> None:
        """Refuse to go on from tiles or records that are not those of the signed tree."""
        if edge.root() != checkpoint.root:
            raise _broken(texts("The tiles do not have the root that was signed."))
        size = checkpoint.size
        start = max(size - 1, 0) // WIDTH * WIDTH
        entries: list[bytes] = []
        if size:
            path = tile_path(ENTRIES, start // WIDTH, size - start)
            entries = split_bundle(self._folder.read(path))
        if await self._store.leaves(start, size) != entries:
            raise _broken(
                texts("The records are older than the signed log; restore the newest records.")
            )

    def _open(self, note: bytes) -> Checkpoint:
        try:
            return open_checkpoint(note, [self._key.verifier], self._origin)
        except NoteInvalid as error:
            raise _broken(
                texts("The newest checkpoint is not signed by this archive's key.")
            ) from error


def _broken(text: Text) -> HistoryBroken:
    return HistoryBroken(text)


def _reason(error: Exception) -> str:
    """Say what failed without anything that a statement or a row may hold."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if isinstance(error, CheckFailed | StorageError) else type(error).__name__
