"""Promises an erasure: chooses its records, writes its slip, and puts it into the log.

Choosing reads beside whoever commits. So when it comes to the promise, all of it has to be as it
was chosen: the same holds, and nothing that came late. Else it is chosen again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from xmppgov.archive import ranges
from xmppgov.archive.leaf import Erase
from xmppgov.errors import NotFound, Unexpected
from xmppgov.i18n import Texts
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.service import Archive
from xmppgov_archive.retention import policy
from xmppgov_archive.retention.erasing.choice import Choice, Chosen
from xmppgov_archive.retention.erasing.store import ErasingStore, Promise
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.model import Part, Stock, hold_key
from xmppgov_archive.retention.service import Holds, Setting, Settle
from xmppgov_archive.retention.slip import Slip
from xmppgov_archive.retention.store import RetentionStore

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
MOST_TRIES = 5


class Promised(NamedTuple):
    """An erasure that cannot be taken back: its number, its last entry, its slip."""

    number: int
    leaf: int
    slip: Slip


class Promises:
    """Promises erasures, one after the other; `reading` reads beside the store's writer."""

    def __init__(
        self,
        *,
        archive: Archive,
        holds: Holds,
        reading: RetentionStore,
        choice: Choice,
        store: ErasingStore,
        keys: KeyRing,
        setting: Setting,
        folder: SlipFolder,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._holds, self._reading, self._store = archive, holds, reading, store
        self._choice = choice
        self._keys, self._setting, self._folder, self._clock = keys, setting, folder, clock
        self._turn = asyncio.Lock()

    async def check(self, parts: Sequence[Part]) -> list[Stock]:
        """Return what would be erased of `parts`.

        Raises:
            Unexpected: one of them is not due, or is being erased.
            NotFound: nothing of them may be erased.
        """
        busy = {part for erasure in await self._store.undone() for part in erasure.parts}
        for part in parts:
            if part in busy:
                raise Unexpected(
                    texts("{part} is being erased already.", part=f"{part.class_} {part.month}")
                )
            period = self._setting.periods.get(part.class_)
            if not policy.is_due(part.month, period, self._holds.today):
                raise Unexpected(
                    texts("{part} is not due yet.", part=f"{part.class_} {part.month}")
                )
        stock = await self._stock(parts)
        if not any(one.records for one in stock):
            raise _nothing()
        return stock

    async def erase(
        self, parts: Sequence[Part], visa: str, roles: Sequence[str], settle: Settle
    ) -> Promised:
        """Promise to erase what is due of `parts` and not held; it cannot be taken back.

        Raises:
            NotAllowed: two officers have to want it.
            Unexpected: as `check`; or the database is not as it was committed.
            NotFound: as `check`.
        """
        policy.check_roles(roles)
        names = " ".join(sorted(set(roles)))
        async with self._turn:
            for _ in range(MOST_TRIES):
                await self._holds.end_what_is_over()
                await self.check(parts)
                chosen = await self._choose(parts)
                if not chosen.stock:
                    raise _nothing()
                slip = self._setting.slip(chosen.stock, visa, names, self._holds.today)
                promised = await self._promise(chosen, slip, settle)
                if promised is not None:
                    return promised
        raise Unexpected(texts("Records keep arriving for what is to be erased; try again later."))

    async def _stock(self, parts: Sequence[Part]) -> list[Stock]:
        """Return what there seems to be, quickly: by the columns of the database.

        Holds that name somebody do not count here: who is told would learn who wrote and when.
        """
        holds = [hold for hold in await self._holds.lasting() if not hold.extent.names_somebody]
        months = sorted({part.month for part in parts})
        found = [one for month in months for one in await self._reading.stock(month, holds)]
        return sorted(one for one in found if one.part in parts)

    async def _choose(self, parts: Sequence[Part]) -> Chosen:
        size = await self._store.size()
        return await self._choice.of(parts, await self._holds.lasting(), size)

    async def _promise(self, chosen: Chosen, slip: Slip, settle: Settle) -> Promised | None:
        """Do steps 0 and 1 of `erasing`; None where something has overtaken what was chosen."""
        renewed = {p: self._keys.next_generation(p.month, p.class_) for p in chosen.indexes}
        doomed = await self._doomed(chosen)
        await asyncio.to_thread(self._folder.write, slip)
        async with self._archive.adding() as add:
            as_chosen = not await self._overtaken(chosen, slip)
            if as_chosen:
                entries = self._entries(chosen, slip)
                leaf = await add(*entries)
                promise = Promise(slip.encode(), renewed, doomed, chosen.numbers)
                number = await self._store.promise(leaf - len(entries) + 1, leaf, promise)
                await settle(slip.records)
                for part, generation in renewed.items():
                    self._keys.renew(part.month, part.class_, generation)
        if not as_chosen:
            await asyncio.to_thread(self._folder.discard, slip)
            return None
        log.info("an erasure is promised", entries=len(entries), records=slip.records)
        return Promised(number, leaf, slip)

    def _entries(self, chosen: Chosen, slip: Slip) -> list[Erase]:
        held = {one.part: one.held for one in chosen.stock}
        shared = {"v": 1, "kind": "erase", "t": self._clock(), "slip": slip.digest}
        shared |= {"visa": slip.visa, "roles": slip.roles}
        return [
            Erase.model_validate(
                {
                    **{"class": part.class_, "month": part.month, "held": held[part]},
                    **{"indexes": ranges.write(piece), "n": ranges.count(piece), **shared},
                }
            )
            for part, indexes in chosen.indexes.items()
            for piece in ranges.pieces(indexes)
        ]

    async def _doomed(self, chosen: Chosen) -> list[str]:
        """Return the keys of the parts under which nothing may be left."""
        there = set(self._keys.names())
        lasting = {hold.id for hold in chosen.holds}
        ended = [hold.id for hold in await self._holds.all() if hold.id not in lasting]
        return [
            name
            for part in chosen.indexes
            for name in (
                *self._keys.bodies(part.month, part.class_).values(),
                *(hold_key(id, part) for id in ended),
            )
            if name in there
        ]

    async def _overtaken(self, chosen: Chosen, slip: Slip) -> bool:
        """Tell whether anything has changed since it was chosen."""
        if slip.records != sum(map(ranges.count, chosen.indexes.values())):
            return True
        if await self._holds.lasting() != chosen.holds:
            return True
        late = [await self._store.late(part, chosen.size) for part in chosen.indexes]
        return any(late)


def _nothing() -> NotFound:
    return NotFound(texts("Nothing of it may be erased: there is nothing, or all is held."))
