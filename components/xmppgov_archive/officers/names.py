"""Who is behind a pseudonym: opened with the officers' keys, for the months of one request."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from xmppgov.archive.sealing import PrivateKey, SealBroken, unpad
from xmppgov.archive.verify import StoredName
from xmppgov_archive.officers.months import open_month, sealed_to
from xmppgov_archive.officers.roots import DayRoots
from xmppgov_archive.officers.store import NameStore
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import keyed, name_info

BATCH = 500  # pseudonyms that are asked for at once


class Known(NamedTuple):
    """Whom pseudonyms stand for, and those whose name in the database is not theirs."""

    addresses: Mapping[str, str]
    changed: Collection[str]


class Found(NamedTuple):
    """What addresses are called, and the days (`2026-11-24`) whose names are not as the log says.

    Where there are such days, addresses may be called otherwise as well.
    """

    pseudonyms: tuple[str, ...]
    days: frozenset[str]


class Names:
    """The names of an archive, given the officers' keys by public key (hex).

    Anybody can seal a name to a public key. So an address counts only if the month's key makes of
    it the pseudonym that it is said to be behind. Where there is no such key, the name has to be
    one of those whose root the log has in the end of their day (`roots`); until then nobody can
    tell, and the pseudonym stays what it is.
    """

    def __init__(
        self,
        store: NameStore,
        keys: KeyRing,
        privates: Mapping[str, PrivateKey],
        roots: DayRoots,
    ) -> None:
        self._store, self._keys, self._privates, self._roots = store, keys, privates, roots
        self._months: dict[str, bytes | None] = {}

    async def pseudonyms(
        self, sort: str, addresses: Collection[str], months: Iterable[str]
    ) -> Found:
        """Return what addresses are called in some months.

        The month's key says it at once. Where that was destroyed, every name of the month is opened
        and compared, and so is every day that may have added one, for one that is missing or
        changed is not found.
        """
        found, days = list[str](), set[str]()
        for month in months:
            key = self._month_key(month)
            if key is not None:
                found += [keyed(key, sort, address.encode()) for address in addresses]
            else:
                people = (await self._opened(await self._store.names(month, sort))).addresses
                found += [name for name, address in people.items() if address in addresses]
                days |= set(await self._roots.changed(month))
        return Found(tuple(found), frozenset(days))

    async def addresses(self, latest: Mapping[str, str]) -> Known:
        """Return whom pseudonyms stand for, as far as their names are there.

        `latest` has for each the latest month (`2026-11`) of a record with it: its name is of that
        month or, where the record came late, of a later one.
        """
        wanted = sorted(latest)
        found, changed = dict[str, str](), set[str]()
        for start in range(0, len(wanted), BATCH):
            rows = await self._store.names_of(wanted[start : start + BATCH])
            early = {name.pseudonym for name, _ in rows if name.month < latest[name.pseudonym]}
            known = await self._opened(row for row in rows if row[0].pseudonym not in early)
            found |= known.addresses
            changed |= {*known.changed, *early}
        return Known(found, changed)

    def _month_key(self, month: str) -> bytes | None:
        """Return a month's key, if it is there in clear or sealed."""
        if month not in self._months:
            self._months[month] = self._find_month_key(month)
        return self._months[month]

    def _find_month_key(self, month: str) -> bytes | None:
        key = self._keys.find_month(month)
        file = self._keys.sealed_month(month)
        if key is None and file.exists():
            sealed = file.read_bytes()
            private = self._privates.get(sealed_to(sealed))
            key = open_month(sealed, month, private) if private else None
        return key

    async def _opened(self, rows: Iterable[tuple[StoredName, str]]) -> Known:
        """Return the addresses in some names; each takes a tenth of a millisecond."""
        openable = [(name, self._privates[key]) for name, key in rows if key in self._privates]
        opened = await asyncio.to_thread(
            lambda: {name.pseudonym: self._address(name, private) for name, private in openable}
        )
        keyless = [name for name, _ in openable if self._month_key(name.month) is None]
        changed = {pseudonym for pseudonym, said in opened.items() if said is None}
        told = await self._told([name for name in keyless if name.pseudonym not in changed])
        changed |= {pseudonym for pseudonym, committed in told.items() if not committed}
        unknown = {name.pseudonym for name in keyless} - told.keys()
        addresses = {p: said for p, said in opened.items() if said and p not in changed | unknown}
        return Known(addresses, changed)

    async def _told(self, names: Sequence[StoredName]) -> dict[str, bool]:
        told: dict[str, bool] = {}
        for start in range(0, len(names), BATCH):
            told |= await self._roots.committed(names[start : start + BATCH])
        return told

    def _address(self, name: StoredName, private: PrivateKey) -> str | None:
        """Return the address in a name, None where it is not what its pseudonym was made of."""
        info = name_info(name.pseudonym, name.month, name.sort)
        try:
            address = unpad(private.open(name.sealed, info))
        except (SealBroken, ValueError):
            return None
        key = self._month_key(name.month)
        if key is None:
            return address if self._keys.is_over(name.month) else None
        made = keyed(key, name.sort, address.encode())
        return address if hmac.compare_digest(made, name.pseudonym) else None


async def needed_keys(store: NameStore, keys: KeyRing, months: Iterable[str]) -> set[str]:
    """Return the officers' keys (hex) without which the names of some months stay closed."""
    wanted = list(months)
    files = [keys.sealed_month(month) for month in wanted]
    return await store.keys_of(wanted) | {
        sealed_to(file.read_bytes()) for file in files if file.exists()
    }
