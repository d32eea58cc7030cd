"""What follows a room's setting, seat by seat: bookmark, then invitation; or the bookmark's end.

Each seat has one errand at a time. A step is stored when the server has answered it, so a crash, a
lost stream or a refusal means that the same step is done again, after a growing delay:
bookmark twice: the same bookmark; invitation twice: a second invitation, which clients that are in
the room ignore; retraction twice: nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from xmppgov.errors import RemoteFault, XmppgovError
from xmppgov.rooms.model import Keys, Member
from xmppgov.rooms.policy import NEXT_STEP, Step, advance
from xmppgov_rooms.model import Seat
from xmppgov_rooms.store import RoomsStore

log = structlog.get_logger()
STEPS = (Step.BOOKMARK, Step.INVITE, Step.RETRACT)
FIRST_DELAY, LONGEST_DELAY = 1.0, 120.0  # seconds
PATIENCE = 3
"""After so many refusals of a bookmark the invitation is sent without it."""


class Post(Protocol):
    """What is done towards one person; each raises an `XmppgovError` where it was not done."""

    async def bookmark(self, person: str, room: str, name: str, nick: str) -> None: ...
    async def retract(self, person: str, room: str) -> None: ...
    async def invite(self, person: str, room: str) -> None: ...


@dataclass
class _Failure:
    times: int = 0
    again: float = 0.0


Key = tuple[str, str, str]


class Errands:
    """Does the pending steps of all seats, at most `concurrency` at the same time."""

    def __init__(self, *, store: RoomsStore, post: Post, concurrency: int) -> None:
        self._store = store
        self._post = post
        self._turns = asyncio.Semaphore(concurrency)
        self._running: dict[Key, asyncio.Task[None]] = {}
        self._failures: dict[Key, _Failure] = {}
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for pending steps now."""
        self._wake.set()

    def forget_delays(self) -> None:
        """Try everything again at once, because the server is back."""
        self._failures.clear()
        self.wake()

    async def run(self, freed: Callable[[str], None]) -> None:
        """Do steps until cancelled; `freed` is told of each room in which a seat was undone."""
        stages = [stage for stage, step in NEXT_STEP.items() if step in STEPS]
        try:
            while True:
                for seat in await self._store.seats_in(stages):
                    self._start(seat, freed)
                await self._wait()
        finally:
            for task in self._running.values():
                task.cancel()

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_DELAY):
                await self._wake.wait()
        self._wake.clear()

    def _start(self, seat: Seat, freed: Callable[[str], None]) -> None:
        key = (seat.room, seat.person, seat.jid)
        failure = self._failures.get(key)
        now = asyncio.get_running_loop().time()
        if key in self._running or (failure and failure.again > now):
            return
        task = asyncio.ensure_future(self._errand(key, seat, freed))
        self._running[key] = task
        task.add_done_callback(lambda _task: self._running.pop(key, None))

    async def _errand(self, key: Key, seat: Seat, freed: Callable[[str], None]) -> None:
        """Do the seat's steps one after the other, each from the stage that is stored."""
        async with self._turns:
            current: Seat | None = seat
            while current is not None:
                current = await self._store.seat(current)
                step = NEXT_STEP.get(current.stage) if current else None
                if current is None or step not in STEPS:
                    return
                if not await self._try(key, current, step):
                    return
                await self._store.move([(current, advance(current.stage, step))])
                if step is Step.RETRACT:
                    freed(current.room)

    async def _try(self, key: Key, seat: Seat, step: Step) -> bool:
        try:
            await self._actions[step](seat)
        except XmppgovError as error:
            return self._failed(key, seat, step, error)
        self._failures.pop(key, None)
        return True

    @property
    def _actions(self) -> dict[Step, Callable[[Seat], Awaitable[None]]]:
        return {
            Step.BOOKMARK: self._bookmark,
            Step.INVITE: lambda seat: self._post.invite(seat.jid, seat.room),
            Step.RETRACT: self._retract,
        }

    async def _bookmark(self, seat: Seat) -> None:
        member = await self._member(seat)
        nick = member.nick if member else seat.name
        await self._post.bookmark(seat.jid, seat.room, seat.room_name, nick)

    async def _member(self, seat: Seat) -> Member | None:
        """Return the seat's person as the server has confirmed them in the room, or None."""
        room = await self._store.applied(seat.room)
        return next((m for m in room.members if m.jid == seat.jid), None) if room else None

    async def _retract(self, seat: Seat) -> None:
        """Retract, unless there is nothing to: no account, or the address has another seat here."""
        if seat.readiness.keys is Keys.NO_ACCOUNT or await self._member(seat):
            return
        await self._post.retract(seat.jid, seat.room)

    def _failed(self, key: Key, seat: Seat, step: Step, error: XmppgovError) -> bool:
        failure = self._failures.setdefault(key, _Failure())
        failure.times += 1
        delay = min(FIRST_DELAY * 2 ** (failure.times - 1), LONGEST_DELAY)
        failure.again = asyncio.get_running_loop().time() + delay
        log.warning(
            "step failed", step=str(step), room=seat.room, jid=seat.jid, problem=error.condition
        )
        refused = isinstance(error, RemoteFault)
        return step is Step.BOOKMARK and refused and failure.times >= PATIENCE
