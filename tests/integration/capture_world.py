"""A server, people, an archive and what it must hold: the ground of the capture's tests."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.integration.archive_sink import Sink
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.client import Account
from xmppgov.xmpp.component import Component

CANARY = "canari-7f3a"
_numbers = itertools.count(1)

OPEN_ROOMS = """
Component("rooms." .. ENV_XMPPGOV_DOMAIN) "muc"
\trestrict_room_creation = false
\tmuc_room_locking = false
\tmuc_room_default_members_only = false
\tmuc_room_default_persistent = false
"""

Expected = dict[str, str]


@dataclass
class World:
    """A server whose capture is watched: act, then ask what the archive got of it."""

    server: Prosody
    sink: Sink
    archive: str
    stack: AsyncExitStack
    accounts: dict[str, Account] = field(default_factory=dict)

    async def log_in(self, jid: str, *plugins: str) -> Account:
        """Return an account's stream that is online for the rest of the test."""
        account = await self.stack.enter_async_context(logged_in(self.server, jid, *plugins))
        self.accounts[jid] = account
        return account

    async def check(self, *expected: Expected) -> list[dict[str, str]]:
        """Assert that the archive gets exactly these records since the last check, and return them.

        Only the attributes that an expectation names are compared; None means that it is absent.
        """
        marker = f"marker-{next(_numbers)}"
        async with AsyncExitStack() as stack:
            if self.archive == "down":
                await stack.enter_async_context(connected(self.sink.component(self.server)))
            async with logged_in(self.server, f"marker@{self.server.domain}") as account:
                account.send_raw(
                    f'<message to="marker@{self.server.domain}" type="chat"><body>{CANARY}</body>'
                    f'<origin-id xmlns="urn:xmpp:sid:0" id="{marker}"/></message>'
                )
                await self.sink.wait(lambda: self.sink.find(oid=marker))
        found = [r for r in self.sink.all() if r.get("oid", "")[:7] != "marker-"]
        new, self.sink.checked = found[self.sink.checked :], len(found)
        seen = [{k: r.get(k) for k in e} for r, e in zip(new, expected, strict=False)]
        assert len(new) == len(expected), new
        assert seen == list(expected), new
        return new


def prepare(server: Prosody, extra: str = OPEN_ROOMS) -> None:
    """Let `server` run with more configuration than the demo's; before it starts."""
    file = server.state / "extra.cfg.lua"
    file.write_text(extra, "utf-8")
    server.environment = {**server.environment, "XMPPGOV_EXTRA": str(file)}


@asynccontextmanager
async def world(server: Prosody, sink: Sink, archive: str) -> AsyncIterator[World]:
    """A world for one test, with the archive "up" from the start or "down" until the check."""
    async with AsyncExitStack() as stack:
        if archive == "up":
            await stack.enter_async_context(connected(sink.component(server)))
        yield World(server, sink, archive, stack)


async def until(condition: Callable[[], object], timeout: float = 10) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


def say(stream: Account | Component, to: str | None, kind: str = "chat", inside: str = "") -> None:
    """Send a message with a body, or with `inside` instead."""
    target = f' to="{to}"' if to else ""
    sender = f' from="{stream.boundjid}"' if isinstance(stream, Component) else ""
    payload = inside or f"<body>{CANARY}</body>"
    stream.send_raw(f'<message{target}{sender} type="{kind}" id="m1">{payload}</message>')


async def join(account: Account, nick: str, room: str) -> None:
    """Enter a room and wait until it says so."""
    joined = asyncio.Event()

    def seen(presence: object) -> None:
        if str(presence["from"]) == f"{room}/{nick}":  # type: ignore[index]
            joined.set()

    account.add_event_handler("presence_available", seen)
    account.send_raw(
        f'<presence to="{room}/{nick}"><x xmlns="http://jabber.org/protocol/muc"/></presence>'
    )
    await asyncio.wait_for(joined.wait(), 10)


class Inbox:
    """The messages that a stream receives, as XML."""

    def __init__(self, account: Account) -> None:
        self.xml: list[str] = []
        account.register_handler(_every_message(self.xml))

    async def get(self, part: str, count: int = 1) -> None:
        """Wait until `count` messages with `part` in their XML have come."""
        await until(lambda: sum(part in xml for xml in self.xml) >= count)


def _every_message(into: list[str]):
    from slixmpp.xmlstream.handler import Callback
    from slixmpp.xmlstream.matcher import MatchXPath

    return Callback(
        "every message", MatchXPath("{jabber:client}message"), lambda m: into.append(str(m))
    )
