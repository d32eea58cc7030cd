"""What becomes of a month's key when the month has ended: sealed to the officers, or destroyed.

Whoever has a month's key can try every address of a directory, so it goes as soon as late messages
have had their time. What is durable after each step, and what a crash behind it means:

1. *Seal*: the key lies in `month-….sealed`, sealed to the officers' key (not where months are only
   destroyed). Crash: the key is still there too; the next attempt seals it again, in its place.
2. *Say*: one transaction adds the entry to the log and notes that the month has ended. From here on
   no pseudonym is made under its key. Crash: the key is still there, and step 3 is still to do.
3. *Destroy*: the key's file is overwritten, synced and removed. Crash: whatever is left of it is
   destroyed by the next attempt.

The next attempt is made a few seconds later, and by every start; the normal path is that path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Self

import structlog

from xmppgov.archive.day import month_after, month_start
from xmppgov.archive.leaf import KeyChange
from xmppgov.archive.sealing import PrivateKey, PublicKey
from xmppgov_archive.officers.model import MonthRules
from xmppgov_archive.officers.store import MonthStore
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import Pseudonyms
from xmppgov_archive.records.service import Archive

log = structlog.get_logger()
TICK = 10.0  # seconds
KEY_SIZE = 32  # bytes
WriteSecret = Callable[[Path, bytes], None]


class MonthEnds:
    """Ends months when their time has come; an async context manager."""

    def __init__(
        self,
        *,
        archive: Archive,
        store: MonthStore,
        keys: KeyRing,
        names: Pseudonyms,
        resolving: PublicKey,
        rules: MonthRules,
        clock: Callable[[], int],
        write: WriteSecret,
    ) -> None:
        self._archive, self._store, self._keys, self._names = archive, store, keys, names
        self._resolving, self._rules, self._clock, self._write = resolving, rules, clock, write
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._name_resolving_key()
        await self.end_what_is_due()
        self._timer = asyncio.get_running_loop().create_task(self._keep_time())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            with suppress(asyncio.CancelledError):
                await self._timer

    async def end_what_is_due(self) -> None:
        """End every month whose time has come, and finish what a crash left.

        Raises:
            OSError, sqlite3.Error: a write failed; try again.
        """
        ended = await self._store.months()
        for month in self._keys.months():
            if month not in ended:
                if self._clock() < month_start(month_after(month)) + self._rules.grace:
                    continue
                await self._seal(month)
                await self._say(month)
                log.info("a month has ended", month=month, fate=self._rules.fate)
            await asyncio.to_thread(self._keys.destroy, f"month-{month}")

    async def _seal(self, month: str) -> None:
        """Do step 1."""
        key = self._keys.find_month(month)
        if self._rules.fate == "sealed" and key is not None:
            box = seal_month(key, month, self._resolving)
            await asyncio.to_thread(self._write, self._keys.sealed_month(month), box)

    async def _say(self, month: str) -> None:
        """Do step 2; whoever waits for the archive's turn uses the key no more."""
        fate = self._rules.fate
        public = self._resolving.raw.hex() if fate == "sealed" else ""
        async with self._archive.adding() as add:
            await add(self._change(f"month-{month}", fate, public))
            await self._store.end(month, fate)
            # Also where the commit fails: then the month ends later, and nobody uses its key.
            close_months(await self._store.months(), self._keys)
            self._names.forget()

    async def _name_resolving_key(self) -> None:
        """Say in the log which key names are sealed to from now on, where it is a new one."""
        public = self._resolving.raw.hex()
        if public in (await self._store.resolving()).values():
            return
        async with self._archive.adding() as add:
            number = await self._store.add_resolving(public)
            await add(self._change(f"resolving-{number}", "created", public))

    def _change(self, name: str, fate: str, public: str) -> KeyChange:
        fields = {"name": name, "fate": fate, "public": public}
        return KeyChange.model_validate({"v": 1, "kind": "key", "t": self._clock(), **fields})

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.end_what_is_due()
            except Exception as error:
                log.error("a month cannot be ended for now", reason=type(error).__name__)


def close_months(ended: Collection[str], keys: KeyRing) -> None:
    """Let no key be made for months up to the last one that has ended."""
    if ended:
        keys.close_months(month_after(max(ended)))


def seal_month(key: bytes, month: str, resolving: PublicKey) -> bytes:
    """Return a month's key sealed: the 32 bytes of the officers' key, then the box."""
    return resolving.raw + resolving.seal(key, _info(month))


def sealed_to(sealed: bytes) -> str:
    """Return the officers' key (hex) that opens a sealed month."""
    return sealed[:KEY_SIZE].hex()


def open_month(sealed: bytes, month: str, key: PrivateKey) -> bytes:
    """Return the key of a sealed month. Raises `SealBroken`."""
    return key.open(sealed[KEY_SIZE:], _info(month))


def _info(month: str) -> bytes:
    return b"xmppgov/month/v1\0" + month.encode()
