"""Other people's published keys: device lists and bundles, fetched without holding any lock.

Nobody with a session waits for a list: what is known is used, and whether there is more is asked
behind it (`renew`). Whoever has none is asked about first.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any

import structlog
from omemo.session_manager import DeviceListDownloadFailed
from omemo.types import DeviceList

from xmppgov.clock import Clock
from xmppgov.omemo.errors import Disconnected
from xmppgov.omemo.model import Reach, Warmth
from xmppgov.omemo.sessions import Surroundings, Wire
from xmppgov.omemo.store import OmemoStore
from xmppgov.omemo.trust import stand_aside

log = structlog.get_logger()

FRESH = 600.0  # seconds for which a fetched device list is taken as it is
PAUSE = 60.0  # seconds between two looks for a device that a sender does not list
TRIES = 5  # of a look that fails, in that time
AT_ONCE = 16  # requests for keys that wait for an answer
PER_SECOND = 20.0  # people whose lists are renewed
AT_A_TIME = 5  # of them

Lists = dict[str, DeviceList]


class Keys:
    """Fetches keys as far as they are not here; `take_over` commits device lists.

    `on_device` is told of whom a renewed list has a device that was not known.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        store: OmemoStore,
        around: Surroundings,
        take_over: Callable[[Lists], Awaitable[None]],
        on_device: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._on_device = on_device
        self._wire, self._store, self._around = wire, store, around
        self._take_over, self._clock = take_over, clock
        self._fresh: dict[str, float] = {}
        self._failed: dict[str, str] = {}  # whose list could not be fetched, and why
        self._forgotten: set[str] = set()  # not to be relied on, whatever is known
        self._doubted: dict[str, None] = {}  # to be asked about, the last one first
        self._doubt = asyncio.Event()
        self._fetching = 0
        self._looks = Looks(clock)
        self._lost = asyncio.Event()
        self._losses = 0

    def connected(self) -> None:
        """Take note of a new connection."""
        self._lost.clear()
        self._looks.clear()

    def doubt(self, jids: Iterable[str]) -> None:
        """Renew, behind everything else, the lists of `jids` that are not fresh."""
        stale = [jid for jid in jids if not self._is_fresh(jid)]
        self._doubted = dict.fromkeys([*stale, *self._doubted])
        self._doubt.set()

    def reach(self, jid: str) -> Reach:
        """Say what is known of `jid`, without asking anybody."""
        devices = self._store.devices(jid)
        usable = [device for device in devices if not self._is_useless(jid, device)]
        missing = [device for device in usable if not self._store.has_session(jid, device)]
        if not devices:
            asked = "no-device" if jid in self._fresh else "unknown"
            return Reach(Warmth.NONE, self._failed.get(jid, asked))
        if not usable:
            aside = stand_aside(self._store, jid)
            return Reach(Warmth.NONE, "unverified" if aside else "no-bundle")
        return Reach(Warmth.KEYS if missing else Warmth.WARM, missing=tuple(sorted(missing)))

    def _is_useless(self, jid: str, device: int) -> bool:
        """Whether nobody verified the device, or its bundle was asked for in vain."""
        if device in stand_aside(self._store, jid):
            return True
        failed = isinstance(self._around.bundles.get((jid, device)), Exception)
        return failed and not self._store.has_session(jid, device)

    def disconnected(self) -> None:
        """Give up what is being fetched: the connection is lost."""
        self._fresh.clear()
        self._looks.clear()
        self._lost.set()
        self._losses += 1

    def forget(self, jid: str) -> None:
        """Fetch the device list of `jid` anew the next time."""
        self._fresh.pop(jid, None)
        self._forgotten.add(jid)

    def heard(self, jid: str) -> None:
        """Take note that the device list of `jid` is as the server has it now."""
        self._forgotten.discard(jid)
        self._failed.pop(jid, None)
        self._fresh[jid] = self._clock.monotonic()

    async def published(self, jid: str, devices: DeviceList) -> None:
        """Take over a device list that somebody published."""
        self._looks.forget(jid)
        await self._update({jid: devices})

    async def fetch(self, jids: Collection[str]) -> dict[str, str]:
        """Fetch lists of whom no session is at hand, and bundles of devices without a session.

        Returns the addresses whose device list could not be fetched, with the reason.
        """
        stale = [jid for jid in jids if not self._is_fresh(jid)]
        at_hand = {jid for jid in stale if self._is_at_hand(jid)}
        self._fetching += 1
        try:
            failed = await self._renew([jid for jid in stale if jid not in at_hand])
            await self._fetch_bundles([d for jid in jids for d in self._store.sessionless(jid)])
        finally:
            self._fetching -= 1
        self._ask_soon(at_hand)
        return failed

    def _ask_soon(self, jids: Collection[str]) -> None:
        for jid in jids:
            self._doubted.pop(jid, None)
            self._doubted[jid] = None
        self._doubt.set()

    async def renew(self) -> None:
        """Ask about those who are in doubt, slowly and behind every `fetch`, until cancelled."""
        while True:
            self._doubt.clear()
            while self._doubted:
                if not self._fetching:
                    await self._renew_some()
                await self._clock.sleep(AT_A_TIME / PER_SECOND)
            await self._doubt.wait()

    async def _renew_some(self) -> None:
        count = min(AT_A_TIME, len(self._doubted))
        some = [self._doubted.popitem()[0] for _ in range(count)]
        before = {jid: set(self._store.devices(jid)) for jid in some if not self._is_fresh(jid)}
        try:
            await self._renew(before)
        except Exception as error:
            # What is known is used meanwhile; the next alert doubts it again.
            log.error("lists were not renewed", reference=secrets.token_hex(4), exc_info=error)
            return
        for jid, known in before.items():
            if set(self._store.devices(jid)) - known:
                self._on_device(jid)

    async def look_for(self, jid: str, device: int) -> None:
        """Look once a minute whether `jid` lists `device` by now, if it is not known.

        Raises:
            Disconnected: the connection was lost; look again after the next login.
        """
        # Who makes up devices would otherwise have a bot ask the server for each message.
        if self._store.knows(jid, device) or not self._looks.may_look(jid):
            return
        self.forget(jid)
        losses = self._losses
        failed = await self.fetch([jid])
        lost = self._lost.is_set() or self._losses != losses
        if lost and not self._store.knows(jid, device):
            raise Disconnected
        self._looks.note(jid, failed=jid in failed)

    def _is_fresh(self, jid: str) -> bool:
        age = self._clock.monotonic() - self._fresh.get(jid, -math.inf)
        return age < FRESH and bool(self._store.devices(jid))

    def _is_at_hand(self, jid: str) -> bool:
        """Whether something can be encrypted for `jid` without asking anybody."""
        return jid not in self._forgotten and any(
            self._store.has_session(jid, device) for device in self._store.devices(jid)
        )

    async def _renew(self, jids: Iterable[str]) -> dict[str, str]:
        lists, failed = await self._fetch_lists(jids)
        self._failed.update(failed)
        await self._update(lists)
        return failed

    async def _update(self, lists: Lists) -> None:
        if not lists:
            return
        await self._take_over(lists)
        for jid in lists:
            self.heard(jid)

    async def _fetch_lists(self, jids: Iterable[str]) -> tuple[Lists, dict[str, str]]:
        slots = asyncio.Semaphore(AT_ONCE)
        lists: Lists = {}

        async def fetch(jid: str) -> None:
            async with slots:
                try:
                    lists[jid] = await self._wire.device_list(jid)
                except DeviceListDownloadFailed:
                    return

        wanted = list(jids)
        await self._while_connected(fetch(jid) for jid in wanted)
        return lists, {jid: "keys-not-readable" for jid in wanted if jid not in lists}

    async def _fetch_bundles(self, devices: list[tuple[str, int]]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def fetch(jid: str, device: int) -> None:
            async with slots:
                self._around.bundles[jid, device] = await self._wire.bundle(jid, device)

        for known in [key for key in self._around.bundles if self._store.has_session(*key)]:
            del self._around.bundles[known]
        await self._while_connected(fetch(*device) for device in devices)

    async def _while_connected(self, requests: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Await requests; they are given up when the connection is lost."""
        work: asyncio.Future[Any] = asyncio.gather(*requests)
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        lost: asyncio.Future[Any] = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            lost.cancel()


class Looks:
    """Who was looked at for a device that is not listed: one look a minute, a few if it fails."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, tuple[float, int]] = {}  # no look before then; failures till then

    def may_look(self, jid: str) -> bool:
        """Whether it is time for a look at `jid`."""
        until, failures = self._made.get(jid, (-math.inf, 0))
        return self._clock.monotonic() >= until or 0 < failures < TRIES

    def note(self, jid: str, *, failed: bool) -> None:
        """Take note of a look."""
        (until, failures), now = self._made.get(jid, (-math.inf, 0)), self._clock.monotonic()
        if now >= until:
            until, failures = now + PAUSE, 0
        self._made[jid] = (until, failures + 1 if failed else 0)

    def forget(self, jid: str) -> None:
        """Look again whenever there is a reason."""
        self._made.pop(jid, None)

    def clear(self) -> None:
        """Look at everybody again whenever there is a reason."""
        self._made.clear()
