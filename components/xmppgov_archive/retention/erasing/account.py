"""Accounts for every record by its index, before a key is destroyed.

A key that is gone is gone in every backup too. So whether one may go is not asked of columns, by
which a record could hide for a moment: of each entry of the log's public files there has to be a
later one that erases it, or a row whose box opens. Its place cannot be changed, for the box is
bound to its index; and the key that opens it says under which it lies, and of which month it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import structlog

from xmppgov.archive import ranges
from xmppgov.archive.day import month_after
from xmppgov.archive.leaf import DATA, Erase, KeyChange, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.errors import LocalFault
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.tiles import WIDTH
from xmppgov_archive.records.rest import AtRest, BoxBroken
from xmppgov_archive.retention.erasing.store import Box, ErasingStore

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
Bundle = Callable[[int, int], list[bytes]]
"""Return the first entries of a bundle, given its index and how many. Raises `TileInvalid`."""
AT_ONCE, PAUSE = 8 * WIDTH, 0.01  # entries looked at at once; seconds for others in between
TELL = 500 * AT_ONCE  # entries between two words of how far it has come
_KINDS = (b'"kind":"erase"', b'"kind":"key"')
_MONTH = re.compile(r"(?:body[0-9]*-|hold-[^./]+\.)([0-9]{4}-[0-9]{2})-[^/]+")


class Unaccounted(LocalFault):
    """A record is not where it has to be, so that nobody can tell which key it needs."""


class Account:
    """What the records that are left need: names of keys, months whose names and days they are of.

    `bundle` reads the log's public files.
    """

    def __init__(self, store: ErasingStore, rest: AtRest, bundle: Bundle) -> None:
        self._store, self._rest, self._bundle = store, rest, bundle
        self._end = 0
        self._oldest = ""  # the first month whose pseudonyms' key is not gone
        self._erased: list[Range] = []
        self._missing: list[Range] = []
        self._keys: dict[str, int] = {}
        self._months: set[str] = set()

    async def take(self, size: int) -> None:
        """Account for the first `size` entries, and for the rows behind them.

        Raises:
            Unaccounted: a record is neither erased nor there, or its box does not open.
        """
        while self._end < size:
            start, end = self._end, min(self._end + AT_ONCE, size)
            boxes = await self._store.boxes(start, end)
            await asyncio.to_thread(self._portion, start, end, boxes)
            self._end = end
            if end % TELL == 0:
                log.info("records are accounted for", entries=end, of=size)
            await asyncio.sleep(PAUSE)
        lost = ranges.subtract(self._missing, ranges.union(self._erased))
        if lost:
            raise _unaccounted(
                lost[0][0],
                texts(
                    "Record {index} is gone, and no entry has erased it, so no key is destroyed; "
                    "run: xmppgov archive verify",
                    index=lost[0][0],
                ),
            )
        await self.follow()

    async def follow(self) -> None:
        """Account for the rows that have come since; raises as `take`."""
        while boxes := await self._store.boxes(self._end, self._end + AT_ONCE):
            await asyncio.to_thread(self._open, boxes)
            self._end = max(box.idx for box in boxes) + 1

    def check(self, keys: Iterable[str]) -> None:
        """Refuse to destroy keys of which a record needs one. Raises `Unaccounted`."""
        for key in keys:
            if key in self._keys:
                index = self._keys[key]
                raise _unaccounted(
                    index,
                    texts(
                        "Record {index} lies under a key that has to go, so no key is destroyed; "
                        "run: xmppgov archive verify",
                        index=index,
                    ),
                )

    def needs(self, month: str) -> bool:
        """Tell whether a record is of a month, or has its pseudonyms."""
        return month in self._months

    def _portion(self, start: int, end: int, boxes: Sequence[Box]) -> None:
        there = {box.idx: box for box in boxes}
        for index, entry in enumerate(self._entries(start, end), start):
            if entry[1] == DATA:
                if index in there:
                    self._open((there[index],))
                else:
                    ranges.add(self._missing, index)
            elif any(kind in entry for kind in _KINDS):
                self._control(index, entry)

    def _entries(self, start: int, end: int) -> Iterable[bytes]:
        bundles = range(start, end, WIDTH)
        return chain.from_iterable(
            self._bundle(first // WIDTH, min(WIDTH, end - first)) for first in bundles
        )

    def _control(self, index: int, entry: bytes) -> None:
        leaf = parse_leaf(entry)
        if isinstance(leaf, Erase):
            named = ranges.read(leaf.indexes)
            self._erased += ranges.subtract(named, [(index, ranges.LARGEST)])
        elif isinstance(leaf, KeyChange) and leaf.fate != "created":
            prefix, _, month = leaf.name.partition("-")
            if prefix == "month":
                self._oldest = max(self._oldest, month_after(month))

    def _open(self, boxes: Iterable[Box]) -> None:
        for box in boxes:
            key, month = self._key(box)
            if key not in self._keys:
                self._keys[key] = box.idx
            self._months |= {month, max(month, self._oldest)}

    def _key(self, box: Box) -> tuple[str, str]:
        """Return the key under which a record lies, and its month."""
        try:
            key = self._rest.key_of(*box)
            return key, month_of_key(key)
        except (BoxBroken, ValueError) as error:
            raise _unaccounted(
                box.idx,
                texts(
                    "Record {index} does not open under the key that its row names, so no key is "
                    "destroyed; run: xmppgov archive verify",
                    index=box.idx,
                ),
            ) from error


def month_of_key(name: str) -> str:
    """Return the month of the records under a key. Raises `ValueError`: no key is named so."""
    match = _MONTH.fullmatch(name)
    if match is None:
        raise ValueError("it is no name of a key of records")
    return match[1]


def _unaccounted(index: int, text: Text) -> Unaccounted:
    log.error("ALARM: a record is not accounted for, so no key is destroyed", index=index)
    return Unaccounted(text)
