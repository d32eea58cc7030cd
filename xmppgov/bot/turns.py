"""What waits to be read: a short queue for each sender, served in turn; and how far all is read."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """Items of many senders: each sender's in order, the senders one after the other.

    Args:
        depth: how many items of one sender wait at most; more are not taken.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._waiting: dict[str, deque[Item]] = {}  # in the order of the turns; none is empty
        self._dropped: dict[str, int] = {}
        self._some = asyncio.Event()

    def put(self, sender: str, item: Item) -> bool:
        """Take an item, unless too many of its sender's wait: then count it."""
        queue = self._waiting.setdefault(sender, deque())
        if len(queue) >= self._depth:
            self._dropped[sender] = self._dropped.get(sender, 0) + 1
            return False
        queue.append(item)
        self._some.set()
        return True

    async def get(self) -> tuple[str, Item]:
        """Wait for an item and return it with its sender, whose next turn is after all others'."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        sender = next(iter(self._waiting))
        queue = self._waiting.pop(sender)
        item = queue.popleft()
        if queue:
            self._waiting[sender] = queue
        return sender, item

    def dropped(self, sender: str) -> int:
        """Return how many items of a sender were not taken since they began to be too many."""
        return self._dropped.get(sender, 0)

    def settled(self, sender: str) -> int:
        """Return `dropped` once nothing of the sender's waits any more, and count anew; else 0."""
        return 0 if sender in self._waiting else self._dropped.pop(sender, 0)


class Progress:
    """The ids of an archive's messages in its order, of which some are done before older ones."""

    def __init__(self) -> None:
        self._open: dict[str, bool] = {}  # id: done

    def begin(self, identity: str) -> None:
        """A message is there, newer than all before."""
        self._open.setdefault(identity, False)

    def reached(self, identity: str) -> str | None:
        """Return up to where all would be done if `identity` were; None if an older is open."""
        mark, is_passed = None, False
        for known, is_done in self._open.items():
            if known != identity and not is_done:
                break
            mark, is_passed = known, is_passed or known == identity
        return mark if is_passed else None

    def end(self, identity: str) -> None:
        """A message is done."""
        if identity in self._open:
            self._open[identity] = True
        while self._open and self._open[oldest := next(iter(self._open))]:
            del self._open[oldest]
