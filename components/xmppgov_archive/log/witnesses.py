"""Collects cosignatures: each witness is asked on its own, and none can stop or slow the log.

A witness that does not answer is asked again after a second, then two, up to a minute, give or take
a half. One that has cosigned more than the log has ever signed, or finds that the log is not what
it has cosigned, is an ALARM: a database was restored, or there are two logs under one name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import structlog

from xmppgov.errors import Unreachable
from xmppgov.tlog.errors import RequestInvalid
from xmppgov.tlog.merkle import consistency_proof
from xmppgov.tlog.note import Note
from xmppgov.tlog.policy import Witness
from xmppgov.tlog.tiles import Read, TiledTree
from xmppgov.tlog.witness import AddCheckpoint, parse_cosignatures
from xmppgov_archive.log.client import OtherSize, Refused, WitnessClient
from xmppgov_archive.log.publication import Publication, merged
from xmppgov_archive.log.rounds import Round, Rounds
from xmppgov_archive.log.store import (
    ALARMS,
    COSIGNING,
    FORK,
    ROLLBACK,
    WitnessState,
    WitnessStore,
)

log = structlog.get_logger()
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds
LONGEST_ROUND = 30.0  # seconds
MOST_ANSWERS = 3  # in one turn, of a witness that has cosigned another size
REFUSALS = {404: "unknown-log", 422: FORK}


@dataclass
class Asked:
    """A witness as the collector knows it."""

    witness: Witness
    client: WitnessClient
    size: int = 0
    """What it has cosigned last, as far as it is known here; its answer corrects it."""
    t: int = 0
    """When it has cosigned last, in ms; 0 is never since the start."""
    state: str = ""
    pause: float = 0.0
    """Seconds until it is asked again; 0 while it answers."""


class Witnesses:
    """Use as an async context manager; `clock` returns ms UTC, `chance` a number from 0 to 1."""

    def __init__(
        self,
        *,
        publication: Publication,
        witnesses: Sequence[Witness],
        store: WitnessStore,
        read: Read,
        interval: float,
        clock: Callable[[], int],
        chance: Callable[[], float],
    ) -> None:
        self._publication, self._witnesses, self._store = publication, witnesses, store
        self._read, self._interval = read, interval
        self._clock, self._chance = clock, chance
        self._rounds = Rounds()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._store.keep_only([witness.name for witness in self._witnesses])
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        asked = [Asked(w, WitnessClient(session, w.url or "")) for w in self._witnesses]
        tasks = [asyncio.create_task(self._follow(one)) for one in asked]
        if tasks:
            tasks.append(asyncio.create_task(self._lead(asked)))
        self._stack.push_async_callback(_end, tasks)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _lead(self, asked: Sequence[Asked]) -> None:
        """Begin a round for the newest checkpoint whenever the last one is over."""
        text = ""
        while True:
            note = await self._publication.newer_than(text)
            current = Round(note, [one.witness.name for one in asked if not one.pause])
            await self._rounds.begin(current)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_ROUND):  # wait_for may lose a cancellation
                    await current.over()
            text = note.text
            await asyncio.sleep(self._interval)

    async def _follow(self, one: Asked) -> None:
        """Have one witness cosign the checkpoint of each round."""
        done: Round | None = None
        while True:
            current = await self._rounds.other_than(done)
            if await self._turn(one, current):
                done, one.pause = current, 0.0
            else:
                one.pause = min(max(one.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            current.heard(one.witness.name)
            if one.pause:
                await asyncio.sleep(one.pause * (0.5 + self._chance()))

    async def _turn(self, one: Asked, current: Round) -> bool:
        """Ask one witness in one round; False where it is to be asked again."""
        try:
            state = await self._ask(one, current)
            await self._remember(one, state)
            return state == COSIGNING
        except Exception as error:  # whatever it is, the log and the other witnesses go on
            log.error(
                "a cosignature is not kept", witness=one.witness.name, reason=type(error).__name__
            )
            return False

    async def _ask(self, one: Asked, current: Round) -> str:
        """Return how the witness stands after it was asked."""
        try:
            for _ in range(MOST_ANSWERS):
                try:
                    return await self._cosign(one, current)
                except OtherSize as other:
                    one.size = other.size
                if one.size > self._publication.size:
                    return ROLLBACK
                if one.size > current.checkpoint.size:  # an earlier run of the log was faster
                    return COSIGNING
        except Refused as refusal:
            return REFUSALS.get(refusal.status, "refused")
        except Unreachable:
            return "unreachable"
        except RequestInvalid:
            pass
        return "odd-answer"

    async def _cosign(self, one: Asked, current: Round) -> str:
        checkpoint, text = current.checkpoint, current.note.text
        old = one.size if one.size <= checkpoint.size else 0  # 0 asks how far it has come
        proof = await asyncio.to_thread(self._proof, old, checkpoint.size)
        own = (s for s in current.note.signatures if s.name == checkpoint.origin)
        request = AddCheckpoint(old, proof, Note(text, tuple(own)).encode())
        body = await one.client.add_checkpoint(request)
        signatures = parse_cosignatures(text, body, [one.witness.key])
        one.size, one.t = checkpoint.size, self._clock()
        current.note = merged(current.note, signatures)
        if await self._publication.add(current.note):
            current.enough()
        return COSIGNING

    def _proof(self, old: int, size: int) -> tuple[bytes, ...]:
        if not 0 < old <= size:
            return ()
        return tuple(consistency_proof(old, size, TiledTree(size, self._read).range_hash))

    async def _remember(self, one: Asked, state: str) -> None:
        """Keep how the witness stands where `status` finds it; say in the log what has changed."""
        witness = one.witness
        await self._store.keep(
            WitnessState(witness.name, witness.url or "", one.size, one.t, state, self._clock())
        )
        if state != one.state:
            say = log.error if state in ALARMS else log.info if state == COSIGNING else log.warning
            what = ALARMS.get(state, "a witness has another state")
            say(what, witness=witness.name, state=state, size=one.size)
        one.state = state


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
