"""What the archivist's commands read beside the running archive: status, check, proofs."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from xmppgov.archive import ranges
from xmppgov.archive.day import day_number
from xmppgov.archive.derived import Derived
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import DayEnd
from xmppgov.archive.log import LogCheck
from xmppgov.archive.ranges import Range
from xmppgov.archive.report import Report
from xmppgov.archive.verify import RecordCheck, StoredRecord
from xmppgov.errors import CheckFailed, NotFound, StorageError
from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.errors import NoteInvalid, TileInvalid
from xmppgov.tlog.merkle import inclusion_proof, leaf_hash
from xmppgov.tlog.note import Note, VerifierKey
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.proof import TlogProof
from xmppgov.tlog.tiles import ENTRIES, WIDTH, TiledTree, split_bundle, tile_path
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.answers import Answer, too_few
from xmppgov_archive.inspection.pulse import last_beat
from xmppgov_archive.inspection.stamps import check_stamps
from xmppgov_archive.inspection.store import (
    Alarm,
    Criteria,
    EpochState,
    InspectionStore,
    Row,
    Tables,
)
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.store import LockStore, WitnessState, WitnessStore
from xmppgov_archive.log.trust import read_policy
from xmppgov_archive.records.keys import KeyRing, load_key, month_key
from xmppgov_archive.records.pseudonyms import keyed
from xmppgov_archive.records.rest import AtRest, BoxBroken
from xmppgov_archive.records.store import Spool
from xmppgov_archive.retention.inspection import RetentionInspection, RetentionState, UnderWay
from xmppgov_archive.retention.store import RetentionStore

texts = Texts("xmppgov_archive")
PATIENCE, PAUSE = 20, 0.1  # times, seconds


class Status(NamedTuple):
    """How the archive stands."""

    records: int
    entries: int
    checkpoint: Checkpoint
    epochs: list[EpochState]
    alarms: list[Alarm]
    spools: list[Spool]
    cosigned: int | None
    witnesses: list[WitnessState]
    retention: RetentionState
    beat: int | None


class Proof(NamedTuple):
    """An entry with the proof that it is in the log."""

    idx: int
    leaf: bytes
    checkpoint: Checkpoint
    file: bytes


class Found(NamedTuple):
    """A record as it lies in the archive: people, rooms and units are pseudonyms."""

    idx: int
    record: dict[str, Value]

    @property
    def t(self) -> int:
        """The time in ms UTC."""
        return int(self.record["t"])

    @property
    def kind(self) -> str:
        """The kind's code."""
        return str(self.record["kind"])

    @property
    def sender(self) -> str:
        """The sender's pseudonym."""
        return str(self.record["from"])

    @property
    def target(self) -> str:
        """The recipient's pseudonym, else the room's."""
        return str(self.record.get("to", self.record.get("room", "")))

    def document(self) -> dict[str, Any]:
        """Return the record with its index, for scripts."""
        return {"index": self.idx, **self.record}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The archive's stores, read only, and its public folder."""

    section: ArchiveSection
    store: InspectionStore
    rest: AtRest
    keys: KeyRing
    retention: RetentionInspection
    lock: LockStore
    witnesses: WitnessStore
    folder: LogFolder
    key: VerifierKey
    policy: Policy

    async def status(self) -> Status:
        """Return how the archive stands. Raises `CheckFailed` if its checkpoint is not its own."""
        checkpoint = self._checkpoint()
        records, entries = await self.store.counts()
        epochs, alarms = await self.store.epochs(), await self.store.alarms()
        spools, witnesses = await self.store.spools(), await self.witnesses.all()
        note = self.folder.cosigned()
        verdict = self.policy.judge(note, [self.key]) if note else None
        cosigned = verdict.checkpoint.size if verdict and verdict.satisfied else None
        kept, beat = await self.retention.state(), last_beat(self.section.pulse_file)
        return Status(
            records, entries, checkpoint, epochs, alarms, spools, cosigned, witnesses, kept, beat
        )

    def witness_urls(self) -> list[str]:
        """Return where the policy's witnesses are asked."""
        return [witness.url for witness in self.policy.witnesses if witness.url]

    async def index_of(self, uuid: str) -> int:
        """Return the index of the record with an id (a UUIDv7, which begins with its time).

        Raises:
            NotFound: there is no such record.
        """
        digits = uuid.replace("-", "")[:12]
        t = int(digits, 16) if re.fullmatch("[0-9a-f]{12}", digits) else -1
        for row in await self.store.at(t):
            if self.opened(row).record["id"] == uuid:
                return row.idx
        raise NotFound(texts("The archive has no record with this id."))

    async def find(self, criteria: Criteria, limit: int) -> list[Found]:
        """Return the first `limit` records that fit, oldest first. Raises `BoxBroken`."""
        return [self.opened(row) for row in await self.store.find(criteria, limit)]

    def opened(self, row: Row) -> Found:
        """Return a row's record. Raises `BoxBroken`."""
        content = self.rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        return Found(row.idx, json.loads(content.body))

    def pseudonyms(self, sort: str, address: str) -> tuple[str, ...]:
        """Return a room's or a unit's pseudonyms in the months whose keys are still there."""
        keys = map(load_key, sorted(self.section.keys_dir.glob(month_key("*"))))
        return tuple(keyed(key, sort, address.encode()) for key in keys if key)

    def prove(self, index: int) -> Proof:
        """Return the inclusion proof of an entry, verified.

        Raises:
            CheckFailed: there is no such entry in the log, or the log is damaged.
        """
        note = self.folder.cosigned() or b""
        checkpoint = self._cosigned(note)
        if checkpoint.size <= index < self._checkpoint().size:
            raise CheckFailed(
                texts("Not enough witnesses have cosigned this entry yet; ask again later.")
            )
        tree = TiledTree(checkpoint.size, self.folder.read)
        hashes = tuple(inclusion_proof(index, checkpoint.size, tree.range_hash))
        leaf = self._entry(index, checkpoint.size)
        proof = TlogProof(index, hashes, note, extra=leaf).encode()
        TlogProof.parse(proof).verify_under(self.policy, leaf_hash(leaf))
        return Proof(index, leaf, checkpoint, proof)

    def cosigned_note(self) -> bytes | None:
        """Return the newest checkpoint that enough have cosigned, None before the first."""
        return self.folder.cosigned()

    def opens(self, note: bytes) -> Checkpoint:
        """Return the checkpoint of a note that satisfies the policy. Raises `CheckFailed`."""
        return self.policy.open(note, [self.key])

    async def verify(
        self,
        progress: Callable[[int, int], None],
        earlier: bytes | None = None,
        answers: Sequence[Answer] = (),
    ) -> Report:
        """Check everything; call `progress(done, all)` after each part.

        `earlier` is a checkpoint that was kept elsewhere, `answers` are those of witnesses, asked
        before: the log must begin with their trees.
        """
        log = self._log_check()
        cosigned = self.folder.cosigned()
        note, held = await self._settled()
        if note is None or not log.open(note):
            text = texts("{path}: there is no checkpoint.", path=self.folder.root)
            log.report.add("checkpoint-invalid", "checkpoint", text)
            return log.report
        if not _same(held, note):
            text = texts("The published checkpoint is not the newest that was signed.")
            log.report.add("history", "checkpoint", text)
        if cosigned is not None:
            log.check_cosigned(cosigned)
        if earlier is not None:
            log.check_earlier(earlier)
        self._check_answers(log, answers)
        check_stamps(self.section, log)
        check, before = RecordCheck(log.report), await self.retention.under_way()
        for start, entries in log.entries():
            end = start + len(entries)
            log.report.lost += entries.count(None)
            records = await self._records(start, end)
            check.chunk(start, entries, records, await self.store.indexed_leaves(start, end))
            progress(end, log.report.size)
        await self._rest(log, check, before)
        return log.report

    def _log_check(self) -> LogCheck:
        return LogCheck(
            key=self.key,
            origin=self.section.origin,
            read=self.folder.read,
            policy=self.policy,
            now=time.time_ns() // 1_000_000,
        )

    def _check_answers(self, log: LogCheck, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.note is not None:
                log.check_witness(answer.name, answer.note, answer.key)
        silent = too_few(self.policy, answers)
        if silent:
            log.check_silent(silent)

    async def _rest(self, log: LogCheck, check: RecordCheck, before: UnderWay) -> None:
        """Check what waits for its checkpoint, and the tables that follow from the entries."""
        size = log.report.size
        tables = await self.store.tables(size)
        waiting, records = tables.waiting, [self._stored(row) for row in tables.rows]
        log.follow(size, waiting)
        check.chunk(size, waiting, records, dict(enumerate(waiting, size)))
        check.numbers(log.counters, tables.ends, tables.open)
        check.servers(log.counters.servers, tables.servers)
        check.gaps(await self.store.all_gaps(), size + len(waiting))
        for index in await self.store.strays(size):
            text = texts("A record lies where the log has none.")
            log.report.add("record-extra", f"entry {index}", text)
        check.names(tables.names, tables.forgotten)
        busy = await self.retention.under_way(size, before)
        erasing = [part for parts in busy.values() for part in parts]
        _check_derived(check.derived, tables, erasing)
        await self._days(check, size + len(waiting))
        check.day_keys(self.keys.find_day, erasing=bool(busy))
        check.finish(erasing)
        end = size + len(waiting)
        await self.retention.compare(log.report, check.derived.decisions, end)

    async def _days(self, check: RecordCheck, end: int) -> None:
        """Compare references with the days' roots, and with the records before the index `end`."""
        for index, day in check.days:
            check.references(index, day, await self._references(day))
        for number in await self.store.days():
            rows = await self.store.references_of(number)
            known = (row for row in rows if row.idx < end and check.has_read(row.idx))
            check.derived.references(number, known)
        for index in await self.store.stray_references():
            text = texts("A reference lies where the log has no entry.")
            check.derived.say_day(f"entry {index}", text)
        check.derived.no_more_references()

    async def _references(self, day: DayEnd) -> list[bytes]:
        """Return what the database has of a part of a day; nothing for a day that no year has."""
        number = day_number(day.day)
        return [] if number is None else await self.store.references(number, day.part)

    async def _records(self, start: int, end: int) -> list[StoredRecord]:
        """Return the records with an index in [start, end), opened as far as they open."""
        return [self._stored(row) for row in await self.store.rows(start, end)]

    def _stored(self, row: Row) -> StoredRecord:
        secret, body = b"", None
        with suppress(BoxBroken):
            _, secret, body = self.rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        return StoredRecord(*row[:4], secret, body, row[4:10])

    async def _settled(self) -> tuple[bytes | None, bytes | None]:
        """Return the published and the locked checkpoint; waits while one follows the other."""
        for _ in range(PATIENCE):
            held = await self.lock.held()
            note = self.folder.checkpoint()
            if _same(held, note):
                break
            await asyncio.sleep(PAUSE)
        return note, held

    def _checkpoint(self) -> Checkpoint:
        note = self.folder.checkpoint()
        if note is None:
            raise CheckFailed(texts("{path}: there is no checkpoint.", path=self.folder.root))
        return open_checkpoint(note, [self.key], self.section.origin)

    def _cosigned(self, note: bytes) -> Checkpoint:
        """Return the checkpoint of a note that satisfies the policy. Raises `CheckFailed`."""
        if not note:
            raise CheckFailed(texts("Not enough witnesses have cosigned the log yet."))
        return self.policy.open(note, [self.key])

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
    ours = section.database, section.lock_database, section.verifier_file, section.policy_file
    for file in ours:
        if not file.exists():
            raise StorageError(
                texts("{path}: the file is missing; has this archive ever run?", path=file)
            )
    async with AsyncExitStack() as stack:
        store = await InspectionStore.open(section.database)
        stack.push_async_callback(store.close)
        lock = await LockStore.open_read_only(section.lock_database, section.origin)
        stack.push_async_callback(lock.close)
        witnesses = await WitnessStore.open_read_only(section.lock_database)
        stack.push_async_callback(witnesses.close)
        keys = KeyRing(section.keys_dir, _no_new_key)
        periods = {name: kept.period for name, kept in section.classes.items()}
        yield Inspection(
            section,
            store,
            AtRest(keys),
            keys,
            RetentionInspection(RetentionStore(store.database), keys, periods),
            lock,
            witnesses,
            LogFolder(section.tiles_dir),
            VerifierKey.parse(section.verifier_file.read_text("ascii")),
            read_policy(section.policy_file),
        )


def _same(held: bytes | None, note: bytes | None) -> bool:
    """Tell whether both are one checkpoint, whatever cosignatures it has."""
    if held is None or note is None:
        return held == note
    try:
        return Note.parse(held).text == Note.parse(note).text
    except NoteInvalid:
        return False


def _check_derived(derived: Derived, tables: Tables, erasing: Sequence[Range]) -> None:
    """Compare the tables that follow from the log and the records."""
    derived.opened(tables.opened)
    derived.days(tables.days)
    derived.keys(tables.months, tables.resolving, tables.used)
    pending = sum(ranges.count(parts) for parts in tables.open.values())
    derived.sums(sum(tables.sums.values()), pending)
    names = {name.pseudonym for names in tables.names.values() for name in names}
    derived.names(names, tables.sums, erasing)


def _no_new_key(_size: int) -> bytes:
    raise StorageError(texts("Who only reads makes no key."))
