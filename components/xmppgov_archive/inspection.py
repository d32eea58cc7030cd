"""What the archivist's commands read beside the running archive: status, check, proofs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from xmppgov.archive.jcs import Value
from xmppgov.archive.report import Report
from xmppgov.archive.verify import LogCheck, RecordCheck
from xmppgov.errors import CheckFailed, NotFound, StorageError
from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.errors import TileInvalid
from xmppgov.tlog.merkle import inclusion_proof, leaf_hash
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.proof import TlogProof
from xmppgov.tlog.tiles import ENTRIES, WIDTH, TiledTree, split_bundle, tile_path
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.store import LockStore
from xmppgov_archive.records.keys import load_key
from xmppgov_archive.records.pseudonyms import keyed
from xmppgov_archive.records.store import Alarm, Criteria, EpochState, RecordStore

texts = Texts("xmppgov_archive")
PATIENCE, PAUSE = 20, 0.1  # times, seconds


class Status(NamedTuple):
    """How the archive stands."""

    records: int
    entries: int
    checkpoint: Checkpoint
    epochs: list[EpochState]
    alarms: list[Alarm]


class Proof(NamedTuple):
    """An entry with the proof that it is in the log."""

    idx: int
    leaf: bytes
    checkpoint: Checkpoint
    file: bytes


class Found(NamedTuple):
    """A record with its pseudonyms resolved, as far as they are known."""

    idx: int
    record: dict[str, Value]
    addresses: dict[str, str]

    @property
    def t(self) -> int:
        """The time in ms UTC."""
        return int(self.record["t"])

    @property
    def kind(self) -> str:
        """The kind without its family."""
        return str(self.record["kind"]).removeprefix("msg.")

    @property
    def sender(self) -> str:
        """The sender's address, or the pseudonym."""
        return self._name("from") or ""

    @property
    def to(self) -> str | None:
        """The recipient's address, or the pseudonym."""
        return self._name("to")

    @property
    def room(self) -> str | None:
        """The room's address, or the pseudonym."""
        return self._name("room")

    def document(self) -> dict[str, Any]:
        """Return the record with resolved names, for scripts."""
        names: dict[str, Any] = {
            k: self._name(k) for k in ("from", "to", "room", "org") if k in self.record
        }
        return {"index": self.idx, **self.record, **names}

    def _name(self, field: str) -> str | None:
        value = self.record.get(field)
        return None if value is None else self.addresses.get(str(value), str(value))


@dataclass(frozen=True, slots=True)
class Inspection:
    """The archive's stores, read only, and its public folder."""

    section: ArchiveSection
    store: RecordStore
    lock: LockStore
    folder: LogFolder
    key: VerifierKey

    async def status(self) -> Status:
        """Return how the archive stands. Raises `CheckFailed` if its checkpoint is not its own."""
        checkpoint = self._checkpoint()
        records, entries = await self.store.counts()
        epochs, alarms = await self.store.epochs(), await self.store.alarms()
        return Status(records, entries, checkpoint, epochs, alarms)

    async def index_of(self, uuid: str) -> int:
        """Return the index of the record with an id. Raises `NotFound`."""
        index = await self.store.index_of(uuid)
        if index is None:
            raise NotFound(texts("The archive has no record with this id."))
        return index

    async def find(self, criteria: Criteria, limit: int) -> list[Found]:
        """Return the first `limit` records that fit, oldest first."""
        rows = [(index, json.loads(body)) for index, body in await self.store.find(criteria, limit)]
        used = {str(r[k]) for _, r in rows for k in ("from", "to", "room", "org") if k in r}
        addresses = await self.store.addresses(used)
        return [Found(index, record, addresses) for index, record in rows]

    def prove(self, index: int) -> Proof:
        """Return the inclusion proof of an entry, verified.

        Raises:
            CheckFailed: there is no such entry in the log, or the log is damaged.
        """
        note = self.folder.checkpoint() or b""
        checkpoint = open_checkpoint(note, [self.key], self.section.origin)
        tree = TiledTree(checkpoint.size, self.folder.read)
        hashes = tuple(inclusion_proof(index, checkpoint.size, tree.range_hash))
        leaf = self._entry(index, checkpoint.size)
        proof = TlogProof(index, hashes, note, extra=leaf).encode()
        TlogProof.parse(proof).verify(leaf_hash(leaf), [self.key], self.section.origin)
        return Proof(index, leaf, checkpoint, proof)

    async def verify(
        self, progress: Callable[[int, int], None], earlier: bytes | None = None
    ) -> Report:
        """Check everything; call `progress(done, all)` after each part.

        `earlier` is a checkpoint that was kept elsewhere: the log must begin with its tree.
        """
        log = LogCheck(key=self.key, origin=self.section.origin, read=self.folder.read)
        note, held = await self._settled()
        if note is None or not log.open(note):
            text = texts("{path}: there is no checkpoint.", path=self.folder.root)
            log.report.add("checkpoint-invalid", "checkpoint", text)
            return log.report
        if held != note:
            text = texts("The published checkpoint is not the newest that was signed.")
            log.report.add("history", "checkpoint", text)
        if earlier is not None:
            log.check_earlier(earlier)
        check = RecordCheck(log.report)
        for start, entries in log.entries():
            end = start + len(entries)
            records = await self.store.records(start, end)
            check.chunk(start, entries, records, await self.store.indexed_leaves(start, end))
            progress(end, log.report.size)
        await self._rest(log, check)
        return log.report

    async def _rest(self, log: LogCheck, check: RecordCheck) -> None:
        """Check what waits for its checkpoint, and the tables that follow from the entries."""
        size = log.report.size
        waiting, ends, servers = await self.store.ends(size)
        end = size + len(waiting)
        log.follow(size, waiting)
        check.chunk(
            size, waiting, await self.store.records(size, end), dict(enumerate(waiting, size))
        )
        check.ends(log.counters.last, ends)
        check.servers(log.counters.servers, servers)
        check.gaps(await self.store.all_gaps(), end)
        for index in await self.store.strays(size):
            text = texts("A record lies where the log has none.")
            log.report.add("record-extra", f"entry {index}", text)
        await self._names(log.report)

    async def _names(self, report: Report) -> None:
        """Check the table of pseudonyms, as far as the keys of the months are still there."""
        names = await self.store.names()
        months = {name.month for name in names}
        keys = {m: load_key(self.section.keys_dir / f"month-{m}.key") for m in months}
        for name in names:
            key = keys[name.month]
            expected = keyed(key, name.sort, name.address.encode()) if key else name.pseudonym
            if name.pseudonym != expected:
                text = texts("The pseudonym does not stand for the address beside it.")
                report.add("pseudonym-changed", f"pseudonym {name.pseudonym}", text)

    async def _settled(self) -> tuple[bytes | None, bytes | None]:
        """Return the published and the locked checkpoint; waits while one follows the other."""
        for _ in range(PATIENCE):
            held = await self.lock.held()
            note = self.folder.checkpoint()
            if held == note:
                break
            await asyncio.sleep(PAUSE)
        return note, held

    def _checkpoint(self) -> Checkpoint:
        note = self.folder.checkpoint()
        if note is None:
            raise CheckFailed(texts("{path}: there is no checkpoint.", path=self.folder.root))
        return open_checkpoint(note, [self.key], self.section.origin)

    def _entry(self, index: int, size: int) -> bytes:
        bundle, offset = divmod(index, WIDTH)
        width = min(WIDTH, size - bundle * WIDTH)
        try:
            data = self.folder.read(tile_path(ENTRIES, bundle, width))
        except TileInvalid:  # it has become full in the meantime
            data = self.folder.read(tile_path(ENTRIES, bundle))
        return split_bundle(data)[offset]


@asynccontextmanager
async def inspected(section: ArchiveSection) -> AsyncIterator[Inspection]:
    """Open the archive for reading. Raises `StorageError` or `NoteInvalid`."""
    for file in (section.database, section.lock_database, section.verifier_file):
        if not file.exists():
            raise StorageError(
                texts("{path}: the file is missing; has this archive ever run?", path=file)
            )
    store = await RecordStore.open_read_only(section.database)
    try:
        lock = await LockStore.open_read_only(section.lock_database, section.origin)
        try:
            key = VerifierKey.parse(section.verifier_file.read_text("ascii"))
            yield Inspection(section, store, lock, LogFolder(section.tiles_dir), key)
        finally:
            await lock.close()
    finally:
        await store.close()
