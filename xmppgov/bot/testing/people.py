"""The people whom a tried bot meets, and the directory that knows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xmppgov.bot.permissions.model import Actor, Selector
from xmppgov.bot.permissions.policy import names
from xmppgov.directory.client import DirectoryClient
from xmppgov.directory.model import Entry, Member, Page, Post
from xmppgov.errors import NotFound
from xmppgov.folding import plain
from xmppgov.i18n import Text


def someone(jid: str, *posts: str, name: str = "") -> Entry:
    """Return a person with posts, each written as `role@body < body above < …`.

    `someone("alice@gov.example", "chair@grp-1 < an")` presides over a group of the Assembly.
    """
    id = jid.partition("@")[0]
    return Entry(id, name or id.capitalize(), jid, tuple(map(_post, posts)))


def _post(text: str) -> Post:
    place, *within = (part.strip() for part in text.split("<"))
    role, _, body = place.rpartition("@")
    return Post(body, body, role.capitalize(), role or "member", tuple(within))


class PeopleDirectory(DirectoryClient):
    """A directory of a few people, asked as the real one is."""

    def __init__(self, people: Iterable[Entry]) -> None:
        self._people = list(people)

    async def person(self, jid: Any) -> Entry:
        """Return the person with an address. Raises `NotFound`."""
        return self._one(lambda entry: entry.jid == str(jid))

    async def person_by_id(self, id: str) -> Entry:
        """Return the person with an id. Raises `NotFound`."""
        return self._one(lambda entry: entry.id == id)

    async def search(
        self, q: str, *, asker: Any, most: int = 10, language: str | None = None
    ) -> Page[Entry]:
        """Return the people whose names, posts and bodies have all words of `q`."""
        found = [entry for entry in self._people if _has(entry, plain(q).split())]
        return Page(tuple(found[:most]), len(found))

    async def members(self, body: str) -> tuple[Member, ...]:
        """Return who has a post in `body`."""
        return await self.audience(f"group:{body}")

    async def audience(self, *to: str) -> tuple[Member, ...]:
        """Return whom selectors mean, each once, as permissions understand them."""
        meant = [Selector.parse(one) for one in to]
        return tuple(
            Member(entry.id, entry.name, jid=entry.jid)
            for entry in self._people
            if any(names(selector, Actor(entry.jid or "", entry)) for selector in meant)
        )

    def _one(self, fits: Any) -> Entry:
        found = next(filter(fits, self._people), None)
        if found is None:
            raise NotFound(Text("xmppgov.bot", "{said}", {"said": "item-not-found"}))
        return found


def _has(entry: Entry, words: Iterable[str]) -> bool:
    posts = (f"{post.name} {post.title}" for post in entry.posts)
    there = plain(" ".join([entry.name, *posts]))
    return all(word in there for word in words)
