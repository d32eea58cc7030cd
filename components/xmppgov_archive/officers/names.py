"""Who is behind a pseudonym: opened with the officers' keys, for the months of one request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping

from xmppgov.archive.sealing import PrivateKey, unpad
from xmppgov.archive.verify import StoredName
from xmppgov_archive.officers.months import open_month, sealed_to
from xmppgov_archive.officers.store import NameStore
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import keyed, name_info

BATCH = 500  # pseudonyms that are asked for at once


class Names:
    """The names of an archive, given the officers' keys by public key (hex)."""

    def __init__(self, store: NameStore, keys: KeyRing, privates: Mapping[str, PrivateKey]) -> None:
        self._store, self._keys, self._privates = store, keys, privates

    async def pseudonyms(
        self, sort: str, addresses: Collection[str], months: Iterable[str]
    ) -> tuple[str, ...]:
        """Return what addresses are called in some months.

        The month's key says it at once. Where that was destroyed, every name of the month is opened
        and compared.
        """
        found: list[str] = []
        for month in months:
            key = self._month_key(month)
            if key is not None:
                found += [keyed(key, sort, address.encode()) for address in addresses]
            else:
                people = await self._opened(await self._store.names(month, sort))
                found += [name for name, address in people.items() if address in addresses]
        return tuple(found)

    async def addresses(self, pseudonyms: Collection[str]) -> dict[str, str]:
        """Return whom pseudonyms stand for, as far as their names are there."""
        wanted = sorted(pseudonyms)
        found: dict[str, str] = {}
        for start in range(0, len(wanted), BATCH):
            rows = await self._store.names_of(wanted[start : start + BATCH])
            found |= await self._opened(rows)
        return found

    def _month_key(self, month: str) -> bytes | None:
        """Return a month's key, if it is there in clear or sealed."""
        key = self._keys.find_month(month)
        file = self._keys.sealed_month(month)
        if key is None and file.exists():
            sealed = file.read_bytes()
            private = self._privates.get(sealed_to(sealed))
            key = open_month(sealed, month, private) if private else None
        return key

    async def _opened(self, rows: Iterable[tuple[StoredName, str]]) -> dict[str, str]:
        """Return the addresses in some names, by pseudonym; each takes a tenth of a millisecond."""
        return await asyncio.to_thread(
            lambda: {
                name.pseudonym: self._open(name, self._privates[public])
                for name, public in rows
                if public in self._privates
            }
        )

    def _open(self, name: StoredName, private: PrivateKey) -> str:
        info = name_info(name.pseudonym, name.month, name.sort)
        return unpad(private.open(name.sealed, info))


async def needed_keys(store: NameStore, keys: KeyRing, months: Iterable[str]) -> set[str]:
    """Return the officers' keys (hex) without which the names of some months stay closed."""
    wanted = list(months)
    files = [keys.sealed_month(month) for month in wanted]
    return await store.keys_of(wanted) | {
        sealed_to(file.read_bytes()) for file in files if file.exists()
    }
