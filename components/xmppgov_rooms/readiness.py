"""Whether people can be written to with OMEMO, by asking their servers for the published keys.

Nobody is admitted to a room before a device list and one usable bundle can be fetched: one member
without keys silences a room in clients that encrypt for all or for nobody.
"""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from xmppgov.errors import NotAllowed, NotFound, XmppgovError
from xmppgov.omemo.bundle import DEVICE_LIST, MOST_DEVICES, bundle_node, devices, is_usable
from xmppgov.rooms.model import NO_ACCOUNT, READY, Keys, Readiness, Reason

AskNode = Callable[[str, str], Awaitable[ET.Element | None]]
"""(address, node) -> the newest item's payload, or None where the node is empty.

Raises `NotFound` (no such node), `NotAllowed` (not readable), or another `XmppgovError`.
"""
AskAccounts = Callable[[Iterable[str]], Awaitable[dict[str, bool]]]

_NO_ANSWER = Readiness(Keys.UNKNOWN, Reason.NO_ANSWER)


def _missing(reason: Reason) -> Readiness:
    return Readiness(Keys.MISSING, reason)


class KeyCheck:
    """Looks at people's keys; at most `concurrency` of them at the same time in one `check`."""

    def __init__(self, *, ask_node: AskNode, ask_accounts: AskAccounts, concurrency: int) -> None:
        self._ask_node = ask_node
        self._ask_accounts = ask_accounts
        self._concurrency = concurrency

    async def check(self, jids: Iterable[str]) -> AsyncIterator[dict[str, Readiness]]:
        """Yield what was found by address, in parts, as it is found."""
        accounts = await self._accounts(list(jids))
        yield {jid: NO_ACCOUNT for jid, exists in accounts.items() if not exists}
        turns = asyncio.Semaphore(self._concurrency)
        people = [jid for jid, exists in accounts.items() if exists]
        looks = [asyncio.ensure_future(self._turn(turns, jid)) for jid in people]
        try:
            for look in asyncio.as_completed(looks):
                yield await look
        finally:
            for look in looks:
                look.cancel()

    async def _accounts(self, jids: list[str]) -> dict[str, bool]:
        """Say who may have an account: where that cannot be known, the keys are asked for."""
        try:
            known = await self._ask_accounts(jids)
        except XmppgovError:
            known = {}
        return {jid: known.get(jid, True) for jid in jids}

    async def _turn(self, turns: asyncio.Semaphore, jid: str) -> dict[str, Readiness]:
        async with turns:
            return {jid: await self._look(jid)}

    async def _look(self, jid: str) -> Readiness:
        try:
            found = devices(await self._ask_node(jid, DEVICE_LIST))
        except NotFound:
            return _missing(Reason.NO_DEVICE_LIST)
        except NotAllowed:
            return _missing(Reason.NOT_READABLE)
        except XmppgovError:
            return _NO_ANSWER
        if not found:
            return _missing(Reason.EMPTY_DEVICE_LIST)
        if len(found) > MOST_DEVICES:
            # Everybody in a room encrypts for each device: one such member would silence it.
            return _missing(Reason.TOO_MANY_DEVICES)
        return await self._look_at_bundles(jid, found)

    async def _look_at_bundles(self, jid: str, ids: tuple[int, ...]) -> Readiness:
        """One usable bundle is enough; only where all answers are known is there surely none."""
        results = []
        for device in ids:
            result = await self._look_at_bundle(jid, device)
            if result.keys is Keys.USABLE:
                return result
            results.append(result)
        unknown = next((r for r in results if r.keys is Keys.UNKNOWN), None)
        broken = next((r for r in results if r.reason is Reason.BROKEN_BUNDLE), None)
        return unknown or broken or results[0]

    async def _look_at_bundle(self, jid: str, device: int) -> Readiness:
        try:
            bundle = await self._ask_node(jid, bundle_node(device))
        except NotFound:
            return _missing(Reason.NO_BUNDLE)
        except NotAllowed:
            return _missing(Reason.NOT_READABLE)
        except XmppgovError:
            return _NO_ANSWER
        if bundle is None:
            return _missing(Reason.NO_BUNDLE)
        return READY if is_usable(bundle) else _missing(Reason.BROKEN_BUNDLE)
