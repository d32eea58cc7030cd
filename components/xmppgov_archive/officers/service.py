"""The officers' use cases: make a request, hand in a code, refuse, read the answer, run out.

A request's key, whom it is about, the codes and the answer are in this object only. A restart
forgets them, and with them the request (docs/decisions/0100). What the database has of a request
that lives is its copy, and is not asked (docs/decisions/0157).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

import structlog

from xmppgov.archive.leaf import Refusal
from xmppgov.archive.officer import Generation
from xmppgov.archive.request import SHORT, Request, Scope
from xmppgov.archive.sealing import KEY_SIZE, PrivateKey
from xmppgov.errors import BadRequest, NotAllowed, NotFound, TooMany
from xmppgov.i18n import Texts
from xmppgov.tlog.note import SigningKey
from xmppgov_archive.officers.execution import Executor, Granted
from xmppgov_archive.officers.live import Live, WrongShare
from xmppgov_archive.officers.model import Answer, Event, Rules, Standing, State, Step
from xmppgov_archive.officers.policy import (
    UNMET,
    WAITING,
    after,
    check_first,
    check_officer,
    check_request,
    first_state,
    stepped,
)
from xmppgov_archive.officers.store import RequestStore
from xmppgov_archive.records.service import Archive

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
TICK = 5.0  # seconds
MOST_WAITING, MOST_OF_ONE = 50, 5
MOST_LISTED = 100
NOBODY = "nobody"


class Made(NamedTuple):
    """A request that was made: where it stands, itself, and as it travels."""

    standing: Standing
    request: Request
    text: str


class Requests:
    """The requests of one archive; an async context manager.

    `executors` do what is granted, by kind. `generations` are the resolving keys, the newest
    first. `clock` returns ms UTC, `uptime` seconds of a clock that nobody can set, `random(n)` n
    random bytes.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        store: RequestStore,
        executors: Mapping[str, Executor],
        rules: Rules,
        generations: Sequence[Generation],
        key: SigningKey,
        clock: Callable[[], int],
        uptime: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._archive, self._store, self._executors = archive, store, executors
        self._rules, self._key, self._random = rules, key, random
        self._clock, self._uptime = clock, uptime
        self._generations = {made.public: made for made in generations if made.commitments}
        self._newest = generations[0].public
        self._live: dict[str, Live] = {}
        self._turn = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for standing in await self._store.in_states((*WAITING, State.GRANTED)):
            await self._end(standing, Event.RESTART, NOBODY)
        self._timer = asyncio.get_running_loop().create_task(self._keep_time())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            with suppress(asyncio.CancelledError):
                await self._timer
        self._live.clear()

    def role(self, address: str) -> str | None:
        """Return the role of a bare address, None for a stranger."""
        return self._rules.roles.get(address)

    async def make(self, address: str, kind: str, purpose: str, case: str, scope: Scope) -> Made:
        """Make a request of `address`, or, where it needs no other officer, do what it asks.

        Raises:
            NotAllowed: this account may not make it.
            BadRequest: purpose or scope is not one that this archive knows.
            TooMany: too many requests wait already.
        """
        role, needed = await self.check(address, kind, purpose, scope)
        async with self._turn:
            self._check_room(address)
            live = self._new(address, role, kind, purpose, case, scope, sorted(needed))
            if live.standing.state is State.GRANTED:
                await self._execute(live, (role,), {})
            else:
                async with self._store.transaction():
                    await self._store.add(live.standing)
            self._live[live.request.hash] = live
        return _made(live)

    async def check(
        self, address: str, kind: str, purpose: str, scope: Scope
    ) -> tuple[str, Collection[str]]:
        """Check what a request would be made of; return its role and the keys that it needs.

        A key of which there are no shares is none of them: what is sealed to it stays closed.

        Raises:
            NotAllowed, BadRequest: as `make`.
        """
        role = check_request(kind, self.role(address))
        executor = self._executors[kind]
        if purpose not in executor.purposes:
            raise BadRequest(texts("This purpose is not one of this archive's."))
        needed = [key for key in await executor.prepare(scope) if key in self._generations]
        return role, needed or (self._newest,)

    async def hand_in(self, start: str, address: str, text: str) -> Standing:
        """Take an officer's sealed code for a request; the last one that is needed grants it.

        Raises:
            NotAllowed: the officer may not approve this request, or the code is another role's.
            BadRequest: it is no code, or not for this request, or not with the right share.
            Conflict, Unexpected, NotFound: the request takes no code of this role.
        """
        async with self._turn:
            live = await self._waiting(start)
            role = check_officer(live.standing, self.role(address), address)
            check_first(live.standing, role)
            state = after(live.standing.state, Event.APPROVE)
            self._take(live, role, text)
            if state is State.GRANTED:
                await self._grant(live, role)
            else:
                step = Step(self._clock(), Event.APPROVE, role)
                async with self._store.transaction():
                    await self._store.advance(live.request.hash, state, step)
                live.standing = stepped(live.standing, state, step)
        return live.standing

    async def refuse(self, start: str, address: str) -> Standing:
        """Refuse a request, for good.

        Raises:
            NotAllowed, Conflict, Unexpected, NotFound: as `hand_in`.
        """
        async with self._turn:
            live = await self._waiting(start)
            role = check_officer(live.standing, self.role(address), address)
            await self._end(live.standing, Event.REFUSE, role)
        return await self.find(live.request.hash)

    async def requests(self, address: str) -> list[Standing]:
        """Return the newest requests that somebody may see: officers all, others their own."""
        role = self.role(address)
        if role is None:
            raise NotAllowed(texts("Only the archive's officers may do this."))
        found = {one.hash: one for one in await self._store.newest(MOST_LISTED)}
        found |= {hash: live.standing for hash, live in self._live.items()}
        newest = sorted(found.values(), key=lambda one: (-one.made, one.hash))[:MOST_LISTED]
        return [one for one in newest if role != "requester" or one.requester == address]

    async def show(self, start: str, address: str) -> Made:
        """Return a request that is still in memory, to officers and to its requester."""
        standing = await self.find(start)
        role = self.role(address)
        if role is None or (role == "requester" and standing.requester != address):
            raise NotAllowed(texts("Only the archive's officers may do this."))
        live = self._live.get(standing.hash)
        if live is None:
            raise _forgotten()
        return _made(live)

    async def answer(self, start: str, address: str) -> tuple[Made, Answer]:
        """Return what a granted request gives, to its requester only.

        Raises:
            NotAllowed, NotFound, Unexpected: it is another's, there is none, it is not granted.
        """
        standing = await self.find(start)
        if standing.requester != address or self.role(address) is None:
            raise NotAllowed(texts("Only who made the request reads its answer."))
        live = self._live.get(standing.hash)
        if standing.state is not State.GRANTED or live is None:
            after(standing.state, Event.CLOSE)
            raise _gone()
        if live.answer is None or live.is_read(self._clock(), self._uptime()):
            raise _gone()
        return _made(live), live.answer

    async def find(self, start: str) -> Standing:
        """Return the request whose hash begins with `start`. Raises `NotFound`."""
        start = start.strip().lower()
        short = len(start) < SHORT or not set(start) <= set("0123456789abcdef")
        stored = [] if short else await self._store.find(start)
        found = {one.hash: one for one in stored}
        if not short:
            living = (live for hash, live in self._live.items() if hash.startswith(start))
            found |= {live.request.hash: live.standing for live in living}
        if len(found) != 1:
            raise NotFound(texts("There is no request of this number."))
        return next(iter(found.values()))

    async def close_what_is_due(self) -> None:
        """End requests whose time is over, and answers that were there long enough."""
        now, uptime = self._clock(), self._uptime()
        async with self._turn:
            for live in list(self._live.values()):
                if live.standing.state in WAITING:
                    if live.is_over(now, uptime):
                        await self._end(live.standing, Event.EXPIRE, NOBODY)
                elif live.is_read(now, uptime):
                    await self._end(live.standing, Event.CLOSE, NOBODY)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.close_what_is_due()
            except Exception as error:
                log.error("requests cannot be ended for now", reason=type(error).__name__)

    def _check_room(self, address: str) -> None:
        standings = [live.standing for live in self._live.values()]
        waiting = [standing for standing in standings if standing.state in WAITING]
        of_one = sum(standing.requester == address for standing in waiting)
        if len(waiting) >= MOST_WAITING or of_one >= MOST_OF_ONE:
            raise TooMany(texts("Too many requests wait already; wait until some have ended."))

    def _new(
        self,
        address: str,
        role: str,
        kind: str,
        purpose: str,
        case: str,
        scope: Scope,
        needed: list[str],
    ) -> Live:
        private, now = PrivateKey(self._random(KEY_SIZE)), self._clock()
        fields = {
            **{"v": 1, "kind": kind, "archive": self._key.verifier.name, "requester": address},
            **{"role": role, "purpose": purpose, "case": case, "scope": scope},
            **{"made": now, "until": now + self._rules.approval_time},
            **{"key": private.public.raw.hex(), "resolving": " ".join(needed)},
        }
        try:
            request = Request.model_validate(fields)
        except ValueError as error:
            raise BadRequest(texts("A field of the request has not the right form.")) from error
        deadline = self._uptime() + self._rules.approval_time / 1000
        return Live(request, request.sign(self._key), private, _first(request), deadline)

    async def _waiting(self, start: str) -> Live:
        """Return a request that waits for officers; where its time is over, it ends now."""
        standing = await self.find(start)
        live = self._live.get(standing.hash)
        if live and standing.state in WAITING and live.is_over(self._clock(), self._uptime()):
            await self._end(standing, Event.EXPIRE, NOBODY)
            standing = standing._replace(state=State.EXPIRED)
        after(standing.state, Event.APPROVE)
        if live is None:
            raise _forgotten()
        return live

    def _take(self, live: Live, role: str, text: str) -> None:
        try:
            live.take(role, text, self._generations)
        except WrongShare:
            log.warning("a code holds a wrong share", role=role, request=live.request.id)
            raise

    async def _grant(self, live: Live, role: str) -> None:
        """Grant a request by its last code, which counts only if all of it succeeds."""
        roles = tuple(sorted({*live.standing.approved, role}))
        try:
            await self._execute(live, roles, live.keys(), role)
        except BaseException:
            live.codes.pop(role, None)
            raise
        live.codes.clear()

    async def _execute(
        self,
        live: Live,
        roles: tuple[str, ...],
        keys: Mapping[str, PrivateKey],
        role: str | None = None,
    ) -> None:
        """Do what a request asks for; `role` is that of the officer who granted it last."""
        standing = live.standing

        async def settle(n: int) -> None:
            nonlocal standing
            if role is None:
                standing = standing._replace(n=n)
                await self._store.add(standing)
            else:
                step = Step(self._clock(), Event.APPROVE, role)
                standing = stepped(standing, State.GRANTED, step, n)
                await self._store.advance(standing.hash, State.GRANTED, step, n)

        executor = self._executors[live.request.kind]
        answer = await executor.execute(Granted(live.request, roles, keys, settle, live.shares()))
        live.standing = standing
        live.show(answer, self._clock(), self._uptime(), self._rules.answer_time)
        log.info("a request was granted", request=live.request.id, roles=" ".join(roles))

    async def _end(self, standing: Standing, event: Event, role: str) -> None:
        """Bring a request to its end; one that came to nothing is said in the log."""
        state = after(standing.state, event)
        async with self._archive.adding() as add:
            now = self._clock()
            if state in UNMET:
                await add(_refusal(standing, role, now))
            await self._store.advance(standing.hash, state, Step(now, event, role))
        self._live.pop(standing.hash, None)
        log.info("a request has ended", request=standing.hash[:SHORT], state=str(state))


def _made(live: Live) -> Made:
    return Made(live.standing, live.request, live.text)


def _forgotten() -> NotFound:
    return NotFound(texts("The request has ended, and whom it was about is forgotten."))


def _gone() -> NotFound:
    return NotFound(texts("The answer is gone; make the request again."))


def _refusal(standing: Standing, role: str, now: int) -> Refusal:
    fields = {"request": standing.hash, "purpose": standing.purpose, "role": role}
    return Refusal.model_validate({"v": 1, "kind": "refusal", "t": now, **fields})


def _first(request: Request) -> Standing:
    return Standing(
        request.hash,
        request.kind,
        request.purpose,
        request.case,
        request.requester,
        request.role,
        first_state(request.kind),
        request.made,
        request.until,
        None,
        (Step(request.made, "request", request.role),),
    )
