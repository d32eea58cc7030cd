"""What the directory does: finds people for people, and answers machines. No XML, no SQL.

An answer that shows a protected person to somebody is a look-up: the archive's spool has it, on
disk, before the answer is given. What a service of the configuration asks is none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import date

import structlog

from xmppgov.archive.emitter.model import Event
from xmppgov.directory.model import Cut, Device, Entry, Member, Page, Room, Version, page
from xmppgov.directory.selector import parse_audience
from xmppgov.errors import NotAllowed, NotFound
from xmppgov.i18n import Texts
from xmppgov_directory.audience import Audiences
from xmppgov_directory.limits import Limiter
from xmppgov_directory.model import Listing
from xmppgov_directory.query import Query, parse
from xmppgov_directory.store import Store

log = structlog.get_logger()
texts = Texts("xmppgov_directory")
_NOTHING: Page = Page((), 0)


class DirectoryService:
    """The directory's use cases; `today` gives the day for which terms are evaluated.

    `address` is the directory's own; `tell` makes events durable before it returns.
    """

    def __init__(
        self,
        *,
        address: str,
        store: Store,
        tell: Callable[[Sequence[Event]], Awaitable[None]],
        limiter: Limiter,
        domains: Collection[str],
        machines: Collection[str],
        services: Collection[str],
        bots: Collection[str] = (),
        max_results: int,
        today: Callable[[], date],
    ) -> None:
        self._address = address
        self._store = store
        self._audiences = Audiences(store)
        self._tell = tell
        self._limiter = limiter
        self._domains = domains
        self._machines = machines
        self._services = services
        self._bots = bots
        self._most = max_results
        self._today = today
        self._day: date | None = None

    def admit_person(self, asker: str) -> None:
        """Let the bare address `asker` pass if it is a person of the organisation.

        Raises:
            NotAllowed: it is not: a stranger, a guest, or no person.
        """
        if not self.is_person(asker):
            raise NotAllowed(texts("Only the organisation's own people may ask the directory."))

    def is_person(self, asker: str) -> bool:
        """Whether the bare address `asker` is one of the organisation's people."""
        local, at, domain = asker.partition("@")
        return bool(local and at and domain in self._domains)

    def admit_machine(self, asker: str) -> None:
        """Let the bare address `asker` pass if the configuration lists it. Raises `NotAllowed`."""
        if asker not in self._machines:
            raise NotAllowed(texts("This address may not ask the directory this way."))

    async def search(
        self, asker: str, query: Query, cut: Cut, *, reachable: bool = False
    ) -> Page[Listing]:
        """Return the part `cut` of what `asker` finds; `reachable`: only people with an address.

        Raises:
            NotAllowed: `asker` is none of the organisation's people.
            TooMany: they searched too often.
            NotFound: `cut` names a person who is not among the results.
        """
        self.admit_person(asker)
        self._limiter.spend(asker)
        await self._follow()
        found = await self._store.index.search(query, self._most, reachable=reachable)
        try:
            shown = page(found, lambda listing: listing.id, cut, self._most)
        except KeyError:
            raise NotFound(texts("This page of results is gone; search again.")) from None
        await self._looked_up(asker, ((hit.id, hit.jid) for hit in shown.items if hit.protected))
        return shown

    async def search_for(self, asker: str, text: str, most: int) -> Page[Entry]:
        """Return at most `most` people with their posts, as `asker` would be answered."""
        found = await self.search(asker, parse({"q": text}), Cut(most))
        day = self._today()
        known = await self._store.people([hit.id for hit in found.items])
        langs = {one.person: one.lang for one in known}
        entries = [
            Entry(
                hit.id, hit.name, hit.jid or None, await self._store.posts(hit.id, day),
                lang=langs.get(hit.id),
            )
            for hit in found.items
        ]  # fmt: skip
        return Page(tuple(entries), found.count, found.index, found.first, found.last)

    async def version(self) -> Version:
        """Return the number of imports and the day, with the index brought to that day."""
        day = self._today()
        # An import may have written since, in a process of its own that lives by another day.
        await self._store.follow(day)
        return Version(await self._store.data(), day)

    async def rooms(self) -> tuple[Room, ...]:
        """Return the bodies that have a room today."""
        return await self._store.rooms(self._today())

    async def members(self, asker: str, body: str, cut: Cut) -> Page[Member]:
        """Return today's members of a body to a machine. Raises `NotFound`."""
        return await self._shown(asker, await self._audiences.members(body, self._today(), cut))

    async def person(self, asker: str, *, id: str = "", jid: str = "") -> Entry:
        """Return a person with today's posts to a machine, by id or address. Raises `NotFound`."""
        found = await self._store.person(self._today(), id=id, jid=jid)
        if found is None:
            raise NotFound(texts("The directory knows nobody and nothing by this name."))
        await self._shown_to_machine(asker, [found.id])
        return found

    async def audience(self, asker: str, to: str, cut: Cut) -> Page[Member]:
        """Return to a machine whom the selectors `to` mean today, each once.

        Raises:
            BadRequest: one of them is no selector (`xmppgov.directory.selector`).
            NotFound: there is no such person or body.
        """
        found = await self._audiences.named(parse_audience(to), self._today(), cut)
        return await self._shown(asker, found)

    async def devices(self) -> tuple[Device, ...]:
        """Return the devices that the configured bots published, by address."""
        return tuple(d for d in await self._store.devices() if d.jid in self._bots)

    async def publish_device(self, device: Device) -> None:
        """Note the device of a bot, as it says itself. Raises `NotAllowed` for other accounts."""
        if device.jid not in self._bots:
            raise NotAllowed(texts("Only the directory's configured bots publish their device."))
        former = await self._store.write_device(device)
        if former is not None:
            log.warning("a bot has another device", jid=device.jid, before=former.fingerprint)

    async def _shown(self, asker: str, found: Page[Member]) -> Page[Member]:
        await self._shown_to_machine(asker, [member.person for member in found.items])
        return found

    async def _shown_to_machine(self, asker: str, people: Sequence[str]) -> None:
        if asker not in self._services:
            await self._looked_up(asker, await self._store.protected(people))

    async def _looked_up(self, asker: str, people: Iterable[tuple[str, str | None]]) -> None:
        """Have it on disk that `asker` is shown protected people, given by id and address."""
        events = [Event("lookup", asker, to=jid or f"{id}@{self._address}") for id, jid in people]
        if events:
            await self._tell(events)

    async def _follow(self) -> None:
        day = self._today()
        if day != self._day:
            await self._store.follow(day)
            self._day = day
