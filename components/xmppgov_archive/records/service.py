"""The archive's use cases: commit a batch exactly once, say how far an emitter has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import NamedTuple, Self

import structlog

from xmppgov.archive.batch import Batch, CountedMessage, Hole, Item, Progress, WireRecord
from xmppgov.archive.derived import ELSEWHERE
from xmppgov.archive.leaf import Control, EmitterStart, Gap, control_leaf
from xmppgov.archive.model import LARGEST_EMITTER, SECRET_SIZE, emitter_text
from xmppgov.errors import LocalFault
from xmppgov.i18n import Texts
from xmppgov_archive.log.integrator import HistoryBroken, Integrator
from xmppgov_archive.records.closing import Closing
from xmppgov_archive.records.entries import Entries
from xmppgov_archive.records.policy import (
    Labels,
    conflict,
    contradiction,
    fresh,
    next_number,
    to_record,
)
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.store import Emitter, RecordStore, Spool
from xmppgov_archive.records.units import Units

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
TICK = 10.0  # seconds between two looks at the clock
PAUSE = 0.05  # seconds between two looks at the checkpoint


class Committed(NamedTuple):
    """The batch is committed, as is every number up to `last`."""

    last: int


class Expected(NamedTuple):
    """The batch is refused; the emitter goes back to number `seq`, or declares it lost."""

    seq: int


class Contradicted(NamedTuple):
    """The batch is refused; number `seq` is committed with other content."""

    seq: int


class Archive:
    """Commits batches, one after the other, and keeps the log following them.

    Use as an async context manager: on entering, what a crash left is integrated and closed.
    `clock` returns ms UTC, `random(n)` n random bytes.
    """

    def __init__(
        self,
        *,
        store: RecordStore,
        integrator: Integrator,
        names: Pseudonyms,
        rest: AtRest,
        units: Units,
        labels: Labels,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._store, self._integrator = store, integrator
        self._names, self._rest, self._units, self._labels = names, rest, units, labels
        self._clock, self._random = clock, random
        self._closing = Closing(store, clock, names.key_of)
        self._turn = asyncio.Lock()
        self._broken: HistoryBroken | None = None
        self._contradicted: set[str] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._integrator.integrate()
        await self.close_what_is_due()
        loop = asyncio.get_running_loop()
        self._stack.push_async_callback(self._stop, loop.create_task(self._follow()))
        self._stack.push_async_callback(_cancelled, loop.create_task(self._keep_time()))
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
        async with self._my_turn():
            known = await self._store.emitter(server, batch.epoch)
            last = known.last or 0
            missing = next_number(batch, last)
            if missing is not None:
                return Expected(missing)
            odd = await self._contradiction(known, batch, last)
            if odd is not None:
                await self._alarm(server, known.number or 0, batch.epoch, odd)
                return Contradicted(odd)
            if batch.last > last:
                await self._append(server, known, batch, last)
                self._integrator.wake()
        return Committed(batch.last)

    async def last(self, server: str, asked: Progress) -> int:
        """Return the last committed number of an emitter's epoch, 0 where there is none."""
        async with self._turn:
            if asked.waiting is not None:
                async with self._store.transaction():
                    await self._heard(server, asked.waiting, None)
            return (await self._store.emitter(server, asked.epoch)).last or 0

    async def write(self, *controls: Control) -> int:
        """Add control entries of another feature to the log; return the last one's index.

        They are durable when this returns, and signed a moment later.
        """
        async with self.adding() as add:
            return await add(*controls)

    @asynccontextmanager
    async def adding(self) -> AsyncIterator[Callable[..., Awaitable[int]]]:
        """One transaction that adds control entries and whatever else the block writes.

        The block is given a function that takes control entries and returns the last one's index.
        The days that are over end before it, also where the machine slept: nothing is decided on a
        day that the log has not come to. So the block takes the time of its entries itself: one
        from before it may be long before these days' ends.
        """

        async def add(*controls: Control) -> int:
            first = await self._store.next_index()
            leaves = [(first + n, control_leaf(control)) for n, control in enumerate(controls)]
            await self._store.add_leaves(leaves)
            return leaves[-1][0]

        async with self._my_turn():
            await self._closing.days_due()
            async with self._store.transaction():
                yield add
            self._integrator.wake()

    @property
    def signed_size(self) -> int:
        """How many entries the newest published checkpoint covers."""
        return self._integrator.size

    async def signed(self, index: int) -> None:
        """Wait until a published checkpoint covers an entry.

        Raises:
            LocalFault: the history is broken and nothing more is signed.
        """
        while self._integrator.size <= index:
            self._check()
            self._integrator.wake()
            await asyncio.sleep(PAUSE)

    async def close_what_is_due(self) -> None:
        """Write what the clock asks for: counted numbers each minute, the end of each day."""
        async with self._my_turn():
            if await self._closing.due():
                self._integrator.wake()

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        self._check()
        async with self._turn:
            yield

    def _check(self) -> None:
        if self._broken is not None:
            raise LocalFault(texts("The archive has stopped; its operator knows why."))

    async def _contradiction(self, known: Emitter, batch: Batch, last: int) -> int | None:
        if known.number is None or batch.first > last:
            return None
        place = known.number, batch.epoch, batch.first, min(batch.last, last)
        boxes = await self._store.sealed(*place)
        gaps, erased = await self._store.gaps(*place), await self._store.erased(*place)
        kept = {seq: self._rest.open(*box) for seq, box in boxes.items()}
        return contradiction(batch, last, kept, gaps, erased, self._names)

    async def _append(self, server: str, known: Emitter, batch: Batch, last: int) -> None:
        async with self._store.transaction():
            number = known.number or await self._number(server)
            first = await self._store.next_index()
            entries = Entries(first, number, batch.epoch, self._rest)
            if known.last is None:
                entries.control(await self._start(server, entries))
            for item in fresh(batch, last):
                self._add(entries, item)
            await self._store.append(number, batch.epoch, entries.all())
            await self._store.add_names(self._names.new(), self._names.months_late())
            await self._store.set_last(number, batch.epoch, batch.last, first)
            if batch.waiting is not None:
                await self._heard(server, batch.waiting, _oldest(batch))
        self._names.stored()

    async def _heard(self, server: str, waiting: int, oldest: int | None) -> None:
        await self._store.set_spool(Spool(server, waiting, oldest, self._clock()))

    async def _number(self, server: str) -> int:
        number = await self._store.add_emitter(server)
        if number > LARGEST_EMITTER:
            raise LocalFault(texts("The log has no number left for another server."))
        return number

    async def _start(self, server: str, entries: Entries) -> EmitterStart:
        before = await self._store.newest_epoch(entries.number)
        return EmitterStart(
            v=1,
            kind="emitter.start",
            t=self._clock(),
            em=emitter_text(entries.number, entries.epoch),
            emitter=server,
            previous=emitter_text(entries.number, before[0]) if before else None,
            last=before[1] if before else None,
        )

    def _add(self, entries: Entries, item: Item) -> None:
        if isinstance(item, WireRecord):
            self._add_record(entries, item)
        elif isinstance(item, CountedMessage):
            now = self._clock()
            entries.counted(
                item.seq, self._names.of("room", item.room, now) if item.room else ELSEWHERE
            )
        else:
            self._add_gap(entries, item)

    def _add_record(self, entries: Entries, wire: WireRecord) -> None:
        em = emitter_text(entries.number, entries.epoch)
        unit = self._units.of(wire.sender)
        record = to_record(wire, em=em, unit=unit, labels=self._labels, names=self._names)
        digest = self._names.new_digest(wire.content(), wire.t)
        entries.record(wire.seq, record, digest, self._random(SECRET_SIZE))

    def _add_gap(self, entries: Entries, hole: Hole) -> None:
        em = emitter_text(entries.number, entries.epoch)
        fields = {"first": hole.first, "last": hole.last, "reason": hole.reason}
        gap = Gap.model_validate({"v": 1, "kind": "gap", "em": em, "t": self._clock(), **fields})
        entries.gap(gap, *hole)

    async def _alarm(self, server: str, number: int, epoch: int, seq: int) -> None:
        """Note a contradiction; the first of an epoch is said in the log, where it stays."""
        log.error("ALARM: a committed record came again with other content", server=server, seq=seq)
        now, em = self._clock(), emitter_text(number, epoch)
        async with self._store.transaction():
            if em not in self._contradicted:
                entry = control_leaf(conflict(em, seq, now))
                await self._store.add_leaves([(await self._store.next_index(), entry)])
            await self._store.alarm(server, epoch, seq, "conflict", now)
        self._contradicted.add(em)
        self._integrator.wake()

    async def _follow(self) -> None:
        try:
            await self._integrator.run()
        except HistoryBroken as error:
            self._broken = error
            log.error("ALARM: the archive takes nothing more", reason=str(error))

    async def _keep_time(self) -> None:
        while self._broken is None:
            await asyncio.sleep(TICK)
            try:
                await self.close_what_is_due()
            except Exception as error:
                log.error("minutes and days cannot be closed for now", reason=type(error).__name__)

    async def _stop(self, task: asyncio.Task[None]) -> None:
        self._integrator.stop()
        await task


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _oldest(batch: Batch) -> int | None:
    """Return the time of a batch's first record (ms): about as old is what waits behind it."""
    return next((item.t for item in batch.items if isinstance(item, WireRecord)), None)
