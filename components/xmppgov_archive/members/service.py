"""Proves that a message was logged on a day, or was not (docs/protocol/exports.md).

The proof discloses the day's key, with which any id can be tested against that day's references:
so only days that have ended and are in the log with their roots are proved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from xmppgov.archive.day import DAY, day_text, key_digest, locate, references_root
from xmppgov.archive.disclosure import PURPOSES, disclose
from xmppgov.archive.exports.member import MemberProof, Part, as_recorded, references
from xmppgov.archive.exports.model import EntryLine, RecordLine
from xmppgov.archive.leaf import DayEnd, parse_leaf
from xmppgov.archive.model import parse_record_both
from xmppgov.errors import CheckFailed, NotAllowed, NotFound
from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.merkle import inclusion_proof
from xmppgov.tlog.tiles import TiledTree
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.days import first_millisecond
from xmppgov_archive.inspection.service import Inspection, inspected
from xmppgov_archive.members.policy import concerns
from xmppgov_archive.members.store import MemberStore
from xmppgov_archive.records.keys import KEY_SIZE
from xmppgov_archive.records.rest import BoxBroken
from xmppgov_archive.records.store import Row

texts = Texts("xmppgov_archive")
NO_KEY = bytes(KEY_SIZE)  # of a day without messages, which has none; any would do


class MemberProofs:
    """Makes proofs for members, and for the operator who is asked for one."""

    def __init__(self, *, inspection: Inspection, store: MemberStore) -> None:
        self._inspection, self._store = inspection, store

    async def prove(self, day: str, id: str, person: str | None = None) -> MemberProof:
        """Return the proof for the message with an id on a day (`2026-11-24`, UTC).

        `person` is the address of who asks; the operator (None) gets every proof.

        Raises:
            NotFound: the day is not closed yet, or its key is gone.
            NotAllowed: the message is there, and not this person's.
            CheckFailed: the archive cannot prove it now, or is damaged.
        """
        number = first_millisecond(day) // DAY
        day = day_text(number)
        key = self._inspection.keys.find_day(day)
        parts = await self._store.parts(number)
        if not parts:
            raise await self._no_such_day(number, day)
        note, checkpoint = self._cosigned(parts[-1][1])
        there = [await self._references(number, part, index, key) for part, index in parts]
        key = key or NO_KEY
        sought = references(key, as_recorded(id))
        found = {value for value in sought.values() if any(value in part for part in there)}
        tree = TiledTree(checkpoint.size, self._inspection.folder.read)
        shown = [
            await self._part(tree, index, part, sought)
            for (_, index), part in zip(parts, there, strict=True)
        ]
        records = await self._records(tree, number, found, person)
        return MemberProof(day, as_recorded(id), key, note, tuple(shown), records)

    async def _no_such_day(self, number: int, day: str) -> NotFound:
        first = await self._store.first_day()
        if first is not None and number < first:
            return NotFound(
                texts("{day}: the log begins on {first} only.", day=day, first=day_text(first))
            )
        return NotFound(texts("{day} is not closed yet; ask when it has ended.", day=day))

    def _cosigned(self, index: int) -> tuple[bytes, Checkpoint]:
        note = self._inspection.cosigned_note()
        checkpoint = self._inspection.opens(note) if note else None
        if note is None or checkpoint is None or checkpoint.size <= index:
            raise CheckFailed(
                texts("Not enough witnesses have cosigned this entry yet; ask again later.")
            )
        return note, checkpoint

    async def _references(self, day: int, part: int, index: int, key: bytes | None) -> list[bytes]:
        """Return the references of a part of a day, with the root and key that were signed."""
        end = parse_leaf(await self._store.entry(index))
        there = await self._store.references(day, part)
        root, n = await asyncio.to_thread(references_root, there)
        if not isinstance(end, DayEnd) or (end.root, end.n) != (root.hex(), n):
            raise CheckFailed(texts("The day's references are not those that were signed."))
        if n and (key is None or end.key != key_digest(key)):
            raise NotFound(texts("The key of {day} is gone, and its proofs with it.", day=end.day))
        return there

    async def _part(
        self, tree: TiledTree, index: int, there: list[bytes], sought: dict[str, bytes]
    ) -> Part:
        entry = await self._store.entry(index)
        line = EntryLine(index, entry, _path(tree, index))
        places = {
            sort: await asyncio.to_thread(locate, there, value) for sort, value in sought.items()
        }
        return Part(line, places)

    async def _records(
        self, tree: TiledTree, day: int, found: Collection[bytes], person: str | None
    ) -> tuple[RecordLine, ...]:
        rows = await self._store.records(day, found) if found else []
        if found and person is not None:
            rows = [row for row in rows if self._concerns(row, person)]
            if not rows:
                raise NotAllowed(
                    texts("The archive proves a message to its sender and its recipient only.")
                )
        lines = [self._record(tree, row) for row in rows if row.idx < tree.size]
        return tuple(line for line in lines if line is not None)

    def _record(self, tree: TiledTree, row: Row) -> RecordLine | None:
        """Return a record with what proves it, None where its key is gone: it is being erased."""
        try:
            content = self._inspection.rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        except BoxBroken:
            return None
        record, values = parse_record_both(content.body)
        shown = disclose(record, values, content.secret, PURPOSES["member"])
        return RecordLine(row.idx, shown, _path(tree, row.idx))

    def _concerns(self, row: Row, person: str) -> bool:
        """Tell whether a record is of a person, as far as the month's key is still there."""
        record = {"from": row.sender, **({"to": row.recipient} if row.recipient else {})}
        if any(concerns(record, name) for name in self._inspection.pseudonyms("person", person)):
            return True
        if self._inspection.keys.find_month(self._inspection.keys.month(row.t)) is None:
            raise NotAllowed(
                texts("The month of this message is sealed; ask the archivist for its proof.")
            )
        return False


@asynccontextmanager
async def proving(section: ArchiveSection) -> AsyncIterator[MemberProofs]:
    """Open the archive for members' proofs, read only. Raises `StorageError`."""
    async with inspected(section) as inspection:
        store = await MemberStore.open(section.database)
        try:
            yield MemberProofs(inspection=inspection, store=store)
        finally:
            await store.close()


def _path(tree: TiledTree, index: int) -> tuple[bytes, ...]:
    return tuple(inclusion_proof(index, tree.size, tree.range_hash))
