"""A granted look into the archive: the rows of the request's scope, with names.

The officers' keys are in memory while this runs and no longer. What stays for the requester is the
answer; the entry that says so is in the log before anybody has it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from xmppgov.archive.day import DAY, month_after
from xmppgov.archive.leaf import Access
from xmppgov.archive.request import AccessScope
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts
from xmppgov_archive.inspection.store import Criteria, InspectionStore, Row
from xmppgov_archive.officers.execution import Granted
from xmppgov_archive.officers.model import Answer, Column
from xmppgov_archive.officers.names import Names, needed_keys
from xmppgov_archive.officers.store import NameStore
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.service import Archive

texts = Texts("xmppgov_archive")
MOST_MONTHS = 120
COLUMNS = (
    Column("index", texts("Entry")),
    Column("time", texts("Time (UTC)")),
    Column("kind", texts("Kind")),
    Column("from", texts("From")),
    Column("to", texts("To")),
    Column("room", texts("Room")),
    Column("unit", texts("Unit")),
    Column("size", texts("Size")),
    Column("encryption", texts("Encryption")),
    Column("state", texts("State")),
)
NAMED = ("sender", "recipient", "room", "org")


class Accesses:
    """Does what requests of the kind `access` ask for; an answer has at most `most_rows` rows."""

    def __init__(
        self,
        *,
        archive: Archive,
        records: InspectionStore,
        names: NameStore,
        keys: KeyRing,
        rest: AtRest,
        purposes: Collection[str],
        most_rows: int,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._records, self._names = archive, records, names
        self._keys, self._rest = keys, rest
        self._purposes, self._most_rows = frozenset(purposes), most_rows
        self._clock = clock

    @property
    def purposes(self) -> Collection[str]:
        """The labels of purposes that a request may have."""
        return self._purposes

    async def prepare(self, scope: AccessScope) -> Collection[str]:
        """Return the officers' keys that a scope needs. Raises `BadRequest` if it is too wide."""
        months = list(months_of(scope))
        if len(months) > MOST_MONTHS:
            raise BadRequest(texts("At most {n} months at once.", n=MOST_MONTHS))
        if scope.rows > self._most_rows:
            raise BadRequest(texts("At most {n} rows at once.", n=self._most_rows))
        months = await self._names.named(months)
        return await needed_keys(self._names, self._keys, months)

    async def execute(self, granted: Granted) -> Answer:
        """Find and name the rows; write the log's entry; only then hand the answer out."""
        scope = granted.request.scope
        assert isinstance(scope, AccessScope)
        names = Names(self._names, self._keys, granted.keys)
        criteria = await self._criteria(scope, names)
        total = await self._records.count(criteria)
        rows = await self._records.find(criteria, scope.rows)
        people = await names.addresses({p for row in rows for p in named(row)})
        shown = await asyncio.to_thread(lambda: [self._shown(row, people) for row in rows])
        await self._say(granted, len(rows))
        sentence = texts("{n} rows of {total}.", n=len(rows), total=total)
        return Answer(sentence, COLUMNS, shown)

    async def _criteria(self, scope: AccessScope, names: Names) -> Criteria:
        months = await self._names.named(list(months_of(scope)))
        found: dict[str, tuple[str, ...] | None] = {}
        for field, sort in (("people", "person"), ("rooms", "room"), ("units", "unit")):
            wanted = getattr(scope, field)
            addresses = frozenset(wanted.split(" ")) if wanted else None
            found[field] = await names.pseudonyms(sort, addresses, months) if addresses else None
        start, end = _milliseconds(scope.first), _milliseconds(scope.last) + DAY
        return Criteria(start, end, **found)

    def _shown(self, row: Row, people: dict[str, str]) -> Sequence[str]:
        """Return a row as people read it; a name that is gone stays a pseudonym."""
        content = self._rest.open(row.idx, row.t, row.class_, row.sealed, row.key)
        body: dict[str, Any] = json.loads(content.body)
        moment = datetime.fromtimestamp(row.t / 1000, UTC).isoformat(timespec="milliseconds")
        who = [people.get(value, value) for value in (getattr(row, n) or "" for n in NAMED)]
        rest = [str(body.get(name, "")) for name in ("size", "enc", "state")]
        return (str(row.idx), moment.replace("+00:00", "Z"), body["kind"], *who, *rest)

    async def _say(self, granted: Granted, n: int) -> None:
        asked = granted.request
        fields = {"request": asked.hash, "purpose": asked.purpose, "requester": asked.role}
        roles = " ".join(granted.roles)
        entry = {"v": 1, "kind": "access", "t": self._clock(), "roles": roles, "n": n, **fields}
        async with self._archive.adding() as add:
            await add(Access.model_validate(entry))
            await granted.settle(n)


def months_of(scope: AccessScope) -> Iterator[str]:
    """Yield the months of a scope."""
    month = scope.first[:7]
    while month <= scope.last[:7]:
        yield month
        month = month_after(month)


def named(row: Row) -> Iterator[str]:
    """Yield the pseudonyms of a row."""
    for name in NAMED:
        value = getattr(row, name)
        if value:
            yield value


def _milliseconds(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY
