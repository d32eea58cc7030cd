"""`xmppgov archive retention …`: what is due, drafts of slips, slips; read beside the archive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from xmppgov.config import load
from xmppgov.errors import CheckFailed, NotFound
from xmppgov.i18n import Texts
from xmppgov.storage.files import require_readable
from xmppgov_archive.config import Config
from xmppgov_archive.inspection.service import Inspection, inspected
from xmppgov_archive.retention import policy, tables
from xmppgov_archive.retention.asking import due, erase, hold, release
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.model import Hold
from xmppgov_archive.retention.scopes import no_class
from xmppgov_archive.retention.service import Preview, preview
from xmppgov_archive.retention.slip import Slip, SlipInvalid
from xmppgov_archive.retention.wiring import setting

texts = Texts("xmppgov_archive")
ResultT = TypeVar("ResultT")
app = typer.Typer(help="What is kept how long: due months, holds, slips.", no_args_is_help=True)
for command in (hold, release, erase, due):
    app.command()(command)
ConfigOption = Annotated[Path, typer.Option("--config", help="The archive's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("preview")
def show_preview(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show what may be erased today, by class and month, and what is held; nothing changes."""
    found = _run(config, lambda archive: _preview(archive))
    if as_json:
        _print(tables.preview_document(found))
    else:
        tables.show_preview(Console(), found)


@app.command()
def draft(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="The folder for its files.")],
    class_: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
) -> None:
    """Write a draft of the elimination slip for what is due, to ask the archives for the visa.

    A table (CSV), a page to print, and the message that asks for the visa (SEDA 2.2).
    """
    section = load(Config, config).archive
    if class_ is not None and class_ not in section.classes:
        raise no_class(class_, section.classes)
    found = _run(config, lambda archive: _preview(archive))
    stock = [one for one in found.due if class_ in (None, one.part.class_)]
    slip = setting(section).slip(stock, "", "", found.today)
    if not slip.lines:
        raise NotFound(texts("No month's time is over; there is nothing to erase."))
    for file in SlipFolder(out).draft(slip):
        typer.echo(str(file))


@app.command()
def holds(config: ConfigOption, as_json: JsonOption = False) -> None:
    """List the legal holds, those that have ended too."""
    found = _run(config, _holds)
    if as_json:
        _print({"holds": [tables.hold_document(hold) for hold in found]})
    else:
        tables.show_holds(Console(), found)


@app.command("slip")
def check_slip(
    config: ConfigOption,
    file: Annotated[Path, typer.Argument(help="An elimination slip (CSV).")],
    as_json: JsonOption = False,
) -> None:
    """Say which entries of the log name an elimination slip; 1 if none does."""
    require_readable(file)
    try:
        slip = Slip.parse(file.read_bytes())
    except (OSError, SlipInvalid) as error:
        raise NotFound(texts("{path}: it is no elimination slip.", path=file)) from error

    async def named(archive: Inspection) -> list[int]:
        return await archive.retention.naming(slip.digest)

    leaves = _run(config, named)
    if as_json:
        _print({"sha256": slip.digest, "records": slip.records, "entries": leaves})
    else:
        tables.show_slip(Console(), slip, leaves)
    if not leaves:
        raise CheckFailed(texts("No entry of the log names this slip."))


async def _preview(archive: Inspection) -> Preview:
    today = datetime.now(UTC).date()
    if not await archive.retention.store.is_there():
        return Preview(today, [], [])
    store = archive.retention.store
    holds = [hold for hold in await store.holds() if policy.lasts(hold, today)]
    return await preview(store, setting(archive.section), today, holds)


async def _holds(archive: Inspection) -> list[Hold]:
    store = archive.retention.store
    return await store.holds() if await store.is_there() else []


def _run(config: Path, action: Callable[[Inspection], Awaitable[ResultT]]) -> ResultT:
    section = load(Config, config).archive

    async def inspect() -> ResultT:
        async with inspected(section) as archive:
            return await action(archive)

    return asyncio.run(inspect())


def _print(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
