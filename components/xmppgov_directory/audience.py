"""Who belongs to an audience: found once, and remembered while its pages are read.

Finding reads every post in the bodies that are named; a page is cut from what was found. So an
audience of 50,000 people, 100 pages, costs one reading and not a hundred. What an import or
midnight changes is found anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from xmppgov.directory.model import CHAIR, LARGEST_PAGE, Cut, Member, Page, sorted_page
from xmppgov.directory.selector import Selector
from xmppgov.errors import NotFound
from xmppgov.i18n import Texts
from xmppgov_directory.store import Store

texts = Texts("xmppgov_directory")
MOST_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class _Found:
    """The people of an audience in order, and who of them is a chair."""

    people: tuple[str, ...]
    chairs: frozenset[str]


_Key = tuple[str | tuple[Selector, ...], date, int]


class Audiences:
    """The audiences of the directory in `store`, page by page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._remembered: dict[_Key, _Found] = {}

    async def members(self, body: str, day: date, cut: Cut) -> Page[Member]:
        """Return the part `cut` of those who sit in `body` on `day`. Raises `NotFound`."""
        return await self._page(body, day, cut, lambda: self._sitting(body, day))

    async def named(self, selectors: tuple[Selector, ...], day: date, cut: Cut) -> Page[Member]:
        """Return the part `cut` of those whom one or more of `selectors` mean on `day`.

        Raises:
            NotFound: the directory does not know what a selector names.
        """
        return await self._page(selectors, day, cut, lambda: self._union(selectors, day))

    async def _page(
        self,
        what: str | tuple[Selector, ...],
        day: date,
        cut: Cut,
        find: Callable[[], Awaitable[_Found]],
    ) -> Page[Member]:
        key = (what, day, await self._store.data())
        found = self._remembered.pop(key, None) or await find()
        part = sorted_page(found.people, cut, LARGEST_PAGE)
        if not part.complete:
            self._remember(key, found)
        people = await self._store.people(part.items)
        members = tuple(
            replace(one, role=CHAIR) if one.person in found.chairs else one for one in people
        )
        return Page(members, part.count, part.index, part.first, part.last)

    def _remember(self, key: _Key, found: _Found) -> None:
        while len(self._remembered) >= MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = found

    async def _sitting(self, body: str, day: date) -> _Found:
        if await self._store.kind(body) is None:
            raise NotFound(texts("The directory knows nobody and nothing by this name."))
        return _sorted(await self._store.sitting(day, body=body))

    async def _union(self, selectors: tuple[Selector, ...], day: date) -> _Found:
        seats: dict[str, bool] = {}
        for selector in selectors:
            for person, chair in (await self._seats(selector, day)).items():
                seats[person] = chair or seats.get(person, False)
        return _sorted(seats)

    async def _seats(self, selector: Selector, day: date) -> dict[str, bool]:
        kind, id = selector.kind, selector.id
        if kind == "person":
            found = await self._store.find(**{"jid" if "@" in id else "id": id})
            if found is None:
                raise _unknown(selector)
            return {found: False}
        if kind and not _fits(kind, await self._store.kind(id)):
            raise _unknown(selector)
        return await self._store.sitting(
            day, body=id or None, below=kind == "body", role=selector.role or None
        )


def _sorted(seats: dict[str, bool]) -> _Found:
    chairs = frozenset(person for person, chair in seats.items() if chair)
    return _Found(tuple(sorted(seats)), chairs)


def _fits(asked: str, known: tuple[str, bool] | None) -> bool:
    """Tell whether a body, of which kind and room are known, is one of those asked for."""
    if known is None:
        return False
    kind, room = known
    return asked == "body" or (room if asked == "room" else asked == kind)


def _unknown(selector: Selector) -> NotFound:
    return NotFound(texts("{selector}: the directory knows no such audience.", selector=selector))
