"""Which holds last, as the log's entries have it: not the database, which can be changed meanwhile.

The entries are read from the log's public files, once after a start and then as they come, and are
kept in memory: a few for each hold that there ever was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from xmppgov.archive.jcs import LARGEST_INTEGER
from xmppgov.archive.leaf import Hold, Release, parse_leaf
from xmppgov.tlog.tiles import WIDTH

Bundle = Callable[[int, int], list[bytes]]
"""Return the first entries of a bundle, given its index and how many. Raises `TileInvalid`."""
AT_ONCE = 200  # bundles
_KINDS = (b'"kind":"hold"', b'"kind":"release"')


class Decisions:
    """The log's holds and releases; `size` tells how many entries its newest checkpoint covers."""

    def __init__(self, bundle: Bundle, size: Callable[[], int]) -> None:
        self._bundle, self._size = bundle, size
        self._read = 0
        self._turn = asyncio.Lock()
        self._holds: dict[int, Hold] = {}
        self._releases: dict[int, Release] = {}

    async def follow(self) -> None:
        """Read what has come since. Raises `TileInvalid` where it cannot be read."""
        async with self._turn:
            while self._read < self._size():
                end = min(self._size(), (self._read // WIDTH + AT_ONCE) * WIDTH)
                found = await asyncio.to_thread(self._between, self._read, end)
                for index, entry in found.items():
                    self.add(index, entry)
                self._read = end

    def add(self, index: int, entry: Hold | Release) -> None:
        """Take an entry that this process has committed itself: it counts before it is signed."""
        if isinstance(entry, Hold):
            self._holds[index] = entry
        else:
            self._releases[index] = entry

    def lasting(self, size: int | None = None) -> Mapping[int, Hold]:
        """Return the holds without a release, by index, in order.

        As it was when the log had `size` entries, where that is said.
        """
        end = LARGEST_INTEGER if size is None else size
        ended = {(entry.hold, at) for at, entry in self._releases.items() if at < end}
        return {
            index: entry
            for index, entry in sorted(self._holds.items())
            if index < end and not any(id == entry.hold and at > index for id, at in ended)
        }

    def names(self) -> set[str]:
        """Return the names of all holds that there ever were."""
        return {entry.hold for entry in self._holds.values()}

    def _between(self, start: int, end: int) -> dict[int, Hold | Release]:
        return dict(self._decided(start, end))

    def _decided(self, start: int, end: int) -> Iterator[tuple[int, Hold | Release]]:
        for first in range(start - start % WIDTH, end, WIDTH):
            entries = self._bundle(first // WIDTH, min(WIDTH, end - first))
            for index, data in enumerate(entries, first):
                if index >= start and any(kind in data for kind in _KINDS):
                    entry = parse_leaf(data)
                    if isinstance(entry, Hold | Release):
                        yield index, entry
