"""Carries out what `erase` entries have promised: the erasure's own sequence of steps.

What is durable after each step, and what a crash behind it means:

0. *Slip* (the retention service): the slip's files are written and synced. Crash: a slip lies there
   that no entry names; nothing was promised and nothing is gone.
1. *Promise* (the same): in one transaction the `erase` entries, and the erasure with its parts, the
   keys that have to go, and the numbers of its records. From here on what arrives for a part has a
   key of its own. Crash: the next start goes on with the steps below. There is no way back.
2. *Sign*: nothing is destroyed before a checkpoint covers the entries. Crash: it is waited for.
3. *Rows* are deleted, a few at a time, each time in a transaction and a turn of its own. Before
   that the entries are compared with the slip on disk, and the rows chosen again by their boxes and
   by the holds of then: nothing goes that could not have been promised, whoever put it into the
   database. Crash: deleting again what is gone does nothing.
4. *Held records* of the parts are sealed under the key of a hold that keeps them. Crash: those that
   lie under a doomed key still are moved.
5. *Account*: of every record there is, by its index, which key it needs and of which month its
   names are, whatever its columns say. A record that is not where it has to be stops the erasure.
   Nothing is written. Crash: it is done again.
6. *Names* of months of which no record is left are deleted, their digests kept; the keys of these
   months and their days are doomed too. Crash: what is left of them is looked for again.
7. *Keys* are destroyed, and the log says so: a key is gone from the disk before its entry is
   written, and stays on the list until both are done. Crash: it is destroyed again, which does
   nothing, and the entry written.
8. *Write-ahead log*: emptied, so that no page of before is left in it. Crash: it is emptied again.
9. *Notice*: the message to the archives is written, and the erasure is done.

Every erasure takes this path from step 2, whether it was promised a moment or a crash ago.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256

import structlog

from xmppgov.archive import ranges
from xmppgov.archive.fates import erased_by
from xmppgov.archive.leaf import Erase, KeyChange, parse_leaf
from xmppgov.archive.ranges import Range
from xmppgov.errors import LocalFault
from xmppgov.i18n import Texts
from xmppgov_archive.records.keys import KeyRing, body_name
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.rest import AtRest, BoxBroken
from xmppgov_archive.records.service import Archive
from xmppgov_archive.retention.erasing.account import Account, Bundle
from xmppgov_archive.retention.erasing.choice import Choice
from xmppgov_archive.retention.erasing.pace import Pace
from xmppgov_archive.retention.erasing.store import ErasingStore, Erasure, Kept
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.model import Hold, Part, Period, hold_key
from xmppgov_archive.retention.policy import day_of, is_due, keeper
from xmppgov_archive.retention.service import Holds
from xmppgov_archive.retention.slip import Slip

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
MOST_MOVED = 300  # records that are sealed anew at once
MOST_TRIES, PAUSE = 50, 0.1  # of emptying the write-ahead log, while others read; seconds


class Unfinished(LocalFault):
    """A step of an erasure has to be done again."""


class Erasing:
    """Carries out promised erasures; nothing else destroys anything."""

    def __init__(
        self,
        *,
        archive: Archive,
        store: ErasingStore,
        choice: Choice,
        bundle: Bundle,
        holds: Holds,
        keys: KeyRing,
        rest: AtRest,
        names: Pseudonyms,
        periods: Mapping[str, Period],
        folder: SlipFolder,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._store, self._holds = archive, store, holds
        self._choice, self._bundle = choice, bundle
        self._keys, self._rest, self._names = keys, rest, names
        self._periods, self._folder, self._clock = periods, folder, clock
        self._pace = Pace()

    async def carry_out(self, erasure: Erasure) -> None:
        """Do all steps; whatever raises, do them again."""
        await self._archive.signed(erasure.last)
        await self._delete(erasure)
        for part in erasure.parts:
            await self._move_held(erasure, part)
        account = Account(self._store, self._rest, self._bundle)
        await account.take(self._archive.signed_size)
        doomed = await self._store.doomed(erasure.id)
        account.check(name for name in doomed if _is_of(name, erasure.parts))
        for month in await self._forgettable(erasure, account):
            await self._forget(erasure, month, account)
        await self._destroy_keys(erasure, account)
        await self._truncate()
        await asyncio.to_thread(self._folder.notify, erasure.slip)
        async with self._archive.adding():
            await self._store.finish(erasure.id, self._clock())
        log.info("an erasure is done", parts=len(erasure.parts))

    async def _truncate(self) -> None:
        for _ in range(MOST_TRIES):
            if await self._store.truncate():
                return
            await asyncio.sleep(PAUSE)
        raise Unfinished(texts("Somebody still reads what the database was before."))

    async def _delete(self, erasure: Erasure) -> None:
        named = erased_by(await self._store.entries(erasure))
        await self._check(erasure, named)
        for portion in self._pace.portions(named):
            async with self._turn():
                await self._store.delete(portion)

    async def _check(self, erasure: Erasure, named: Sequence[Range]) -> None:
        """Refuse to delete a row that could not have been promised, whoever has named it."""
        holds = await self._holds.lasting(erasure.first)
        chosen = await self._choice.of(erasure.parts, holds, erasure.first)
        taken = ranges.union([one for indexes in chosen.indexes.values() for one in indexes])
        others = await self._store.has_any(ranges.subtract(ranges.union(named), taken))
        if others or not await self._is_on_its_slip(erasure):
            log.error("ALARM: an erase entry names records that may not go", entry=erasure.first)
            raise Unfinished(texts("An erase entry names records that may not go."))

    async def _is_on_its_slip(self, erasure: Erasure) -> bool:
        """Tell whether the entries say what the slip says that was written before them."""
        said: Counter[Part] = Counter()
        for data in await self._store.entries(erasure):
            entry = parse_leaf(data)
            if isinstance(entry, Erase) and entry.slip == sha256(erasure.slip).hexdigest():
                said[Part(entry.class_, entry.month)] += entry.n
        if not await asyncio.to_thread(self._folder.has, erasure.slip):
            return False
        lines = Slip.parse(erasure.slip).lines
        slip = {Part(line.class_, line.month): line.records for line in lines}
        return slip == said and set(slip) == set(erasure.parts)

    async def _move_held(self, erasure: Erasure, part: Part) -> None:
        """Seal what is left of a part under a key that stays."""
        doomed = await self._store.doomed(erasure.id)
        holds = [h for h in await self._holds.all() if hold_key(h.id, part) not in doomed]
        first = body_name(part.month, part.class_)
        most = min(self._pace.rows, MOST_MOVED)
        while rows := await self._store.kept(part, doomed, first, most):
            moved = [self._moved(row, part, holds) for row in rows]
            async with self._turn():
                await self._store.move(moved)

    def _moved(self, row: Kept, part: Part, holds: Sequence[Hold]) -> tuple[bytes, str, int]:
        """Return a record's new box and key. One that does not open is moved as it is.

        A record that no hold keeps, because somebody has changed its columns, is kept all the same:
        no entry says that it may go.
        """
        hold = keeper(holds, row.traits)
        t, class_ = row.traits[:2]
        name = hold_key(hold.id, part) if hold else self._keys.body(t, class_)
        try:
            content = self._rest.open(row.idx, t, class_, row.sealed, row.key)
        except BoxBroken:
            return row.sealed, name, row.idx
        return self._rest.seal_under(name, row.idx, content), name, row.idx

    async def _forgettable(self, erasure: Erasure, account: Account) -> list[str]:
        """Return the months that are over for a class of the erasure, and of which nothing is left.

        They need not be months of its own: what came late has names of a later month.
        """
        classes = {part.class_ for part in erasure.parts}
        periods, today = [self._periods.get(c) for c in classes], day_of(self._clock())
        own = {part.month for part in erasure.parts}
        months = own | await self._store.named_months() | self._keys.dated().keys()
        over = own | {m for m in months if any(is_due(m, period, today) for period in periods)}
        return [month for month in sorted(over) if await self._is_unused(month, account)]

    async def _is_unused(self, month: str, account: Account) -> bool:
        """Tell whether nothing needs a month's names and days: neither by columns nor by boxes."""
        await account.follow()
        return not account.needs(month) and await self._store.is_unused(month)

    async def _forget(self, erasure: Erasure, month: str, account: Account) -> None:
        """Delete the names of a month of which nothing is left, and doom its keys."""
        said = False
        while entries := await self._store.covering(month):
            for closed in entries:
                said = await self._forget_of(month, closed, said, account)
            if not await self._is_unused(month, account):
                return
        async with self._turn():
            if await self._is_unused(month, account):
                await self._store.doom(erasure.id, self._keys.dated().get(month, []))

    async def _forget_of(
        self, month: str, closed: int | None, said: bool, account: Account
    ) -> bool:
        """Delete a month's names of those that an entry covers; return whether the log says so."""
        places = {} if closed is None else await self._store.places(closed)
        while True:
            async with self._turn() as add:
                names = await self._store.names(month, closed, self._pace.rows)
                if not names or not await self._is_unused(month, account):
                    return said
                if not said:
                    await add(self._destroyed(f"names-{month}"))
                    said = True
                await self._store.forget(closed, names, places)
                self._names.forget()  # whoever comes late to this month is named again

    async def _destroy_keys(self, erasure: Erasure, account: Account) -> None:
        doomed = await self._store.doomed(erasure.id)
        for part in erasure.parts:
            first = body_name(part.month, part.class_)
            if await self._store.kept(part, doomed, first, 1):
                raise Unfinished(texts("A record still lies under a key that has to go."))
        for name in doomed:
            async with self._turn() as add:
                if await self._may_go(name, erasure, account):
                    self._names.forget()
                    await asyncio.to_thread(self._destroy, name)
                    await add(self._destroyed(name))
                await self._store.settle(erasure.id, name)

    async def _may_go(self, name: str, erasure: Erasure, account: Account) -> bool:
        """Tell whether a key goes with an erasure. Raises `Unaccounted`: a record needs it."""
        if _is_of(name, erasure.parts):
            await account.follow()
            account.check([name])
            return True
        month = _month(name)
        return month is not None and await self._is_unused(month, account)

    def _destroy(self, name: str) -> None:
        self._rest.destroy(name)
        if name.startswith("month-"):
            self._keys.destroy_sealed(name.removeprefix("month-"))

    def _destroyed(self, name: str) -> KeyChange:
        return KeyChange(v=1, kind="key", t=self._clock(), name=name, fate="destroyed", public="")

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Callable[..., Awaitable[int]]]:
        """One transaction, in the archive's turn."""
        async with self._archive.adding() as add:
            self._pace.start()
            yield add
        self._pace.stop()


def _is_of(name: str, parts: Sequence[Part]) -> bool:
    """Tell whether a key is one of the records of some parts: no other goes with them."""
    ends = (f"{part.month}-{part.class_}" for part in parts)
    return any(re.fullmatch(rf"(?:body[0-9]*-|hold-[^.]+\.){re.escape(end)}", name) for end in ends)


def _month(name: str) -> str | None:
    """Return the month of the key of a month or a day, None for other keys."""
    match = re.fullmatch(r"(?:day|month)-([0-9]{4}-[0-9]{2})(?:-[0-9]{2})?", name)
    return match[1] if match else None
