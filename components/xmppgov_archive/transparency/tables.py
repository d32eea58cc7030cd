"""How the figures are shown: tables of 80 columns, and one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from xmppgov.i18n import Text, Texts
from xmppgov_archive.transparency.service import Figures

texts = Texts("xmppgov_archive")
Row = Sequence[object]


def document(figures: Figures) -> dict[str, Any]:
    """Return `archive transparency --json`."""
    return {
        "origin": figures.origin,
        "size": figures.size,
        "since": figures.since,
        "requests": [
            {"month": month, "purpose": purpose, **asdict(requests)}
            for (month, purpose), requests in sorted(figures.requests.items())
        ],
        "erasures": [
            {name.rstrip("_"): value for name, value in erasure._asdict().items()}
            for erasure in figures.erasures
        ],
        "holds": [asdict(hold) for hold in figures.holds.values()],
        "emitters": [
            {"emitter": name, **asdict(emitter)}
            for name, emitter in sorted(figures.emitters.items())
        ],
        "missing": dict(sorted(figures.reasons.items())),
        "keys": [
            {"sort": sort, "fate": fate, "n": n} for (sort, fate), n in sorted(figures.keys.items())
        ],
        "days": figures.days._asdict(),
        "ok": not figures.findings,
    }


def show(console: Console, figures: Figures) -> None:
    """Print the figures, each table only where it has a row."""
    head = texts("Log {origin}, {size} entries", origin=figures.origin, size=figures.size)
    console.print(str(head), markup=False, highlight=False)
    if figures.since:
        since = texts("From {day} on (UTC)", day=figures.since)
        console.print(str(since), markup=False, highlight=False)
    for title, columns, rows in (
        _requests(figures),
        _erasures(figures),
        _holds(figures),
        _emitters(figures),
        _keys(figures),
    ):
        if rows:
            _show(console, title, columns, rows)
    _show_days(console, figures)


Shown = tuple[Text, Sequence[Text], Sequence[Row]]


def _requests(figures: Figures) -> Shown:
    columns = (
        texts("Month"),
        texts("Purpose"),
        texts("Granted"),
        texts("Refused"),
        texts("Lapsed"),
        texts("Rows at most"),
    )
    rows = [
        (*key, r.granted, r.refused, r.expired, r.rows)
        for key, r in sorted(figures.requests.items())
    ]
    return texts("Requests to the officers"), columns, rows


def _erasures(figures: Figures) -> Shown:
    columns = (
        texts("Day"),
        texts("Class"),
        texts("Month"),
        texts("Records"),
        texts("Held"),
        texts("Visa"),
        texts("Entry"),
    )
    rows = [
        (e.day, e.class_, e.month, e.records, e.held, e.visa, e.entry) for e in figures.erasures
    ]
    return texts("Erased after their time"), columns, rows


def _holds(figures: Figures) -> Shown:
    columns = (
        texts("Hold"),
        texts("Since"),
        texts("Reason"),
        texts("Until"),
        texts("Records"),
        texts("Released"),
    )
    rows = [
        (h.hold, h.day, h.reason, h.until, h.records or "-", h.released or "")  # 0: not counted
        for h in figures.holds.values()
    ]
    return texts("Kept from erasure"), columns, rows


def _emitters(figures: Figures) -> Shown:
    columns = (
        texts("Emitter"),
        texts("Records"),
        texts("Counted"),
        texts("Missing"),
        texts("Restarts"),
    )
    rows = [
        (name, e.records, e.counted, e.missing, e.restarts)
        for name, e in sorted(figures.emitters.items())
    ]
    return texts("What was recorded, or only counted"), columns, rows


def _keys(figures: Figures) -> Shown:
    fates = ("created", "sealed", "destroyed")
    sorts = sorted({sort for sort, _ in figures.keys})
    columns = texts("Keys"), texts("Created"), texts("Sealed"), texts("Destroyed")
    rows = [(sort, *(figures.keys[sort, fate] for fate in fates)) for sort in sorts]
    return texts("Keys"), columns, rows


def _show(console: Console, title: Text, columns: Iterable[Text], rows: Iterable[Row]) -> None:
    table = Table(box=None, pad_edge=False, width=80)
    for column in columns:
        table.add_column(str(column), overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    console.print()
    console.print(str(title), style="bold", markup=False, highlight=False)
    console.print(table)


def _show_days(console: Console, figures: Figures) -> None:
    days = figures.days
    console.print()
    if days.first is None:
        line = texts("No day is closed yet.")
    else:
        line = texts(
            "Days closed: {closed}, {first} to {last}; message references: {references}.",
            closed=days.closed,
            first=days.first,
            last=days.last,
            references=days.references,
        )
    console.print(str(line), markup=False, highlight=False)
