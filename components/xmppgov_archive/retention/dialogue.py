"""What is filled in, in any client, to hold, to release and to erase; and what is due, to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from xmppgov.adhoc.model import Command, Done, Field, Option, Page, Session, Table, Values, one
from xmppgov.archive.request import EraseScope, HoldScope, ReleaseScope, Scope
from xmppgov.errors import BadRequest, NotFound
from xmppgov.i18n import Texts
from xmppgov_archive.officers.dialogue import WHOSE, Subject
from xmppgov_archive.officers.model import NODES, POOL
from xmppgov_archive.officers.scopes import check_addresses, check_day
from xmppgov_archive.retention.model import PSEUDONYM, Part
from xmppgov_archive.retention.service import Preview

texts = Texts("xmppgov_archive")
COLUMNS = (
    ("class", texts("Class")),
    ("month", texts("Month")),
    ("records", texts("Records")),
    ("units", texts("Units")),
    ("held", texts("Held")),
    ("first", texts("First day")),
    ("last", texts("Last day")),
)

_NOT_COUNTED = texts(
    "What is kept by holds that name people, rooms or units is not counted as held here."
)


def hold_subject(purposes: Collection[str]) -> Subject:
    """Return how a hold is asked for."""

    def fields() -> Collection[Field]:
        nothing = texts("What you leave empty does not limit the hold.")
        names = texts("Addresses are looked for in this month only; else write pseudonyms.")
        return (
            Field("hold", texts("Name of the hold (letters, digits, hyphens)"), required=True),
            Field("people", texts("People (addresses)"), "text-multi", hint=names),
            Field("rooms", texts("Rooms (addresses)"), "text-multi"),
            Field("units", texts("Units (ids of the directory)"), "text-multi"),
            Field("classes", texts("Classes of records"), "text-multi", hint=nothing),
            Field("first", texts("First day (YYYY-MM-DD)")),
            Field("last", texts("Last day (YYYY-MM-DD)")),
            Field("until", texts("Held up to (YYYY-MM-DD)"), required=True),
        )

    return Subject("hold", f"{NODES}hold", fields, _hold_scope, purposes)


def release_subject(purposes: Collection[str]) -> Subject:
    """Return how the end of a hold is asked for."""

    def fields() -> Collection[Field]:
        return (Field("hold", texts("Name of the hold"), required=True),)

    return Subject("release", f"{NODES}release", fields, _release_scope, purposes)


def erase_subject(purposes: Collection[str], due: Callable[[], Collection[Part]]) -> Subject:
    """Return how an erasure is asked for; `due` are the parts whose time is over."""

    def fields() -> Collection[Field]:
        parts = due()
        classes = sorted({part.class_ for part in parts})
        if not classes:
            raise NotFound(texts("No month's time is over; there is nothing to erase."))
        months = [month for class_, month in sorted(parts) if class_ == classes[0]]
        said = texts("Of the class {name} these are due.", name=classes[0])
        options = [Option(name, name) for name in classes]
        return (
            Field("class", texts("Class"), "list-single", (classes[0],), True, options),
            Field("months", texts("Months (YYYY-MM)"), "text-multi", months, True, hint=said),
            Field(
                "visa",
                texts("Visa of the archives, or table de gestion"),
                required=True,
                hint=texts("Without it, erasing is an offence (code du patrimoine, L. 214-3)."),
            ),
        )

    return Subject("erase", f"{NODES}erase", fields, _erase_scope, purposes)


def preview_command(
    preview: Callable[[], Awaitable[Preview]], allowed: Callable[[str], bool]
) -> Command:
    """Return the command that shows what is due, and the holds; nothing changes."""

    async def shown(_session: Session, _values: Values) -> Page:
        found = await preview()
        rows = [
            (*one.part, str(one.records), str(len(one.units)), str(one.held), one.first, one.last)
            for one in found.due
        ]
        holds = ", ".join(f"{hold.id} ({hold.until})" for hold in found.holds) or "-"
        n = sum(one.records for one in found.due)
        note = texts(
            "Due on {day}: {n} records. Holds: {holds}.", day=found.today, n=n, holds=holds
        )
        if any(hold.extent.names_somebody for hold in found.holds):
            note = texts("{note} {more}", note=note, more=_NOT_COUNTED)
        return Done(note, Table(COLUMNS, rows))

    return Command(f"{NODES}preview", texts("What may be erased"), allowed, (shown,), POOL, WHOSE)


def _hold_scope(values: Values) -> Scope:
    fields: dict[str, str | None] = {name: one(values, name) or None for name in ("first", "last")}
    fields |= {name: _listed(values, name) for name in ("people", "rooms", "units", "classes")}
    people, rooms = (fields[name] for name in ("people", "rooms"))
    names = f"{people or ''} {rooms or ''}".split()
    check_addresses(people, rooms, [name for name in names if PSEUDONYM.fullmatch(name)])
    for day in filter(None, (fields["first"], fields["last"], one(values, "until"))):
        check_day(day)
    try:
        return HoldScope.model_validate(
            {**fields, "hold": one(values, "hold"), "until": one(values, "until")}
        )
    except ValueError as error:
        raise BadRequest(
            texts("A hold has a name, of letters, digits and hyphens, and a last day.")
        ) from error


def _release_scope(values: Values) -> Scope:
    try:
        return ReleaseScope.model_validate({"hold": one(values, "hold")})
    except ValueError as error:
        raise BadRequest(texts("It is no name of a hold.")) from error


def _erase_scope(values: Values) -> Scope:
    fields = {"class": one(values, "class"), "visa": one(values, "visa")}
    try:
        return EraseScope.model_validate({**fields, "months": _listed(values, "months")})
    except ValueError as error:
        raise BadRequest(
            texts("Name a class, months (YYYY-MM), and the number of the visa.")
        ) from error


def _listed(values: Values, name: str) -> str | None:
    """Return what was filled in, each once and in order; addresses are written small."""
    words = " ".join(values.get(name, ())).split()
    return " ".join(sorted({w.lower() if "@" in w else w for w in words})) or None
