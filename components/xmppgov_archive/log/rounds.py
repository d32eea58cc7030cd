"""Rounds: all witnesses are asked for the same checkpoint until enough have cosigned it.

Each on its own newest checkpoint would never agree while the log grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.note import Note


class Round:
    """One checkpoint, and the witnesses of which an answer is still worth waiting for."""

    def __init__(self, note: Note, awaited: Collection[str]) -> None:
        self.note = note
        self.checkpoint = Checkpoint.parse(note.text)
        self._awaited = set(awaited)
        self._over = asyncio.Event()
        if not self._awaited:
            self._over.set()

    def heard(self, name: str) -> None:
        """Note that a witness has answered, or cannot."""
        self._awaited.discard(name)
        if not self._awaited:
            self._over.set()

    def enough(self) -> None:
        """Note that the policy is satisfied."""
        self._over.set()

    async def over(self) -> None:
        """Wait until enough have cosigned, or nobody is left to wait for."""
        await self._over.wait()


class Rounds:
    """The round that is on; witnesses wait here for the next one."""

    def __init__(self) -> None:
        self._current: Round | None = None
        self._changed = asyncio.Condition()

    async def begin(self, new: Round) -> None:
        """Start a round."""
        async with self._changed:
            self._current = new
            self._changed.notify_all()

    async def other_than(self, last: Round | None) -> Round:
        """Return the round that is on as soon as it is not `last`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._current not in (None, last))
            assert self._current is not None
            return self._current
