"""`xmppgov archive export`: what the archive hands out, people as pseudonyms."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xmppgov.archive.day import DAY
from xmppgov.archive.disclosure import PURPOSES
from xmppgov.archive.exports.model import ALWAYS
from xmppgov.archive.model import FIELDS
from xmppgov.config import load
from xmppgov.errors import CheckFailed, ConfigurationError, StorageError
from xmppgov.i18n import Text, Texts
from xmppgov.storage.files import require_readable
from xmppgov_archive.config import Config
from xmppgov_archive.exports import checking, ecs, ndjson, seda, table
from xmppgov_archive.exports.service import Export, Exporter, Wanted
from xmppgov_archive.exports.store import ExportStore
from xmppgov_archive.inspection.days import first_millisecond
from xmppgov_archive.inspection.service import Inspection, inspected
from xmppgov_archive.progress import progress_bar

texts = Texts("xmppgov_archive")
PATIENCE = 60.0  # seconds to wait for witnesses


class Format(StrEnum):
    """How an export is written."""

    NDJSON = "ndjson"
    CSV = "csv"
    ECS = "ecs"
    SEDA = "seda"


LINES: dict[Format, Callable[[Export], AsyncIterator[bytes]]] = {
    Format.NDJSON: ndjson.lines,
    Format.CSV: table.lines,
    Format.ECS: ecs.lines,
}
DEFAULT_PURPOSES = {
    Format.NDJSON: "audit",
    Format.CSV: "statistics",
    Format.ECS: "audit",
    Format.SEDA: "transfer",
}
_FACTS = {
    "file": texts("File"),
    "index": texts("Entry"),
    "day": texts("Day"),
    "logged": texts("Logged"),
    "present": texts("Records shown"),
    "outside": texts("Entries outside"),
    "erased": texts("Erased"),
    "unexplained": texts("Unexplained"),
}
ConfigOption = Annotated[Path, typer.Option("--config", help="The archive's configuration file.")]


def export(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    start: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")],
    end: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD (UTC), included.")],
    format: Annotated[Format, typer.Option(help="How it is written.")] = Format.NDJSON,
    purpose: Annotated[
        str | None, typer.Option(help="Which fields are shown: " + ", ".join(PURPOSES) + ".")
    ] = None,
    fields: Annotated[
        str | None, typer.Option(help="The fields to show, with commas between them.")
    ] = None,
    room: Annotated[str | None, typer.Option(help="Only this room: its address.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only this unit: its id.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for witnesses.")] = PATIENCE,
    agreement: Annotated[str, typer.Option(help="SEDA: the archival agreement.")] = "",
    agency: Annotated[str, typer.Option(help="SEDA: the archive service.")] = "",
    transferring: Annotated[str, typer.Option(help="SEDA: the agency that transfers.")] = "",
    originating: Annotated[str, typer.Option(help="SEDA: the agency of origin.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Export the records of some days: with proofs, as a table, for a SIEM, for an archive."""
    named = agreement, agency, transferring, originating
    parties = _parties(config, *named) if format is Format.SEDA else seda.Parties("", "", "", "")
    name = purpose or DEFAULT_PURPOSES[format]
    days = first_millisecond(start), first_millisecond(end) + DAY
    if days[0] >= days[1]:
        raise ConfigurationError(texts("The last day is before the first."))

    async def run(archive: Inspection) -> dict[str, Any]:
        wanted = Wanted(
            *days,
            fields=_fields(name, fields),
            purpose=name,
            rooms=None if room is None else archive.pseudonyms("room", room),
            units=None if unit is None else archive.pseudonyms("unit", unit),
        )
        return await _export(archive, wanted, wait, out, (format, parties), as_json)

    document = asyncio.run(_inspect(config, run))
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        text = texts("{path}: records: {records}.", path=out, records=document["records"])
        console = Console(stderr=True)
        console.print(str(text), markup=False, highlight=False)
        if not document["records"]:
            nothing = texts("Nothing was found; check the days, the room and the unit.")
            console.print(str(nothing), style="yellow")


def _parties(
    config: Path, agreement: str, agency: str, transferring: str, originating: str
) -> seda.Parties:
    """Return who transfers to whom: as named, else as configured. Raises `ConfigurationError`."""
    known = load(Config, config).archive.agencies
    origin = originating or known.originating or transferring
    parties = seda.Parties(agreement, agency or known.archival, transferring or origin, origin)
    if not all(parties):
        raise ConfigurationError(
            texts("SEDA needs --agreement, and [archive.agencies] or --agency and --transferring.")
        )
    return parties


def check(
    config: ConfigOption,
    files: Annotated[list[Path], typer.Argument(help="Exports, .tlog-proofs, members' proofs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check what the archive has handed out against its log and policy; 1 if something is wrong.

    Who does not trust this archive uses xmppgov-verify instead.
    """

    async def run(archive: Inspection) -> list[dict[str, Any]]:
        return [await checking.check(archive, file) for file in files]

    for file in files:
        require_readable(file)
    found = asyncio.run(_inspect(config, run))
    if as_json:
        typer.echo(json.dumps({"checked": found}, ensure_ascii=False, indent=2))
    else:
        for document in found:
            _show(document)
            _say_checked(document)
    if not all(document["ok"] for document in found):
        raise CheckFailed(texts("It is not what the archive has handed out."))


def _show(document: dict[str, Any]) -> None:
    console = Console()
    for finding in document.get("findings", ()):
        line = f"{finding['where']}: {finding['text']} [{finding['code']}]"
        console.print(line, style="red", markup=False, highlight=False)
    for name, label in _FACTS.items():
        value = document.get(name, "")
        if value not in ("", []):
            fact = texts("{label}: {value}", label=label, value=_said(value))
            console.print(str(fact), markup=False, highlight=False)


def _said(value: object) -> Text | str:
    """Return a fact as people read it."""
    if isinstance(value, bool):
        return texts("yes") if value else texts("no")
    if isinstance(value, list):
        return "; ".join(str(texts("{indexes} (entry {leaf})", **erased)) for erased in value)
    return str(value)


def _say_checked(document: dict[str, Any]) -> None:
    """Say in one sentence that a file holds; what does not is said by an error."""
    if document["ok"]:
        text = texts("{path}: as the archive has handed it out.", path=document["file"])
        console = Console()
        console.print(str(text), style="green", markup=False, highlight=False, soft_wrap=True)


async def _inspect(config: Path, action: Callable[[Inspection], Any]) -> Any:
    async with inspected(load(Config, config).archive) as archive:
        return await action(archive)


async def _export(
    archive: Inspection,
    wanted: Wanted,
    wait: float,
    out: Path,
    how: tuple[Format, seda.Parties],
    quiet: bool,
) -> dict[str, Any]:
    store = await ExportStore.open(archive.section.database)
    try:
        exporter = Exporter(
            inspection=archive,
            store=store,
            clock=lambda: time.time_ns() // 1_000_000,
            watermark=lambda: secrets.token_hex(16),
        )
        waiting = texts("Waiting for the witnesses")
        with _progress(quiet) as show, _new_file(out) as temporary:
            say = _once(texts("{what}, at most {n} s.", what=waiting, n=round(wait)))

            def waits(done: int, of: int) -> None:
                say()
                show(str(waiting), done, of)

            async with exporter.opened(wanted, wait, waits) as opened:
                await _write(opened, how, temporary, show)
                return opened.manifest.document()
    finally:
        await store.close()


async def _write(
    export: Export,
    how: tuple[Format, seda.Parties],
    path: Path,
    show: Callable[[str, int, int], None],
) -> None:
    form, parties = how
    if form is Format.SEDA:
        await seda.package(export, parties, path)
        return
    text, done = str(texts("Exporting")), 0
    manifest = export.manifest
    total = manifest.records + manifest.outside + manifest.readable
    with path.open("wb") as file:
        async for chunk in LINES[form](export):
            file.write(chunk)
            done += chunk.count(b"\n")
            show(text, done, total)
        file.flush()
        os.fsync(file.fileno())


def _once(text: Text) -> Callable[[], None]:
    """Return what says a sentence at its first call, where no bar can show that one waits."""
    console = Console(stderr=True)
    left = iter(() if console.is_terminal else (text,))

    def say() -> None:
        for sentence in left:
            console.print(str(sentence), markup=False, highlight=False)

    return say


@contextmanager
def _progress(quiet: bool) -> Any:
    with progress_bar(quiet) as progress:
        task = progress.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        yield show


@contextmanager
def _new_file(path: Path) -> Any:
    """A file that only its owner reads, which has its name once it is whole."""
    temporary = path.with_name(f".{path.name}.new")
    if path.exists():
        raise ConfigurationError(texts("{path}: it is there already; name another.", path=path))
    try:
        temporary.unlink(missing_ok=True)  # whatever rights it had
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield temporary
        temporary.replace(path)
    except OSError as error:
        text = texts("{path}: cannot be written: {reason}.", path=path, reason=error.strerror)
        raise StorageError(text) from error
    finally:
        temporary.unlink(missing_ok=True)


def _fields(purpose: str, named: str | None) -> tuple[str, ...]:
    """Return the fields to show, in the order of the schema."""
    if purpose not in PURPOSES:
        raise ConfigurationError(
            texts(
                "There is no purpose {name}; name one of: {names}.",
                name=purpose,
                names=", ".join(PURPOSES),
            )
        )
    wanted = named.split(",") if named else PURPOSES[purpose]
    unknown = sorted(set(wanted) - set(FIELDS))
    if unknown:
        raise ConfigurationError(
            texts(
                "A record has no field {name}; it has: {names}.",
                name=unknown[0],
                names=", ".join(FIELDS),
            )
        )
    return tuple(name for name in FIELDS if name in wanted or name in ALWAYS)
