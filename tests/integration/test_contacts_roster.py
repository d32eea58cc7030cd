"""The bots are everybody's contacts, by the server (RFC 6121), and stay so."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

from tests.messages import Mailbox, text
from tests.omemo_nodes import DEVICES, delete, publish, read, request
from tests.streams import logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account

PEOPLE = [f"{name}@gov.localhost" for name in ("alice", "bob", "clara", "dan")]
BOT, OTHER_BOT = "alertes@gov.localhost", "annuaire@gov.localhost"
ACCOUNTS = [*PEOPLE, BOT, OTHER_BOT, "guest@invites.gov.localhost"]
PROSODY_MODULES = "contacts"
ALICE, BOB, CLARA, DAN = PEOPLE
PING = '<ping xmlns="urn:xmpp:ping"/>'
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


async def test_a_bot_knows_who_was_there_before_it(prosody: Prosody) -> None:
    async with logged_in(prosody, ALICE) as alice, logged_in(prosody, BOB) as bob:
        sights = [Presences(alice), Presences(bob)]
        async with logged_in(prosody, BOT) as bot:
            bot_sees = Presences(bot)
            for person in (ALICE, BOB):
                await bot_sees.of(person)
            for sight in sights:
                await sight.of(BOT)


async def test_pep_reaches_the_bot_and_the_person(prosody: Prosody) -> None:
    wish = f"{DEVICES}+notify"
    async with wishing(prosody, ALICE, wish) as alice, wishing(prosody, BOT, wish) as bot:
        await delete(bot.stream, DEVICES)
        await delete(alice.stream, DEVICES)
        await publish(alice.stream, DEVICES)
        await publish(bot.stream, DEVICES)
        await bot.until(lambda message: message.get("from") == ALICE and DEVICES in text(message))
        await alice.until(lambda message: message.get("from") == BOT and DEVICES in text(message))


@asynccontextmanager
async def wishing(prosody: Prosody, jid: str, wish: str) -> AsyncIterator[Mailbox]:
    """An account whose capabilities (XEP-0115) ask for the notifications `wish`."""
    async with logged_in(prosody, jid, "xep_0030", "xep_0115") as account:
        box = Mailbox(account)
        account.plugin["xep_0030"].add_feature(wish)
        await account.plugin["xep_0115"].update_caps()
        yield box


async def test_the_bot_reads_an_absent_persons_pep(prosody: Prosody) -> None:
    async with logged_in(prosody, CLARA) as clara:
        await delete(clara, DEVICES)
        await publish(clara, DEVICES, "presence")
    async with logged_in(prosody, BOT) as bot:
        assert await read(bot, CLARA, DEVICES) == ["current"]
    async with logged_in(prosody, DAN) as dan:
        with pytest.raises(IqError):
            await read(dan, CLARA, DEVICES)


async def test_an_unknown_account_is_nobodys_contact(prosody: Prosody) -> None:
    async with logged_in(prosody, BOT) as bot:
        with pytest.raises(IqError):
            await read(bot, "nobody@gov.localhost", DEVICES)


@pytest.mark.parametrize("change", ['subscription="remove"', 'name="Other"'])
async def test_a_person_cannot_change_the_contact(prosody: Prosody, change: str) -> None:
    item = f'<query xmlns="{ROSTER}"><item jid="{BOT}" {change}/></query>'
    async with logged_in(prosody, ALICE) as alice:
        with pytest.raises(IqError) as caught:
            await request(alice, "set", item)
        assert caught.value.iq["error"]["condition"] == "not-allowed"
        assert "administration" in caught.value.iq["error"]["text"]
        assert (await roster(alice))[BOT]["name"] == "Alertes"
    assert (BOT, ALICE) not in stored_pairs(prosody)


async def test_other_contacts_are_the_persons_own(prosody: Prosody) -> None:
    item = f'<query xmlns="{ROSTER}"><item jid="{CLARA}" name="Clara"/></query>'
    async with logged_in(prosody, BOB) as bob:
        await request(bob, "set", item)
        assert (await roster(bob))[CLARA]["name"] == "Clara"
    assert (BOB, CLARA) in stored_pairs(prosody)
    assert not any(BOT in pair for pair in stored_pairs(prosody))


def stored_pairs(prosody: Prosody) -> set[tuple[str, str]]:
    """Return (owner, contact) of every roster item that the server has written."""
    folder = prosody.state / "prosody" / "gov%2elocalhost" / "roster"
    return {
        (f"{file.stem}@gov.localhost", contact)
        for file in folder.glob("*.dat")
        for contact in re.findall(r'\["([^"]+@[^"]+)"\] = ', file.read_text("utf-8"))
    }


@pytest.mark.parametrize("kind", ["unsubscribe", "unsubscribed", "subscribe", "subscribed"])
async def test_the_subscription_is_not_theirs_to_change(prosody: Prosody, kind: str) -> None:
    async with logged_in(prosody, DAN) as dan, logged_in(prosody, BOT) as bot:
        bot_sees, dan_sees = Presences(bot), Presences(dan)
        dan.send_presence(pto=BOT, ptype=kind)
        bot.send_presence(pto=DAN, ptype=kind)
        await request(dan, "get", PING)
        await request(bot, "get", PING)
        assert (await roster(dan))[BOT]["subscription"] == "both"
        assert await roster(bot) == {}
        assert (DAN, kind) not in bot_sees.seen
        assert (BOT, kind) not in dan_sees.seen
    assert not any(BOT in pair for pair in stored_pairs(prosody))


async def test_a_list_that_the_client_kept_is_not_trusted(prosody: Prosody) -> None:
    async with logged_in(prosody, CLARA) as clara:
        first = await request(clara, "get", f'<query xmlns="{ROSTER}"/>')
        version = first[0].get("ver")
        assert BOT in await roster(clara, version)
