"""How the archivist's commands show what they found: tables of 80 columns, and JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from xmppgov.archive.report import Report
from xmppgov.i18n import Texts, terminal_language
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.pulse import absence, runs
from xmppgov_archive.inspection.service import Found, Status
from xmppgov_archive.inspection.spools import SpoolRow, age, is_late, lateness, spool_rows
from xmppgov_archive.inspection.stamps import stamped_days
from xmppgov_archive.inspection.words import worded
from xmppgov_archive.log.store import ALARMS, WitnessState
from xmppgov_archive.retention.tables import (
    erasure_document,
    show_erasures,
    show_state,
    state_document,
)

texts = Texts("xmppgov_archive")
MOST_SHOWN = 20  # findings on a terminal
_REASONS = {
    "boot": texts("at most so many were lost when the machine stopped"),
    "lost": texts("not written, or lost from the spool"),
}
_STATES = {
    "cosigning": texts("cosigns"),
    "unreachable": texts("does not answer (unreachable)"),
    "odd-answer": texts("answers oddly (odd-answer)"),
    "unknown-log": texts("does not follow this log (unknown-log)"),
    "refused": texts("refuses (refused)"),
    "rollback": texts("has cosigned more (rollback)"),
    "fork": texts("has cosigned another history (fork)"),
}


def status_document(state: Status, section: ArchiveSection, now: int) -> dict[str, Any]:
    """Return `archive status --json`; `now` in ms UTC."""
    checkpoint = state.checkpoint
    return {
        "origin": checkpoint.origin,
        "running": runs(state.beat, now),
        "alive": state.beat,
        "records": state.records,
        "entries": state.entries,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "verifier_key_file": str(section.verifier_file),
        "tiles_dir": str(section.tiles_dir),
        "policy_file": str(section.policy_file),
        "cosigned": state.cosigned,
        "witnesses": [witness._asdict() for witness in state.witnesses],
        "stamped": max(stamped_days(section), default=None),
        "emitters": [epoch._asdict() for epoch in state.epochs],
        "holes": sum(epoch.missing for epoch in state.epochs),
        "alarms": [alarm._asdict() for alarm in state.alarms],
        "spools": [
            {**row._asdict(), "late": is_late(row, now)}
            for row in spool_rows(state.epochs, state.spools, section.allowed)
        ],
        "retention": state_document(state.retention),
    }


def show_status(console: Console, state: Status, section: ArchiveSection, now: int) -> None:
    """Print `archive status`; `now` in ms UTC."""
    facts = Table.grid("", Column(overflow="fold"), padding=(0, 2))
    rows = (
        (texts("Log"), state.checkpoint.origin),
        (texts("Records"), state.records),
        (texts("Entries signed"), state.checkpoint.size),
        (texts("Entries waiting"), max(state.entries - state.checkpoint.size, 0)),
        (texts("Entries cosigned"), state.cosigned or 0),
        (texts("Last time stamp"), max(stamped_days(section), default="")),
        (texts("Root"), state.checkpoint.root.hex()),
        (texts("Public key"), section.verifier_file),
        (texts("Alarms"), _alarms(state, section, now)),
    )
    for name, value in rows:
        facts.add_row(str(name), str(value))
    console.print(facts)
    table = _table(
        texts("Emitter"), texts("Epoch"), texts("Last"), texts("Records"), texts("Missing")
    )
    for epoch in state.epochs:
        cells = epoch.server, epoch.epoch, epoch.last, epoch.records, epoch.missing
        table.add_row(*map(str, cells))
    console.print(table)
    spools = spool_rows(state.epochs, state.spools, section.allowed)
    if spools:
        console.print(_spools(spools, now))
    if state.witnesses:
        console.print(_witnesses(state.witnesses))
    show_state(console, state.retention)
    away = absence(state.beat, now)
    if away is not None:
        _warn(console, away)
    for alarm in state.alarms[:MOST_SHOWN]:
        text = texts(
            "ALARM: {server}: number {seq} came again with other content ({count} times).",
            server=alarm.server,
            seq=alarm.seq,
            count=alarm.times,
        )
        _warn(console, text)
    for text in lateness(spools, now):
        _warn(console, text)


def _alarms(state: Status, section: ArchiveSection, now: int) -> int:
    """Return how many things need somebody to look at once."""
    spools = spool_rows(state.epochs, state.spools, section.allowed)
    return (
        sum(alarm.times for alarm in state.alarms)
        + sum(is_late(row, now) for row in spools)
        + sum(witness.state in ALARMS for witness in state.witnesses)
        + (not runs(state.beat, now))
    )


def _warn(console: Console, text: object) -> None:
    console.print(str(text), style="red", markup=False, highlight=False)


def _spools(rows: Sequence[SpoolRow], now: int) -> Table:
    table = _table(
        texts("Emitter"), texts("Last"), texts("Waiting"), texts("Waiting for"), texts("Heard")
    )
    for row in rows:
        oldest = age(now - row.oldest) if row.oldest else ""
        heard = texts("{age} ago", age=age(now - row.heard))
        cells = row.server, row.last, row.waiting, oldest, heard
        table.add_row(*map(str, cells), style="red" if is_late(row, now) else None)
    return table


def _witnesses(witnesses: Sequence[WitnessState]) -> Table:
    table = _table(texts("Witness"), texts("Entries cosigned"), texts("At (UTC)"), texts("State"))
    for witness in witnesses:
        style = "red" if witness.state in ALARMS else None
        table.add_row(
            witness.name,
            str(witness.size),
            _moment(witness.t) if witness.t else "",
            f"ALARM: {_state(witness)}" if witness.state in ALARMS else _state(witness),
            style=style,
        )
    return table


def _state(witness: WitnessState) -> str:
    """Return a witness's state in words, with the code that the pages explain."""
    said = _STATES.get(witness.state)
    return witness.state if said is None else str(said)


def _moment(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def report_document(report: Report) -> dict[str, Any]:
    """Return `archive verify --json`."""
    return {
        "origin": report.origin,
        "size": report.size,
        "root": report.root.hex(),
        "records": report.records,
        "erased": report.erased,
        "erasing": report.erasing,
        "erasures": [erasure_document(erasure) for erasure in report.erasures],
        "missing": report.missing,
        "holes": [hole._asdict() for hole in report.holes],
        "counted": report.counted,
        "open": report.open,
        "restarts": report.restarts,
        "begun": [restart._asdict() for restart in report.begun],
        "lost": report.lost,
        "unsure": dict(report.unsure),
        "waiting": report.waiting,
        "cosigned": report.cosigned,
        "kept_cosigned": report.kept_cosigned,
        "witnessed": report.witnessed,
        "ok": not report.total,
        "counts": dict(report.counts),
        "findings": [
            {"code": f.code, "where": f.where, "text": str(f.text)} for f in report.findings
        ],
    }


def show_report(console: Console, report: Report) -> None:
    """Print `archive verify`."""
    for finding in report.findings[:MOST_SHOWN]:
        line = f"{finding.where}: {finding.text} [{finding.code}]"
        console.print(line, style="red", markup=False, highlight=False)
    _more(console, report.total - MOST_SHOWN)
    _show_lost(console, report)
    _show_holes(console, report)
    cosigned = texts(
        "{cosigned} of {size} entries are cosigned.", cosigned=report.cosigned, size=report.size
    )
    console.print(str(cosigned), markup=False, highlight=False)
    for name, size in report.witnessed.items():
        seen = texts("{name} has cosigned {size} entries.", name=name, size=size)
        console.print(str(seen), markup=False, highlight=False)
    if report.kept_cosigned is False:
        alone = texts("The log alone has signed what was kept, and too few witnesses.")
        console.print(str(alone), markup=False, highlight=False)
    if not report.total:
        text = texts(
            "All is as it was signed. Records: {records}; entries: {size}; numbers declared "
            "missing: {missing}; restarts of emitters: {restarts}.",
            records=report.records,
            size=report.size,
            missing=report.missing,
            restarts=report.restarts,
        )
        console.print(str(text), style="green", markup=False, highlight=False)
    show_erasures(console, report)


def _show_lost(console: Console, report: Report) -> None:
    """Say what cannot be judged, since files of the log are gone."""
    if report.lost:
        text = texts(
            "Entries that cannot be read: {lost}. What follows from these alone, or could, is not "
            "listed (findings: {unsure}): get the files from a mirror and verify again.",
            lost=report.lost,
            unsure=report.unsure.total(),
        )
        console.print(str(text), style="red", markup=False, highlight=False)


def _show_holes(console: Console, report: Report) -> None:
    """Name the numbers that are declared missing, and the epochs that may have lost some."""
    for hole in report.holes[:MOST_SHOWN]:
        text = texts(
            "{server}, {em}: {first} to {last} missing, declared {moment} UTC: {reason}.",
            **{**hole._asdict(), "reason": _REASONS.get(hole.reason, hole.reason)},
            moment=_moment(hole.t),
        )
        _print_whole(console, text)
    _more(console, report.gaps - MOST_SHOWN)
    for restart in report.begun[:MOST_SHOWN]:
        text = texts(
            "{server}, {em}: began anew {moment} UTC, after number {last} of {previous}; what it "
            "had numbered behind that and not sent is not known.",
            **restart._asdict(),
            moment=_moment(restart.t),
        )
        _print_whole(console, text)
    _more(console, report.restarts - MOST_SHOWN)


def _print_whole(console: Console, text: object) -> None:
    """Print a line that the terminal may break, so that what stands in it can be copied."""
    console.print(str(text), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _more(console: Console, count: int) -> None:
    if count > 0:
        console.print(str(texts("… and {count} more.", count=count)))


def show_rows(console: Console, rows: Sequence[Found], more: bool) -> None:
    """Print `archive query`."""
    language = terminal_language()
    table = _table(texts("Time (UTC)"), texts("Kind"), texts("From"), texts("To"), texts("Entry"))
    for row in rows:
        table.add_row(
            _moment(row.t),
            worded("kind", row.kind, language),
            _short(row.sender),
            _short(row.target),
            str(row.idx),
        )
    if not rows:
        nothing = texts("Nothing was found; check the days, the room and the unit.")
        console.print(str(nothing), style="yellow")
        return
    console.print(table)
    if more:
        console.print(str(texts("There are more; raise --limit or narrow the question.")))


def _short(pseudonym: str) -> str:
    """Return enough of a pseudonym to tell it from others on a screen."""
    return f"{pseudonym[:12]}…" if pseudonym else ""


def _table(*columns: object) -> Table:
    table = Table(box=None, pad_edge=False, width=80)
    for column in columns:
        table.add_column(str(column), overflow="fold")
    return table
