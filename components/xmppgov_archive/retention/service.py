"""The use cases of retention: preview, holds and their end; what the clock asks for.

Erasures are promised and carried out by `erasing`, at once and after every start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import NamedTuple

import structlog

from xmppgov.archive.leaf import Hold as HoldEntry
from xmppgov.archive.leaf import Release
from xmppgov.errors import BadRequest, Conflict, NotFound, Unexpected
from xmppgov.i18n import Texts
from xmppgov_archive.records.service import Archive
from xmppgov_archive.retention import policy
from xmppgov_archive.retention.decisions import Decisions
from xmppgov_archive.retention.model import Extent, Hold, Period, Stock
from xmppgov_archive.retention.slip import Agencies, Line, Slip, title
from xmppgov_archive.retention.store import RetentionStore
from xmppgov_archive.retention.verify import is_as_said

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
EXPIRED = "nobody"
Settle = Callable[[int], Awaitable[None]]
"""Called within a decision's transaction, with how many records it is about."""


class Class(NamedTuple):
    """A retention class: how long, of what, by what right."""

    period: Period
    families: tuple[str, ...]
    basis: str


class Setting(NamedTuple):
    """What a configuration says: the classes by name, and whom a slip names."""

    classes: Mapping[str, Class]
    agencies: Agencies
    origin: str

    @property
    def periods(self) -> dict[str, Period]:
        """The period of each class."""
        return {name: kept.period for name, kept in self.classes.items()}

    def slip(self, stock: Iterable[Stock], visa: str, roles: str, today: date) -> Slip:
        """Return the slip for what there is; a draft where `visa` is empty."""
        lines = tuple(self._line(one) for one in stock if one.records)
        return Slip(self.agencies, self.origin, visa, roles, today.isoformat(), lines)

    def _line(self, stock: Stock) -> Line:
        kept = self.classes[stock.part.class_]
        return Line(
            title(kept.families, stock.part.month),
            *stock.part,
            stock.first,
            stock.last,
            stock.records,
            len(stock.units),
            stock.held,
            kept.period.months,
            kept.basis,
        )


class Preview(NamedTuple):
    """What is due on a day, and the holds that last."""

    today: date
    due: list[Stock]
    holds: list[Hold]


async def preview(
    store: RetentionStore, setting: Setting, today: date, holds: Sequence[Hold]
) -> Preview:
    """Return what is due, and how much of it `holds` keep; nothing changes."""
    ends = [policy.last_due(period, today) for period in setting.periods.values()]
    last = max((month for month in ends if month), default=None)
    months = await store.months(last) if last else []
    stock = [one for month in months for one in await store.stock(month, holds)]
    due = set(policy.due((one.part for one in stock), setting.periods, today))
    return Preview(today, sorted(one for one in stock if one.part in due), list(holds))


class Holds:
    """The legal holds of one archive. Which of them last is said by the log (`decisions`).

    `reading` is a store of its own, so that counting keeps nobody waiting; `clock` returns ms UTC,
    `random(n)` n random bytes.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        store: RetentionStore,
        reading: RetentionStore,
        decisions: Decisions,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self._archive, self._store, self._reading = archive, store, reading
        self._decisions, self._clock, self._random = decisions, clock, random

    @property
    def today(self) -> date:
        """The day (UTC)."""
        return policy.day_of(self._clock())

    async def all(self) -> list[Hold]:
        """Return every hold as the database has it, those that have ended too."""
        return await self._store.holds()

    async def lasting(self, size: int | None = None) -> list[Hold]:
        """Return the holds that last: those of which the log has the entry, and no release.

        Those that lasted when it had `size` entries, where that is said.

        Raises:
            Unexpected: the database has not each of them as its entry has it; then nobody can tell
                what they keep.
        """
        await self._decisions.follow()
        kept = {hold.leaf: hold for hold in await self._store.holds()}
        lasting = self._decisions.lasting(size)
        for index, entry in lasting.items():
            if index not in kept or not is_as_said(kept[index], entry):
                log.error("ALARM: a hold is not in the database as the log has it", entry=index)
                raise Unexpected(
                    texts(
                        "The hold {name} is not in the database as the log has it; run: xmppgov "
                        "archive verify",
                        name=entry.hold,
                    )
                )
        return [kept[index]._replace(ended=None) for index in lasting]

    def extent(self, **said: str | None) -> Extent:
        """Return an extent with a salt of its own. Raises `BadRequest`."""
        try:
            return Extent.model_validate({"v": 1, "salt": self._random(16).hex(), **said})
        except ValueError as error:
            raise BadRequest(texts("What the hold is to cover has not the right form.")) from error

    async def check(self, id: str, until: str) -> None:
        """Refuse a hold whose name is taken, or whose last day is over.

        Raises:
            Conflict, BadRequest: it is one of these.
        """
        await self._decisions.follow()
        if id in self._decisions.names() | {hold.id for hold in await self.all()}:
            raise Conflict(texts("There has been a hold of the name {name} already.", name=id))
        if not policy.is_day(until):
            raise BadRequest(texts("{day} is no day; write YYYY-MM-DD.", day=until))
        if until < self.today.isoformat():
            raise BadRequest(
                texts("{day} is over; the last day of a hold has to be today or later.", day=until)
            )

    async def make(
        self, id: str, extent: Extent, reason: str, until: str, role: str, settle: Settle
    ) -> Hold:
        """Keep what an extent covers from erasure, up to the day `until`.

        What an `erase` entry has named already cannot be kept. Raises as `check`.
        """
        await self.check(id, until)
        fields = {"hold": id, "scope": extent.digest, "reason": reason, "until": until}
        async with self._archive.adding() as add:
            now = self._clock()
            n = 0 if extent.names_somebody else await self._reading.covered(extent)
            entry = HoldEntry.model_validate(
                {"v": 1, "kind": "hold", "t": now, **fields, "roles": role, "n": n}
            )
            leaf = await add(entry)
            hold = Hold(id, extent, reason, until, now, role, n, leaf)
            await self._store.add_hold(hold)
            await settle(n)
        self._decisions.add(leaf, entry)
        log.info("a hold was made", hold=id)
        return hold

    async def find(self, id: str) -> HoldEntry:
        """Return the entry of a hold that has not ended. Raises `NotFound`."""
        await self._decisions.follow()
        for entry in self._decisions.lasting().values():
            if entry.hold == id:
                return entry
        if id in self._decisions.names():
            raise NotFound(texts("The hold {name} has ended already.", name=id))
        raise NotFound(texts("There is no hold of the name {name}.", name=id))

    async def release(self, id: str, roles: Sequence[str], settle: Settle) -> None:
        """End a hold, as two officers want. Raises `NotFound` or `NotAllowed`."""
        policy.check_roles(roles)
        await self._end(await self.find(id), " ".join(sorted(set(roles))), settle)

    async def end_what_is_over(self) -> None:
        """End the holds whose last day is over; the log says so of each."""
        await self._decisions.follow()
        for hold in self._decisions.lasting().values():
            if self.today.isoformat() > hold.until:
                with suppress(NotFound):
                    await self._end(hold, EXPIRED, _nothing)

    async def _end(self, hold: HoldEntry, roles: str, settle: Settle) -> None:
        fields = {"hold": hold.hold, "roles": roles}
        async with self._archive.adding() as add:
            stamp = {"v": 1, "kind": "release", "t": self._clock()}
            entry = Release.model_validate({**stamp, **fields})
            await self.find(hold.hold)  # else it was ended a moment ago
            leaf = await add(entry)
            await self._store.end_hold(hold.hold, leaf)
            await settle(hold.n)
        self._decisions.add(leaf, entry)
        log.info("a hold has ended", hold=hold.hold, roles=roles)


async def _nothing(_n: int) -> None:
    return None
