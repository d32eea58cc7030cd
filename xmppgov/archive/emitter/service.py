"""Brings an emitter's events to the archive: one batch at a time, until each is committed.

Nothing here holds up the service itself: what the archive does not take waits in the spool.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

import structlog

from xmppgov.archive.batch import Batch, Hole, Item, Progress, reach
from xmppgov.archive.emitter.model import (
    MALFORMED,
    Answer,
    Committed,
    Contradicted,
    Epoch,
    Expected,
    Refused,
    Waiting,
)
from xmppgov.archive.emitter.policy import (
    RECORDS,
    Beginning,
    Skip,
    ahead,
    is_record,
    numbers,
)
from xmppgov.archive.emitter.store import Spool
from xmppgov.archive.emitter.waiting import first

log = structlog.get_logger()
MOST_LOST = 10  # records in a row; an archive that refuses more has itself a fault
AT_ONCE = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the first and the longest pause after trouble, between two batches that are not
    full, and between two words to the archive where nothing happens."""

    first: float = 1.0
    longest: float = 60.0
    gather: float = 0.1
    rest: float = 60.0


class Archive(Protocol):
    """The archive as an emitter reaches it; neither method raises where it does not answer."""

    async def commit(self, batch: Batch) -> Answer: ...
    async def status(self, progress: Progress) -> Committed | Refused: ...
    def size(self, item: Item) -> int: ...


class Emitter:
    """Empties `spool` into `archive`; `run()` works until it is cancelled."""

    def __init__(self, *, spool: Spool, archive: Archive, pace: Pace | None = None) -> None:
        self._spool, self._archive = spool, archive
        self._pace = pace or Pace()
        self._delay = self._pace.first
        self._trouble: str | None = None
        self._known: dict[int, int] = {}
        self._settled = False
        self._limit, self._lost = RECORDS, 0
        self._online, self._hurry = asyncio.Event(), asyncio.Event()
        self._request: asyncio.Future[Answer] | None = None

    def connected(self) -> None:
        """Take note: the stream is new. What was under way is void, and no pause is needed."""
        self._give_up()
        self._settled, self._delay = False, self._pace.first
        self._online.set()
        self._hurry.set()

    def disconnected(self) -> None:
        """Take note: the stream is gone."""
        self._give_up()
        self._online.clear()

    async def run(self) -> None:
        """Send what waits, whenever the stream is there."""
        while True:
            await self._online.wait()
            self._hurry.clear()
            try:
                pause = await self.step()
            except Exception as error:
                log.error("events are not sent for now", exc_info=error)
                pause = self._later("our own fault")
            if pause is None:
                await self._rest()
            elif pause:
                await first(pause, self._hurry)

    async def step(self) -> float | None:
        """Do the next thing; return how long to wait then (s), None where nothing is left to do."""
        if not self._settled:
            return await self._settle()
        self._spool.appended.clear()
        waiting = await self._spool.next(self._limit)
        if waiting is None:
            await self._spool.forget()
            return None
        known = self._known.get(waiting.epoch.number, 0)
        part = ahead(waiting, known, self._limit, self._archive.size)
        if isinstance(part, Skip):
            await self._spool.commit(waiting.epoch.number, part.upto)
            return AT_ONCE
        return await self._send(waiting, part.items)

    async def _rest(self) -> None:
        """Wait for an event; say a word to the archive now and then, so that it knows we live."""
        if not await first(self._pace.rest, self._spool.appended, self._hurry):
            self._settled = False

    # what the archive has

    async def _settle(self) -> float:
        """Ask what the archive has of each epoch, and tell it how much waits."""
        epochs = await self._spool.epochs()
        waiting = sum(epoch.open for epoch in epochs)
        for epoch in epochs:
            asked = Progress(epoch.number, waiting if epoch is epochs[-1] else None)
            answer = await self._answer(self._archive.status(asked))
            if not isinstance(answer, Committed):
                return self._later(_reason(answer))
            await self._compare(epoch, answer.last, newest=epoch is epochs[-1])
        self._settled = True
        if not waiting:  # else the next batch shows whether all is well
            self._well()
        return AT_ONCE

    async def _compare(self, epoch: Epoch, has: int, *, newest: bool) -> None:
        self._known[epoch.number] = has
        if has < epoch.committed:
            log.error("ALARM: the archive has lost numbers", epoch=epoch.number, last=has)
            await self._spool.go_back(epoch.number, has)
        if newest and has > epoch.last:
            await self._spool.begin(Beginning.PASSED)

    # a batch

    async def _send(self, waiting: Waiting, items: tuple[Item, ...]) -> float:
        epoch, first, last = waiting.epoch.number, reach(items[0])[0], reach(items[-1])[1]
        behind = waiting.total - numbers(items)
        answer = await self._answer(self._archive.commit(Batch(epoch, first, last, items, behind)))
        if isinstance(answer, Committed) and answer.last == last:
            return await self._committed(epoch, items, last)
        if isinstance(answer, Expected) and answer.seq < first:
            return await self._go_back(epoch, answer.seq)
        if isinstance(answer, Contradicted) and is_record(items, answer.seq):
            return await self._fork(epoch, answer.seq)
        if answer == Refused(MALFORMED):
            return await self._malformed(epoch, items)
        self._settled = False
        return self._later(_reason(answer))

    async def _committed(self, epoch: int, items: tuple[Item, ...], last: int) -> float:
        await self._spool.commit(epoch, last)
        full = len(items) >= self._limit
        self._limit = min(self._limit * 2, RECORDS)
        if not all(isinstance(item, Hole) for item in items):
            self._lost = 0
        self._well()
        return AT_ONCE if full else self._pace.gather

    async def _go_back(self, epoch: int, seq: int) -> float:
        log.error("ALARM: the archive expects numbers that are gone", epoch=epoch, seq=seq)
        self._known[epoch] = min(self._known.get(epoch, 0), seq - 1)
        await self._spool.go_back(epoch, seq - 1)
        return AT_ONCE

    async def _fork(self, epoch: int, seq: int) -> float:
        log.error("ALARM: the archive has other content for a number", epoch=epoch, seq=seq)
        await self._spool.fork(epoch, seq)
        return self._later("conflict")

    async def _malformed(self, epoch: int, items: tuple[Item, ...]) -> float:
        """Halve what is sent, until it is the one record that the archive cannot take."""
        if len(items) > 1:
            self._limit = len(items) // 2
            return AT_ONCE
        (item,) = items
        if isinstance(item, Hole) or self._lost >= MOST_LOST:
            return self._later(MALFORMED)
        self._lost += 1
        log.error("ALARM: the archive refuses an event; it is lost", epoch=epoch, seq=item.seq)
        await self._spool.lose(epoch, item.seq)
        return AT_ONCE

    # waiting

    def _give_up(self) -> None:
        if self._request is not None:
            self._request.cancel()

    async def _answer(self, asking: Awaitable[Answer]) -> Answer:
        """Wait for an answer, as long as the stream is the same."""
        self._request = asyncio.ensure_future(asking)
        try:
            return await asyncio.shield(self._request)
        except asyncio.CancelledError:
            if not self._request.cancelled():
                self._request.cancel()
                raise
            return Refused("the stream was lost")
        finally:
            self._request = None

    def _later(self, reason: str) -> float:
        """Return how long to wait after trouble, each time longer; it is said once."""
        if reason != self._trouble:
            log.warning("the archive does not take events", reason=reason)
        if reason == "forbidden" and reason != self._trouble:
            log.error("ALARM: the archive does not know this emitter; events wait")
        self._trouble = reason
        delay = self._delay
        self._delay = min(delay * 2, self._pace.longest)
        return delay * random.uniform(0.5, 1.5)

    def _well(self) -> None:
        if self._trouble is not None:
            log.info("the archive takes events again")
        self._trouble, self._delay = None, self._pace.first


def _reason(answer: Answer) -> str:
    return answer.reason if isinstance(answer, Refused) else f"its answer is {answer}"
