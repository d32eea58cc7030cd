"""`xmppgov archive …`: status, verification, proofs, questions; read beside the running archive."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from xmppgov.archive.report import Report
from xmppgov.config import load
from xmppgov.errors import CheckFailed, ConfigurationError, NotFound
from xmppgov.i18n import Texts
from xmppgov.storage.files import write_new_file
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note
from xmppgov_archive.config import Config
from xmppgov_archive.exports.commands import check, export
from xmppgov_archive.inspection import tables
from xmppgov_archive.inspection.days import first_millisecond
from xmppgov_archive.inspection.service import Found, Inspection, inspected
from xmppgov_archive.inspection.store import Criteria
from xmppgov_archive.members.commands import prove_message
from xmppgov_archive.officers.asking import answer, hand_in_code, refuse, request, requests
from xmppgov_archive.officers.commands import app as officers
from xmppgov_archive.officers.commands import approve
from xmppgov_archive.progress import progress_bar
from xmppgov_archive.retention.commands import app as retention
from xmppgov_archive.transparency.commands import transparency

texts = Texts("xmppgov_archive")
ResultT = TypeVar("ResultT")
app = typer.Typer(help="Inspect and verify the archive.", no_args_is_help=True)
app.command()(export)
app.command()(check)
app.command()(transparency)
app.command()(approve)
app.command()(request)
app.command()(requests)
app.command("hand-in")(hand_in_code)
app.command()(refuse)
app.command()(answer)
app.add_typer(officers, name="officers", no_args_is_help=True)
app.add_typer(retention, name="retention")
ConfigOption = Annotated[Path, typer.Option("--config", help="The archive's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def status(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show counts, the newest checkpoint, each server's last number, holes and alarms."""
    section = load(Config, config).archive
    state = _run(config, lambda archive: archive.status())
    now = time.time_ns() // 1_000_000
    document = tables.status_document(state, section, now)
    _print(document, as_json, lambda console: tables.show_status(console, state, section, now))


@app.command()
def verify(
    config: ConfigOption,
    as_json: JsonOption = False,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint kept elsewhere that the log must extend.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the policy's witnesses, too.")] = False,
    witness: Annotated[
        list[str] | None, typer.Option(help="The address of a witness to ask; may be repeated.")
    ] = None,
) -> None:
    """Derive the root again and compare records, tiles, signatures and counters; 1 if wrong."""
    earlier = _kept(since, load(Config, config).archive.origin) if since else None
    _require_addresses(witness or ())
    with progress_bar(as_json) as progress:
        task = progress.add_task(str(texts("Verifying")), total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        async def check(archive: Inspection) -> Report:
            from xmppgov_archive.inspection.asking import ask_witnesses  # slow to import

            urls = [*(witness or ()), *(archive.witness_urls() if ask else ())]
            answers = await ask_witnesses(archive.section.origin, archive.policy, urls)
            return await archive.verify(advance, earlier, answers)

        report = _run(config, check)
    document = tables.report_document(report)
    _print(document, as_json, lambda console: tables.show_report(console, report))
    if report.total:
        raise CheckFailed(_summary(report))


@app.command()
def prove(
    config: ConfigOption,
    index: Annotated[int | None, typer.Argument(help="The entry's index in the log.")] = None,
    id: Annotated[str | None, typer.Option(help="The record's id (UUID), not the index.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the .tlog-proof to this file.")] = None,
    message: Annotated[str | None, typer.Option(help="A message's id: was it logged?")] = None,
    day: Annotated[str | None, typer.Option(help="The message's day, YYYY-MM-DD (UTC).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that an entry is in the log, in a file that anyone verifies offline (tlog-proof).

    With --message and --day: that a message was logged on a day, or that it was not.
    """
    if message is not None and day is not None and index is None and id is None:
        return prove_message(config, message, day, out, as_json)
    if (index is None) == (id is None) or message is not None or day is not None:
        raise ConfigurationError(
            texts("Name an entry by its index or by --id, or a message by --message and --day.")
        )

    async def proof(archive: Inspection) -> Any:
        return archive.prove(await archive.index_of(id) if id else index or 0)

    found = _run(config, proof)
    if out is not None:
        write_new_file(out, found.file)
    document = {
        "index": found.idx,
        "leaf": base64.b64encode(found.leaf).decode(),
        "size": found.checkpoint.size,
        "proof": found.file.decode(),
    }
    if as_json or out is None:
        _print(document, as_json, lambda _: typer.echo(found.file.decode(), nl=False))
    else:
        Console(stderr=True).print(str(texts("{path}: written and verified.", path=out)))


@app.command()
def query(
    config: ConfigOption,
    day: Annotated[str | None, typer.Option(help="A day, YYYY-MM-DD (UTC).")] = None,
    room: Annotated[str | None, typer.Option(help="A room's address.")] = None,
    unit: Annotated[str | None, typer.Option(help="A unit's id in the directory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List records of a day, a room or a unit, oldest first; people stay pseudonyms.

    Who they are takes a request and two officers.
    """
    if day is None and room is None and unit is None:
        raise ConfigurationError(texts("Name a day, a room or a unit."))
    start = first_millisecond(day) if day else None
    end = start + 86_400_000 if start is not None else None

    async def find(archive: Inspection) -> list[Found]:
        rooms = None if room is None else archive.pseudonyms("room", room)
        units = None if unit is None else archive.pseudonyms("unit", unit)
        return await archive.find(Criteria(start, end, rooms=rooms, units=units), limit + 1)

    rows = _run(config, find)
    more, rows = len(rows) > limit, rows[:limit]
    document = {"records": [row.document() for row in rows], "more": more}
    _print(document, as_json, lambda console: tables.show_rows(console, rows, more))


def _run(config: Path, action: Callable[[Inspection], Awaitable[ResultT]]) -> ResultT:
    section = load(Config, config).archive

    async def inspect() -> ResultT:
        async with inspected(section) as archive:
            return await action(archive)

    return asyncio.run(inspect())


def _print(document: Any, as_json: bool, show: Callable[[Console], None]) -> None:
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show(Console())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(
            texts("{path}: the file cannot be read: {reason}.", path=path, reason=error.strerror)
        ) from error


def _kept(path: Path, origin: str) -> bytes:
    """Return a checkpoint that was kept elsewhere.

    Raises:
        ConfigurationError: the file is no checkpoint, or is one of another log.
        NotFound: it cannot be read.
    """
    note = _read(path)
    try:
        named = Note.parse(note).text.partition("\n")[0]
    except NoteInvalid as error:
        raise ConfigurationError(texts("{path}: it is no checkpoint.", path=path)) from error
    if named != origin:
        raise ConfigurationError(
            texts("{path}: it is a checkpoint of another log, {name}.", path=path, name=named)
        )
    return note


def _require_addresses(witnesses: Iterable[str]) -> None:
    """Refuse what is no address of a witness."""
    for url in witnesses:
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
            raise ConfigurationError(
                texts("{url} is no witness's address; write https://….", url=url)
            )


def _summary(report: Report) -> Any:
    if set(report.counts) == {"witness-silent"}:
        return texts("All is as it was signed, but too few witnesses could be asked.")
    return texts("The archive is not as it was signed; findings: {count}.", count=report.total)
