"""The bots are everybody's contacts, by the server (RFC 6121), and stay so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from tests.omemo_nodes import request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

PEOPLE = [f"{name}@gov.localhost" for name in ("alice", "bob", "clara", "dan")]
BOT, OTHER_BOT = "alertes@gov.localhost", "annuaire@gov.localhost"
ACCOUNTS = [*PEOPLE, BOT, OTHER_BOT, "guest@invites.gov.localhost"]
PROSODY_MODULES = "contacts"
ALICE, BOB, CLARA, DAN = PEOPLE
ROSTER = "jabber:iq:roster"


async def roster(account: Account, version: str | None = None) -> dict[str, dict[str, object]]:
    """Return the account's roster: bare address -> name, subscription, groups."""
    attribute = f' ver="{version}"' if version is not None else ""
    answer = await request(account, "get", f'<query xmlns="{ROSTER}"{attribute}/>')
    return {
        item.attrib["jid"]: {
            "name": item.get("name"),
            "subscription": item.get("subscription"),
            "groups": [group.text for group in item],
        }
        for item in answer.iter(f"{{{ROSTER}}}item")
    }


class Presences:
    """The presences that an account has received, newest last for each full address."""

    def __init__(self, account: Account) -> None:
        self.seen: list[tuple[str, str]] = []
        account.register_handler(Callback("all presences", StanzaPath("presence"), self._note))
        self._changed = asyncio.Event()

    def _note(self, presence) -> None:  # type: ignore[no-untyped-def]
        self.seen.append((presence["from"].bare, presence.xml.get("type", "available")))
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def of(self, jid: str, kind: str = "available") -> None:
        """Wait for a presence of `kind` from `jid`."""
        await self.until(lambda: (jid, kind) in self.seen)


async def test_every_person_has_the_bots_in_the_roster(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice:
        contacts = await roster(alice)
    assert contacts == {
        BOT: {"name": "Alertes", "subscription": "both", "groups": ["Services"]},
        OTHER_BOT: {"name": "Annuaire", "subscription": "both", "groups": ["Services"]},
    }


async def test_a_bots_own_list_is_short(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE), logged_in(prosody, BOT) as bot:
        assert await roster(bot) == {}


async def test_a_guest_has_no_bot(prosody: Prosody) -> None:
    async with logged_in(prosody, "guest@invites.gov.localhost") as guest:
        assert await roster(guest) == {}


@pytest.mark.parametrize("first", ["person", "bot"])
async def test_presence_goes_both_ways(prosody: Prosody, first: str) -> None:
    one, other = (ALICE, BOT) if first == "person" else (BOT, ALICE)
    async with logged_in(prosody, one) as early:
        early_sees = Presences(early)
        async with logged_in(prosody, other) as late:
            late_sees = Presences(late)
            await early_sees.of(other)
            await late_sees.of(one)
        await early_sees.of(other, "unavailable")
        assert (other, "unsubscribed") not in early_sees.seen
        assert (one, "unsubscribed") not in late_sees.seen
