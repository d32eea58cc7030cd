"""Rooms follow the directory, and people enter when they have keys.

Four lanes run beside each other, so that a slow one holds no other up:
follow   asks the directory's version, and reads rooms and members when it changed;
look     looks at the keys of those whose keys changed, at once, and of everybody now and then;
settle   brings each room that may differ to what it should be;
errands  bookmark, invitation and retraction of each seat (`errands.py`).

Setting a room, step by step, and what a crash means:
1. the stages that directory and keys lead to are stored; crash: they are computed again;
2. the server is told the room as a whole; crash: it is asked who is in the room, what differs from
   what was stored is stored with its events, and it is told again;
3. what it confirmed, the new stages and an event for each member who came or went are stored in one
   transaction.
After a start, after each reconnection and after each question without an answer, every room is
asked for and told again: the recovery path is the normal one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from xmppgov.directory.client import DirectoryClient
from xmppgov.directory.model import Version
from xmppgov.errors import NotFound, XmppgovError
from xmppgov.rooms.client import RoomsClient
from xmppgov.rooms.model import Keys, Person, Readiness, Room
from xmppgov.rooms.policy import NEXT_STEP, Step, advance
from xmppgov_rooms.errands import Errands
from xmppgov_rooms.model import Body, as_found, came_and_went, planned, wishes
from xmppgov_rooms.readiness import KeyCheck
from xmppgov_rooms.store import RoomsStore

log = structlog.get_logger()
WEEK = 7 * 86400.0  # seconds
RETRY = 1.0  # seconds after which what did not work is tried again
DOUBT = 0.9  # seconds for which keys may be gone before they are believed gone
GATHER = 0.1  # seconds in which notices about the same person become one look


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long, in seconds; `hold` changes nothing on the server."""

    poll: float
    recheck: float
    nudge_after: float
    hold: bool = False


class Governance:
    """The use cases; `run()` runs the lanes until cancelled."""

    def __init__(
        self,
        *,
        store: RoomsStore,
        directory: DirectoryClient,
        rooms: RoomsClient,
        keys: KeyCheck,
        errands: Errands,
        nudge: Callable[[str], Awaitable[None]],
        clock: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._store = store
        self._directory = directory
        self._rooms = rooms
        self._keys = keys
        self._errands = errands
        self._nudge = nudge
        self._clock = clock
        self._pace = pace
        self._version: Version | None = None
        self._changed: set[str] = set()
        self._dirty: set[str] = set()
        self._sure: set[str] = set()
        self._tickets = itertools.count()
        self._looked: dict[str, int] = {}
        self._doubted: dict[str, float] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._follow_now, self._look_now = asyncio.Event(), asyncio.Event()
        self._recheck_now, self._settle_now = asyncio.Event(), asyncio.Event()
        self._settling, self._reading = asyncio.Lock(), asyncio.Lock()
        self._online = asyncio.Event()

    def connected(self) -> None:
        """Compare everything, because something may have happened while the stream was down."""
        self._version = None
        self._sure.clear()
        self._online.set()
        for event in (self._follow_now, self._recheck_now, self._settle_now):
            event.set()
        self._errands.forget_delays()

    def keys_changed(self, jid: str) -> None:
        """Look at somebody's keys as soon as possible."""
        self._changed.add(jid)
        self._look_now.set()

    async def sync(self) -> None:
        """Read the directory and tell the server every room; keys are looked at meanwhile.

        Raises an `XmppgovError` where one of them does not answer.
        """
        self._sure.clear()
        self._recheck_now.set()
        await self._read_directory()
        await self._settle_dirty()

    async def run(self) -> None:
        """Run the lanes until cancelled."""
        await self._online.wait()
        pace = self._pace
        lanes = [
            self._repeat(self._follow, self._follow_now, every=pace.poll),
            self._repeat(self._look, self._look_now),
            self._repeat(self._recheck, self._recheck_now, every=pace.recheck),
            self._repeat(self._settle_dirty, self._settle_now),
        ]
        if not pace.hold:
            lanes.append(self._repeat(self._do_errands, every=0))
            lanes.append(self._repeat(self._nudge_some, every=pace.poll))
        try:
            await asyncio.gather(*lanes)
        finally:
            for look in self._looks:
                look.cancel()

    async def _repeat(
        self,
        job: Callable[[], Awaitable[None]],
        event: asyncio.Event | None = None,
        *,
        every: float | None = None,
    ) -> None:
        """Do `job` when `event` is set and every so many seconds; again soon where it failed."""
        event = event or asyncio.Event()
        pause = every
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await event.wait()
            event.clear()
            pause = every if await self._guarded(job) else RETRY

    async def _guarded(self, job: Callable[[], Awaitable[None]]) -> bool:
        """Say whether `job` was done; what it raises is logged, and no lane ends by it."""
        try:
            await job()
        except XmppgovError as error:
            log.warning("will be tried again", job=job.__name__, problem=str(error.args[0]))
            return False
        except Exception as error:
            log.error("will be tried again", job=job.__name__, exc_info=error)
            return False
        return True

    # follow

    async def _follow(self) -> None:
        if self._version != await self._directory.version():
            await self._read_directory()

    async def _read_directory(self) -> None:
        """Take over rooms and members; the version is read first, so nothing newer is missed."""
        async with self._reading:
            version = await self._directory.version()
            listed = await self._directory.rooms()
            rooms = {room.body: Body(room.name, room.kind) for room in listed}
            people = await self._read_people(rooms)
            await self._store.replace_listing({r: rooms[r] for r in people}, people)
            self._version = version
        for jid in await self._store.addresses(unasked_only=True):
            self.keys_changed(jid)
        self._mark(await self._store.rooms())
        log.info("directory read", rooms=len(people), data=version.data, day=str(version.day))

    async def _read_people(self, rooms: Iterable[str]) -> dict[str, list[Person]]:
        people: dict[str, list[Person]] = {}
        for room in rooms:
            try:
                members = await self._directory.members(room)
            except NotFound:  # it ended between the two questions
                continue
            people[room] = [
                Person(m.person, m.name, m.role, m.jid.lower() if m.jid else None) for m in members
            ]
        return people

    # look

    async def _look(self) -> None:
        """Start a look at those whose keys changed; a slow answer does not hold up the next."""
        await asyncio.sleep(GATHER)
        jids, self._changed = self._changed, set()
        known = [jid for jid in jids if await self._store.rooms_of(jid)]
        if known:
            look = asyncio.create_task(self._look_until_answered(known))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look_until_answered(self, jids: list[str]) -> None:
        again = set(jids)
        try:
            again = await self._look_at(jids)
        except Exception as error:
            log.error("will be tried again", job="look", exc_info=error)
        self._look_again(again)

    def _look_again(self, jids: Iterable[str]) -> None:
        for jid in jids:
            asyncio.get_running_loop().call_later(RETRY, self.keys_changed, jid)

    async def _recheck(self) -> None:
        """Look at everybody; who does not answer now is looked at the next time."""
        await self._look_at(await self._store.addresses())
        self._look_again(self._doubted)

    async def _look_at(self, jids: list[str]) -> set[str]:
        """Look at people's keys and keep what was found; return whom to look at again soon.

        What is found by a look that began before another one that has been kept is not kept.
        """
        ticket, again = next(self._tickets), set()
        async for part in self._keys.check(jids):
            doubtful = await self._doubtful(part)
            again |= doubtful | {j for j, found in part.items() if found.keys is Keys.UNKNOWN}
            newest = {j: found for j, found in part.items() if self._looked.get(j, -1) < ticket}
            kept = {j: found for j, found in newest.items() if j not in doubtful}
            self._looked.update(dict.fromkeys(kept, ticket))
            for jid in kept:
                self._doubted.pop(jid, None)
            for jid in await self._store.save_readiness(kept, self._clock()):
                log.info("keys", jid=jid, keys=str(kept[jid].keys), reason=str(kept[jid].reason))
                self._mark(await self._store.rooms_of(jid))
        return again

    async def _doubtful(self, part: Mapping[str, Readiness]) -> set[str]:
        """Return whose keys have only just gone: a client that writes its nodes anew is not gone.

        They are looked at a second time, and believed then.
        """
        now = asyncio.get_running_loop().time()
        gone = {j for j, found in part.items() if found.keys is Keys.MISSING}
        for jid in part.keys() - gone:
            self._doubted.pop(jid, None)
        for jid in await self._store.usable(gone):
            self._doubted.setdefault(jid, now)
        return {j for j in gone if now - self._doubted.get(j, -math.inf) < DOUBT}

    async def _nudge_some(self) -> None:
        """Write to those who wait for long, one after the other."""
        after = self._pace.nudge_after
        while jid := await self._store.take_nudge(self._clock(), after=after, every=WEEK):
            await self._nudge(jid)

    async def _do_errands(self) -> None:
        await self._errands.run(lambda room: self._mark([room]))

    # settle

    def _mark(self, rooms: Iterable[str]) -> None:
        self._dirty.update(rooms)
        self._settle_now.set()

    async def _settle_dirty(self) -> None:
        """Settle every room that may differ; after a reconnection those are all."""
        unsure = {room for room in await self._store.rooms() if room not in self._sure}
        rooms, self._dirty = sorted(self._dirty | unsure), set()
        while rooms:
            try:
                await self._settle(rooms[0])
            except BaseException:
                self._dirty.update(rooms)
                raise
            rooms.pop(0)

    async def _settle(self, id: str) -> None:
        async with self._settling:
            await self._settle_alone(id)
        self._errands.wake()

    async def _settle_alone(self, id: str) -> None:
        """Bring one room to what the directory and the keys say; see the top of this file."""
        if self._pace.hold:
            self._sure.add(id)
            return
        if id not in self._sure:
            await self._find_out(id)
        await self._store.move(wishes(await self._store.seats(id)))
        await self._store.forget_vacant(id)
        seats = await self._store.seats(id)
        room = planned(id, await self._store.body(id), [(s, s.stage) for s in seats])
        pending = [s for s in seats if NEXT_STEP.get(s.stage) is Step.SET]
        before = await self._store.applied(id)
        moves = [(s, advance(s.stage, Step.SET)) for s in pending]
        if id not in self._sure or room != before:
            self._sure.discard(id)
            outcome = await self._rooms.set(room)
            log.info("room set", room=id, members=len(room.members), added=outcome.added)
        elif not pending:
            return
        events = came_and_went(before, room, self._rooms.address_of(id))
        await self._store.save_applied(room, moves, events)
        self._sure.add(id)

    async def _find_out(self, id: str) -> None:
        """Store who is in the server's list, which a lost answer or a restored database hides."""
        try:
            listed = await self._rooms.room(id)
        except NotFound:
            listed = ()
        before = await self._store.applied(id)
        body = await self._store.body(id)
        found = as_found(before or Room(id, body.name, (), body.kind), listed)
        if events := came_and_went(before, found, self._rooms.address_of(id)):
            await self._store.save_applied(found, [], events)
