"""What officers' requests of the kinds hold, release and erase ask for, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from xmppgov.archive.request import EraseScope, HoldScope, ReleaseScope
from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts
from xmppgov_archive.officers.execution import Granted
from xmppgov_archive.officers.model import Answer, Column
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.pseudonyms import keyed
from xmppgov_archive.retention.erasing.promise import Promises
from xmppgov_archive.retention.model import PSEUDONYM, Extent, Hold, Part
from xmppgov_archive.retention.policy import month_of
from xmppgov_archive.retention.rounds import Rounds
from xmppgov_archive.retention.scopes import check_classes
from xmppgov_archive.retention.service import Holds

texts = Texts("xmppgov_archive")
LINES = (
    Column("class", texts("Class")),
    Column("month", texts("Month")),
    Column("records", texts("Records")),
    Column("held", texts("Held")),
    Column("first", texts("First day")),
    Column("last", texts("Last day")),
)


class HoldRequests:
    """Makes holds. An address is looked for under this month's key only, for no other is here."""

    purposes: Collection[str] = ("judicial", "incident", "data-subject", "audit")

    def __init__(
        self, *, holds: Holds, keys: KeyRing, classes: Collection[str], clock: Callable[[], int]
    ) -> None:
        self._holds, self._keys, self._classes, self._clock = holds, keys, classes, clock

    async def prepare(self, scope: HoldScope) -> Collection[str]:
        """Check a scope. Raises `Conflict` or `BadRequest`."""
        await self._holds.check(scope.hold, scope.until)
        check_classes((scope.classes or "").split(), self._classes)
        self._extent(scope)
        return ()

    async def execute(self, granted: Granted) -> Answer:
        """Make the hold, which is in force when this returns."""
        request, scope = granted.request, granted.request.scope
        assert isinstance(scope, HoldScope)
        hold = await self._holds.make(
            scope.hold,
            self._extent(scope),
            request.purpose,
            scope.until,
            request.role,
            granted.settle,
        )
        return Answer(self._sentence(scope, hold))

    def _sentence(self, scope: HoldScope, hold: Hold) -> Text:
        """Say what is held; who names somebody is not told how often they wrote (0155)."""
        if not hold.extent.names_somebody:
            return texts(
                "The hold {name} keeps {n} records so far, up to {until}.",
                name=scope.hold,
                n=hold.n,
                until=scope.until,
            )
        if self._addresses(scope):
            return texts(
                "The hold {name} keeps what it covers up to {until}; how much that is, is not "
                "counted, for it names somebody. Addresses were looked for in {month} only; hold "
                "other months whole, or by pseudonyms.",
                name=scope.hold,
                until=scope.until,
                month=month_of(self._clock()),
            )
        return texts(
            "The hold {name} keeps what it covers up to {until}; how much that is, is not counted, "
            "for it names somebody.",
            name=scope.hold,
            until=scope.until,
        )

    def _extent(self, scope: HoldScope) -> Extent:
        named = (("person", scope.people), ("room", scope.rooms), ("unit", scope.units))
        people, rooms, units = (self._pseudonyms(sort, said) for sort, said in named)
        return self._holds.extent(
            first=scope.first,
            last=scope.last,
            classes=scope.classes,
            people=people,
            rooms=rooms,
            units=units,
        )

    def _pseudonyms(self, sort: str, said: str | None) -> str | None:
        """Return what stands for names in the records, as far as it can be said now."""
        if said is None:
            return None
        names = said.split(" ")
        found = {name for name in names if PSEUDONYM.fullmatch(name)}
        key = self._keys.find_month(month_of(self._clock()))
        if key is not None:
            found |= {keyed(key, sort, name.encode()) for name in names}
        if not found:
            raise BadRequest(texts("The month has no key yet; write pseudonyms."))
        return " ".join(sorted(found))

    def _addresses(self, scope: HoldScope) -> list[str]:
        said = " ".join(filter(None, (scope.people, scope.rooms, scope.units)))
        return [name for name in said.split(" ") if name and not PSEUDONYM.fullmatch(name)]


class ReleaseRequests:
    """Ends holds."""

    purposes: Collection[str] = ("hold-ended", "judicial", "audit")

    def __init__(self, *, holds: Holds) -> None:
        self._holds = holds

    async def prepare(self, scope: ReleaseScope) -> Collection[str]:
        """Check that there is such a hold. Raises `NotFound`."""
        await self._holds.find(scope.hold)
        return ()

    async def execute(self, granted: Granted) -> Answer:
        """End the hold: what it kept may be erased when it is due."""
        scope = granted.request.scope
        assert isinstance(scope, ReleaseScope)
        await self._holds.release(scope.hold, granted.roles, granted.settle)
        return Answer(
            texts("The hold {name} has ended. What it kept may be erased.", name=scope.hold)
        )


class EraseRequests:
    """Has records erased whose time is over."""

    purposes: Collection[str] = ("retention",)

    def __init__(self, *, promises: Promises, rounds: Rounds) -> None:
        self._promises, self._rounds = promises, rounds

    async def prepare(self, scope: EraseScope) -> Collection[str]:
        """Check that all of it is due. Raises `Unexpected` or `NotFound`."""
        await self._promises.check(_parts(scope))
        return ()

    async def execute(self, granted: Granted) -> Answer:
        """Promise the erasure, which is carried out at once and cannot be taken back."""
        scope = granted.request.scope
        assert isinstance(scope, EraseScope)
        promised = await self._promises.erase(
            _parts(scope), scope.visa, granted.roles, granted.settle
        )
        self._rounds.wake()
        slip = promised.slip
        return Answer(
            texts(
                "{n} records are erased from now on. The slip is {name}.csv, SHA-256 {digest}; "
                "it stands in the log at entry {leaf}.",
                n=slip.records,
                name=slip.name,
                digest=slip.digest,
                leaf=promised.leaf,
            ),
            LINES,
            [
                (ln.class_, ln.month, str(ln.records), str(ln.held), ln.first, ln.last)
                for ln in slip.lines
            ],
        )


def _parts(scope: EraseScope) -> Sequence[Part]:
    return [Part(scope.class_, month) for month in scope.months.split(" ")]
