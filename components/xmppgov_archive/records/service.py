"""The archive's use cases: commit a batch exactly once, say how far an emitter has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import NamedTuple, Self

import structlog

from xmppgov.archive import jcs
from xmppgov.archive.batch import Batch, Hole, WireRecord
from xmppgov.archive.model import (
    FIELDS,
    LARGEST_EMITTER,
    SECRET_SIZE,
    Control,
    EmitterStart,
    Gap,
    commitment,
    control_leaf,
    data_leaf,
    emitter_text,
    encode_fields,
)
from xmppgov.archive.verify import seal
from xmppgov.errors import LocalFault
from xmppgov.i18n import Texts
from xmppgov_archive.log.integrator import HistoryBroken, Integrator
from xmppgov_archive.records.policy import Labels, contradiction, fresh, next_number, to_record
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.store import Emitter, NewGap, NewRecord, RecordStore
from xmppgov_archive.records.units import Units

texts = Texts("xmppgov_archive")
log = structlog.get_logger()


class Committed(NamedTuple):
    """The batch is committed, as is every number up to `last`."""

    last: int


class Expected(NamedTuple):
    """The batch is refused; the emitter goes back to number `seq`, or declares it lost."""

    seq: int


class Contradicted(NamedTuple):
    """The batch is refused; number `seq` is committed with other content."""

    seq: int


class _Entries:
    """What a batch adds to the log, index by index."""

    def __init__(self, index: int, number: int, epoch: int) -> None:
        self.number, self.epoch = number, epoch
        self.leaves: list[tuple[int, bytes]] = []
        self.records: list[NewRecord] = []
        self.gaps: list[NewGap] = []
        self._index = index

    def control(self, control: Control) -> int:
        """Add a control entry; return its index."""
        return self._add(control_leaf(control))

    def record(self, seq: int, digest: bytes, secret: bytes, values: list[bytes]) -> None:
        """Add a record, given the canonical values of its fields."""
        leaf = data_leaf(self.number, self.epoch, seq, commitment(values, secret))
        body = jcs.join({name: value for name, value in zip(FIELDS, values, strict=True) if value})
        index = self._add(leaf)
        sealed = seal(digest, secret)
        self.records.append(
            NewRecord(index, self.number, self.epoch, seq, sealed, secret, body.decode())
        )

    def _add(self, leaf: bytes) -> int:
        index = self._index
        self._index += 1
        self.leaves.append((index, leaf))
        return index


class Archive:
    """Commits batches, one after the other, and keeps the log following them.

    Use as an async context manager: on entering, what a crash left is integrated.
    `clock` returns ms UTC, `random(n)` n random bytes.
    """

    def __init__(
        self,
        *,
        store: RecordStore,
        integrator: Integrator,
        names: Pseudonyms,
        units: Units,
        labels: Labels,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._store, self._integrator = store, integrator
        self._names, self._units, self._labels = names, units, labels
        self._clock, self._random = clock, random
        self._turn = asyncio.Lock()
        self._broken: HistoryBroken | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._integrator.integrate()
        task = asyncio.get_running_loop().create_task(self._follow())
        self._stack.push_async_callback(self._stop, task)
        self._stack.push_async_callback(self._units.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def commit(self, server: str, batch: Batch) -> Committed | Expected | Contradicted:
        """Commit what is new of `batch`; what it repeats has to be as it was committed.

        Raises:
            LocalFault: the history is broken and the archive takes nothing more.
            sqlite3.Error: the disk is full or broken; nothing was committed.
        """
        if self._broken is not None:
            raise LocalFault(texts("The archive has stopped; its operator knows why."))
        async with self._turn:
            known = await self._store.emitter(server, batch.epoch)
            last = known.last or 0
            missing = next_number(batch, last)
            if missing is not None:
                return Expected(missing)
            odd = await self._contradiction(known, batch, last)
            if odd is not None:
                await self._alarm(server, batch.epoch, odd)
                return Contradicted(odd)
            if batch.last > last:
                await self._append(server, known, batch, last)
                self._integrator.wake()
        return Committed(batch.last)

    async def last(self, server: str, epoch: int) -> int:
        """Return the last committed number of an emitter's epoch, 0 where there is none."""
        async with self._turn:
            return (await self._store.emitter(server, epoch)).last or 0

    async def _contradiction(self, known: Emitter, batch: Batch, last: int) -> int | None:
        if known.number is None or batch.first > last:
            return None
        place = known.number, batch.epoch, batch.first, min(batch.last, last)
        digests, gaps = await self._store.digests(*place), await self._store.gaps(*place)
        return contradiction(batch, last, digests, gaps, self._names)

    async def _append(self, server: str, known: Emitter, batch: Batch, last: int) -> None:
        async with self._store.transaction():
            number = known.number or await self._number(server)
            entries = _Entries(await self._store.next_index(), number, batch.epoch)
            if known.last is None:
                entries.control(self._start(server, entries))
            for item in fresh(batch, last):
                if isinstance(item, WireRecord):
                    self._add_record(entries, item)
                else:
                    self._add_gap(entries, item)
            names = self._names.new()
            await self._store.append(entries.leaves, entries.records, entries.gaps, names)
            await self._store.set_last(number, batch.epoch, batch.last)
        self._names.stored()

    async def _number(self, server: str) -> int:
        number = await self._store.add_emitter(server)
        if number > LARGEST_EMITTER:
            raise LocalFault(texts("The log has no number left for another server."))
        return number

    def _start(self, server: str, entries: _Entries) -> EmitterStart:
        em = emitter_text(entries.number, entries.epoch)
        return EmitterStart(v=1, kind="emitter.start", em=em, emitter=server, t=self._clock())

    def _add_record(self, entries: _Entries, wire: WireRecord) -> None:
        em = emitter_text(entries.number, entries.epoch)
        record = to_record(
            wire, em=em, unit=self._units.of(wire.sender), labels=self._labels, names=self._names
        )
        digest = self._names.digest(wire.content(), wire.t)
        entries.record(wire.seq, digest, self._random(SECRET_SIZE), encode_fields(record))

    def _add_gap(self, entries: _Entries, hole: Hole) -> None:
        em = emitter_text(entries.number, entries.epoch)
        fields = {"first": hole.first, "last": hole.last, "reason": hole.reason}
        gap = Gap.model_validate({"v": 1, "kind": "gap", "em": em, "t": self._clock(), **fields})
        index = entries.control(gap)
        entries.gaps.append(NewGap(index, entries.number, entries.epoch, *hole))

    async def _alarm(self, server: str, epoch: int, seq: int) -> None:
        log.error("ALARM: a committed record came again with other content", server=server, seq=seq)
        await self._store.alarm(server, epoch, seq, "conflict", self._clock())

    async def _follow(self) -> None:
        try:
            await self._integrator.run()
        except HistoryBroken as error:
            self._broken = error
            log.error("ALARM: the archive takes nothing more", reason=str(error))

    async def _stop(self, task: asyncio.Task[None]) -> None:
        self._integrator.stop()
        await task
