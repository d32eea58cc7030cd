"""A granted look into the archive: the rows of the request's scope, with names.

The officers' keys are in memory while this runs and no longer. What stays for the requester is the
answer; the entry that says so is in the log before anybody has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import structlog

from xmppgov.archive.day import DAY, month_after
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import Access
from xmppgov.archive.request import AccessScope
from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts
from xmppgov_archive.inspection.store import Criteria, InspectionStore
from xmppgov_archive.officers.execution import Granted
from xmppgov_archive.officers.model import Answer, Column
from xmppgov_archive.officers.names import Names, needed_keys
from xmppgov_archive.officers.roots import DayRoots
from xmppgov_archive.officers.store import NameStore
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.opening import RecordChanged, StoredRow, opened
from xmppgov_archive.records.rest import AtRest
from xmppgov_archive.records.service import Archive

texts = Texts("xmppgov_archive")
log = structlog.get_logger()
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
MOST_DAYS = 31  # that a sentence names
NAMED = ("from", "to", "room", "org")
Record = Mapping[str, Value]


class Changed(NamedTuple):
    """What of an answer was changed in the database: rows, names, days whose names are others."""

    rows: int
    names: int
    days: frozenset[str]


class Accesses:
    """Does what requests of the kind `access` ask for; an answer has at most `most_rows` rows."""

    def __init__(
        self,
        *,
        archive: Archive,
        records: InspectionStore,
        names: NameStore,
        roots: DayRoots,
        keys: KeyRing,
        rest: AtRest,
        purposes: Collection[str],
        most_rows: int,
        clock: Callable[[], int],
    ) -> None:
        self._archive, self._records, self._names, self._roots = archive, records, names, roots
        self._keys, self._rest = keys, rest
        self._purposes, self._most_rows = frozenset(purposes), most_rows
        self._clock = clock

    @property
    def purposes(self) -> Collection[str]:
        """The labels of purposes that a request may have."""
        return self._purposes

    async def prepare(self, scope: AccessScope) -> Collection[str]:
        """Return the officers' keys that a scope needs. Raises `BadRequest` if it is too wide."""
        if month_count(scope) > MOST_MONTHS:
            raise BadRequest(texts("At most {n} months at once.", n=MOST_MONTHS))
        if scope.rows > self._most_rows:
            raise BadRequest(texts("At most {n} rows at once.", n=self._most_rows))
        months = await self._names.named(list(months_of(scope)))
        return await needed_keys(self._names, self._keys, months)

    async def execute(self, granted: Granted) -> Answer:
        """Find and name the rows; write the log's entry; only then hand the answer out."""
        scope = granted.request.scope
        assert isinstance(scope, AccessScope)
        names = Names(self._names, self._keys, granted.keys, self._roots)
        criteria, days = await self._criteria(scope, names)
        total = await self._records.count(criteria)
        rows = [
            StoredRow(*row, (await self._records.indexed_leaves(row.idx, row.idx + 1)).get(row.idx))
            for row in await self._records.find(criteria, scope.rows)
        ]
        found = await asyncio.to_thread(lambda: [self._record(row, criteria) for row in rows])
        records = {row.idx: record for row, record in zip(rows, found, strict=True) if record}
        known = await names.addresses(_latest(records.values()))
        shown = [_shown(index, record, known.addresses) for index, record in records.items()]
        await self._say(granted, len(shown))
        changed = Changed(len(rows) - len(shown), len(known.changed), days)
        return Answer(_sentence(len(shown), total, changed), COLUMNS, shown)

    async def _criteria(self, scope: AccessScope, names: Names) -> tuple[Criteria, frozenset[str]]:
        """Return what is looked for, and the days whose names are not as the log says."""
        months = await self._names.named(list(months_of(scope)))
        found: dict[str, tuple[str, ...] | None] = {}
        days: frozenset[str] = frozenset()
        for field, sort in (("people", "person"), ("rooms", "room"), ("units", "unit")):
            wanted = getattr(scope, field)
            found[field] = None
            if wanted:
                called = await names.pseudonyms(sort, frozenset(wanted.split(" ")), months)
                found[field], days = called.pseudonyms, days | called.days
        start, end = _milliseconds(scope.first), _milliseconds(scope.last) + DAY
        return Criteria(start, end, **found), days

    def _record(self, row: StoredRow, criteria: Criteria) -> Record | None:
        """Return the record of a row, None where the row is not it, or it is not in the scope."""
        try:
            record = opened(self._rest, row)
        except RecordChanged:
            record = None
        if record is None or not fits(criteria, record):
            log.error("ALARM: a row of an answer is not what was committed", index=row.idx)
            return None
        return record

    async def _say(self, granted: Granted, n: int) -> None:
        asked = granted.request
        fields = {"request": asked.hash, "purpose": asked.purpose, "requester": asked.role}
        roles = " ".join(granted.roles)
        async with self._archive.adding() as add:
            entry = {"v": 1, "kind": "access", "t": self._clock(), "roles": roles, "n": n, **fields}
            await add(Access.model_validate(entry))
            await granted.settle(n)


def month_count(scope: AccessScope) -> int:
    """Return how many months a scope touches."""
    first, last = (date.fromisoformat(day) for day in (scope.first, scope.last))
    return (last.year - first.year) * 12 + last.month - first.month + 1


def months_of(scope: AccessScope) -> Iterator[str]:
    """Yield the months of a scope."""
    month = scope.first[:7]
    while month <= scope.last[:7]:
        yield month
        month = month_after(month)


def fits(criteria: Criteria, record: Record) -> bool:
    """Tell whether a record is in a scope, as the search by columns has it."""
    if not (criteria.start or 0) <= int(record["t"]) < (criteria.end or 2**53):
        return False
    asked = (
        (criteria.people, ("from", "to")),
        (criteria.rooms, ("room",)),
        (criteria.units, ("org",)),
    )
    return all(
        wanted is None or any(record.get(name) in wanted for name in fields)
        for wanted, fields in asked
    )


def _latest(records: Iterable[Record]) -> dict[str, str]:
    """Return the pseudonyms of records, each with the latest month of one that has it."""
    found: dict[str, str] = {}
    for record in records:
        month = _moment(record)[:7]
        for value in filter(None, map(record.get, NAMED)):
            found[str(value)] = max(month, found.get(str(value), ""))
    return found


def _shown(index: int, record: Record, people: Mapping[str, str]) -> Sequence[str]:
    """Return a record as people read it; a name that is gone stays a pseudonym."""
    who = [people.get(value, value) for value in (str(record.get(name, "")) for name in NAMED)]
    rest = [str(record.get(name, "")) for name in ("size", "enc", "state")]
    return (str(index), _moment(record), str(record["kind"]), *who, *rest)


def _moment(record: Record) -> str:
    moment = datetime.fromtimestamp(int(record["t"]) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sentence(n: int, total: int, changed: Changed) -> Text:
    said = {"n": n, "total": total, "rows": changed.rows, "names": changed.names}
    if changed.days:
        days = sorted(changed.days)
        more = ["…"] if len(days) > MOST_DAYS else []
        return texts(
            "{n} rows of {total}. The names of these days are not those of the log, so that what "
            "was looked for may have more rows: {days}. In the database {rows} rows and {names} "
            "names were changed, and are not shown; run: xmppgov archive verify",
            days=" ".join([*days[:MOST_DAYS], *more]),
            **said,
        )
    if changed.rows or changed.names:
        return texts(
            "{n} rows of {total}. In the database {rows} rows and {names} names were changed, and "
            "are not shown; run: xmppgov archive verify",
            **said,
        )
    return texts("{n} rows of {total}.", n=n, total=total)


def _milliseconds(day: str) -> int:
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY
