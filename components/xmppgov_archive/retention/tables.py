"""How the commands of retention show what they found: tables of 80 columns, and JSON documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from xmppgov.archive.report import Erasure, Report
from xmppgov.i18n import Text, Texts
from xmppgov_archive.retention.inspection import ClassState, RetentionState
from xmppgov_archive.retention.model import Hold
from xmppgov_archive.retention.service import Preview
from xmppgov_archive.retention.slip import Slip

texts = Texts("xmppgov_archive")
SHORT = 12  # characters of a pseudonym


def preview_document(found: Preview) -> dict[str, Any]:
    """Return `archive retention preview --json`."""
    return {
        "today": found.today.isoformat(),
        "due": [
            {
                "class": one.part.class_,
                "month": one.part.month,
                "records": one.records,
                "held": one.held,
                "first": one.first,
                "last": one.last,
                "units": [{"unit": unit, "records": n} for unit, n in one.units],
            }
            for one in found.due
        ],
        "holds": [hold_document(hold) for hold in found.holds],
    }


def show_preview(console: Console, found: Preview) -> None:
    """Print `archive retention preview`."""
    names = ("class", "month", "records", "units", "held", "first", "last")
    rows = [(*d.part, d.records, len(d.units), d.held, d.first, d.last) for d in found.due]
    show_due(console, [dict(zip(names, map(str, row), strict=True)) for row in rows])
    total = sum(one.records for one in found.due)
    console.print(str(texts("{n} records may be erased. Nothing was changed.", n=total)))
    if found.holds:
        show_holds(console, found.holds)


def show_due(console: Console, rows: Sequence[Mapping[str, str]]) -> None:
    """Print what the running archive says may be erased."""
    names = ("class", "month", "records", "units", "held", "first", "last")
    table = _table(
        texts("Class"),
        texts("Month"),
        texts("Records"),
        texts("Units"),
        texts("Held"),
        texts("First day"),
        texts("Last day"),
    )
    for row in rows:
        table.add_row(*(row.get(name, "") for name in names))
    if rows:
        console.print(table)


def hold_document(hold: Hold) -> dict[str, Any]:
    """Return a hold as scripts read it; its extent has pseudonyms only."""
    extent = hold.extent
    return {
        "hold": hold.id,
        "reason": hold.reason,
        "until": hold.until,
        "roles": hold.roles,
        "records": None if extent.names_somebody else hold.n,
        "scope": extent.digest,
        "extent": extent.model_dump(exclude={"v", "salt"}, exclude_none=True),
        "entry": hold.leaf,
        "ended": hold.ended,
    }


def show_holds(console: Console, holds: Sequence[Hold]) -> None:
    """Print holds."""
    table = _table(
        texts("Hold"), texts("Reason"), texts("Up to"), texts("Covers"), texts("Records at first")
    )
    for hold in holds:
        until = hold.until if hold.ended is None else texts("ended")
        n = "-" if hold.extent.names_somebody else str(hold.n)
        table.add_row(hold.id, hold.reason, str(until), _extent(hold), n)
    console.print(table)


def _extent(hold: Hold) -> str:
    extent = hold.extent
    days = f"{extent.first or '…'} – {extent.last or '…'}" if extent.first or extent.last else ""
    names = [f"{name[:SHORT]}…" for sort in extent.names.values() for name in sorted(sort)]
    said = filter(None, (days, extent.classes, " ".join(names)))
    return " · ".join(said) or str(texts("everything"))


def show_slip(console: Console, slip: Slip, leaves: Sequence[int]) -> None:
    """Print what the log says of a slip."""
    for line in slip.lines:
        console.print(f"{line.title}: {line.records}", markup=False, highlight=False)
    if leaves:
        entries = ", ".join(map(str, leaves))
        text = texts("The log names this slip at: {entries}.", entries=entries)
        console.print(str(text), style="green", markup=False, highlight=False)


def erasure_document(erasure: Erasure) -> dict[str, Any]:
    """Return an `erase` entry as scripts read it."""
    entry = erasure.entry
    return {
        "entry": erasure.leaf,
        "class": entry.class_,
        "month": entry.month,
        "indexes": entry.indexes,
        "n": entry.n,
        "held": entry.held,
        "slip": entry.slip,
        "visa": entry.visa,
        "roles": entry.roles,
    }


def show_erasures(console: Console, report: Report) -> None:
    """Print what `archive verify` found of erasures."""
    if report.erasures:
        text = texts(
            "Records erased: {n}; entries of the log that say so: {entries}.",
            n=report.erased,
            entries=len(report.erasures),
        )
        console.print(str(text), highlight=False)
    if report.erasing:
        console.print(
            str(texts("{n} records are being erased.", n=report.erasing)), highlight=False
        )


def state_document(state: RetentionState) -> dict[str, Any]:
    """Return what `archive status --json` says of retention."""
    return {
        "classes": [
            {
                "class": one.name,
                "period": str(one.period),
                "months": one.period.months,
                "oldest": one.oldest,
                "due": one.due.isoformat() if one.due else None,
            }
            for one in state.classes
        ],
        "holds": [hold_document(hold) for hold in state.holds],
    }


def show_state(console: Console, state: RetentionState) -> None:
    """Print what `archive status` says of retention."""
    table = _table(texts("Class"), texts("Kept"), texts("Oldest month"), texts("Due on"))
    for one in state.classes:
        table.add_row(one.name, str(one.period), one.oldest or "-", _due(one))
    console.print(table)
    if state.holds:
        show_holds(console, state.holds)


def _due(one: ClassState) -> str:
    return one.due.isoformat() if one.due else "-"


def _table(*columns: Text) -> Table:
    table = Table(box=None, pad_edge=False, width=80)
    for column in columns:
        table.add_column(str(column), overflow="fold")
    return table
