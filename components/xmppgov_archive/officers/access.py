"""Looks into the archive, with names: what two officers have granted, and nothing beside it.

The entry in the log is durable before the first row is handed over. A month's pseudonyms are found
with its key, which the officers' key opens where the month has ended; where months are only
destroyed, with the names themselves. Nobody's name is in a log line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import NamedTuple

from xmppgov.archive import jcs
from xmppgov.archive.day import DAY
from xmppgov.archive.leaf import Access
from xmppgov.archive.request import AccessScope, Request
from xmppgov.archive.sealing import PrivateKey, SealBroken, unpad
from xmppgov.archive.verify import StoredName
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov_archive.inspection.store import Criteria, InspectionStore, Row
from xmppgov_archive.officers.execution import Granted
from xmppgov_archive.officers.model import Answer, Column
from xmppgov_archive.officers.months import open_month, sealed_to
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import keyed, name_info
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.service import Archive

texts = Texts("xmppgov_archive")
MOST_MONTHS = 120  # of one request
SORTS = ("person", "room", "unit")
COLUMNS = (
    Column("time", texts("Time (UTC)")),
    Column("kind", texts("Kind")),
    Column("from", texts("From")),
    Column("to", texts("To")),
    Column("room", texts("Room")),
    Column("unit", texts("Unit")),
    Column("entry", texts("Entry")),
)


class _Wanted(NamedTuple):
    """The pseudonyms of a scope, by sort."""

    person: set[str]
    room: set[str]
    unit: set[str]


class Accesses:
    """Does what requests of the kind `access` ask for.

    `most_rows` bounds an answer, `newest` is the officers' key (hex) to which names are sealed.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        store: InspectionStore,
        keys: KeyRing,
        rest: AtRest,
        purposes: Collection[str],
        most_rows: int,
        newest: str,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._store, self._keys, self._rest = archive, store, keys, rest
        self._purposes, self._most_rows = frozenset(purposes), most_rows
        self._newest, self._clock = newest, clock

    @property
    def purposes(self) -> Collection[str]:
        """The purposes that a look into the archive may have."""
        return self._purposes

    async def prepare(self, scope: AccessScope) -> Collection[str]:
        """Return the officers' keys that a scope needs: the newest, and those of sealed months.

        Raises:
            BadRequest: it asks for more rows than an answer may have.
        """
        if scope.rows > self._most_rows:
            text = texts("At most {most} rows can be asked for.", most=self._most_rows)
            raise BadRequest(text)
        boxes = (self._sealed(month) for month in self._months(scope))
        return {self._newest, *(sealed_to(box) for box in boxes if box)}

    async def execute(self, granted: Granted) -> Answer:
        """Write the log's entry, then return the rows with their names."""
        scope = granted.request.scope
        assert isinstance(scope, AccessScope)
        rows = await self._rows(scope, await self._wanted(scope, granted.keys))
        async with self._archive.adding() as add:
            await add(self._entry(granted, len(rows)))
            await granted.settle(len(rows))
        names = await self._names(rows, granted.keys)
        return Answer(
            texts(
                "{n} rows for request {id} of {requester}, opened on {when}. Whoever passes this "
                "on passes on names.",
                n=len(rows),
                id=granted.request.id,
                requester=granted.request.requester,
                when=_moment(self._clock()),
            ),
            COLUMNS,
            [self._shown(row, names) for row in rows],
        )

    def _entry(self, granted: Granted, n: int) -> Access:
        request: Request = granted.request
        fields = {"request": request.hash, "purpose": request.purpose, "requester": request.role}
        more = {"roles": " ".join(granted.roles), "n": n, "t": self._clock()}
        return Access.model_validate({"v": 1, "kind": "access", **fields, **more})

    async def _rows(self, scope: AccessScope, wanted: _Wanted) -> list[Row]:
        """Return the rows that name any of the wanted, oldest first, as many as were granted."""
        start, end = _start(scope.first), _start(scope.last) + DAY
        asked = (
            Criteria(start, end, people=tuple(wanted.person)) if wanted.person else None,
            Criteria(start, end, rooms=tuple(wanted.room)) if wanted.room else None,
            Criteria(start, end, units=tuple(wanted.unit)) if wanted.unit else None,
        )
        found: dict[int, Row] = {}
        for criteria in asked:
            if criteria is not None:
                rows = await self._store.find(criteria, scope.rows)
                found.update((row.idx, row) for row in rows)
        return sorted(found.values(), key=lambda row: (row.t, row.idx))[: scope.rows]

    async def _wanted(self, scope: AccessScope, keys: Mapping[str, PrivateKey]) -> _Wanted:
        wanted = _Wanted(set(), set(), set())
        asked = (scope.people, scope.rooms, scope.units)
        for month in self._months(scope):
            key = self._month_key(month, keys)
            for sort, names, found in zip(SORTS, asked, wanted, strict=True):
                addresses = set((names or "").split())
                if key is not None:
                    found.update(keyed(key, sort, address.encode()) for address in addresses)
                elif addresses:
                    rows = await self._store.sealed_names([month], sort)
                    opened = ((row.pseudonym, _opened(row, keys)) for row in rows)
                    found.update(name for name, address in opened if address in addresses)
        return wanted

    def _months(self, scope: AccessScope) -> list[str]:
        """Return the months whose keys can have made a pseudonym of the scope's days.

        What arrives late has its pseudonyms under the key of the oldest month that is open then, so
        the months to come belong to it, too.
        """
        month, last = scope.first[:7], self._keys.month(self._clock())
        months: list[str] = []
        while month <= max(last, scope.last[:7]) and len(months) < MOST_MONTHS:
            months.append(month)
            month = _after(month)
        return months

    def _month_key(self, month: str, keys: Mapping[str, PrivateKey]) -> bytes | None:
        """Return a month's key, opened where it is sealed; None where it was destroyed."""
        plain = self._keys.find_month(month)
        if plain is not None:
            return plain
        box = self._sealed(month)
        private = keys.get(sealed_to(box)) if box else None
        return open_month(box, month, private) if box and private else None

    def _sealed(self, month: str) -> bytes | None:
        file = self._keys.sealed_month(month)
        return file.read_bytes() if file.exists() else None

    async def _names(self, rows: Iterable[Row], keys: Mapping[str, PrivateKey]) -> dict[str, str]:
        """Return what the pseudonyms in rows stand for, as far as the keys open it."""
        used = {name for row in rows for name in (row.sender, row.recipient, row.room, row.org)}
        stored = await self._store.names_of(name for name in used if name)
        opened = ((name, _opened(row, keys)) for name, row in stored.items())
        return {name: address for name, address in opened if address is not None}

    def _shown(self, row: Row, names: Mapping[str, str]) -> list[str]:
        who = (row.sender, row.recipient, row.room, row.org)
        shown = [names.get(name, name) if name else "" for name in who]
        content = self._rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        return [_moment(row.t), str(jcs.decode(content.body)["kind"]), *shown, str(row.idx)]


def _opened(row: StoredName, keys: Mapping[str, PrivateKey]) -> str | None:
    """Return the address behind a sealed name; None where none of the keys opens it."""
    for key in keys.values():
        with suppress(SealBroken):
            return unpad(key.open(row.sealed, name_info(row.pseudonym, row.month, row.sort)))
    return None


def _start(day: str) -> int:
    """Return the first millisecond of a day (UTC)."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY


def _after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def _moment(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
