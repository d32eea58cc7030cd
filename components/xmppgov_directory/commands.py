"""`xmppgov directory import|search|status`: the operator's side of the directory."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from xmppgov.config import load
from xmppgov.i18n import Texts, percent_sign
from xmppgov_directory.config import DirectorySettings
from xmppgov_directory.diff import Changes, Diff
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.model import BodyRow, Listing, PersonRow, PostRow
from xmppgov_directory.query import parse
from xmppgov_directory.store import Store
from xmppgov_directory.tables import BrokenFiles, Tell

texts = Texts("xmppgov_directory")
app = typer.Typer(help="Fill the directory, and look into it.", no_args_is_help=True)
Config = Annotated[Path, typer.Option("--config", help="The directory's configuration (TOML).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
T = TypeVar("T")
NAMED = 5
"""So many names are shown of each kind of change."""


@app.command("import")
def import_(
    people: Annotated[Path, typer.Argument(help="people.csv")],
    bodies: Annotated[Path, typer.Argument(help="bodies.csv")],
    posts: Annotated[Path, typer.Argument(help="posts.csv")],
    config: Config,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="How to read foreign files (TOML).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    max_removals: Annotated[
        float, typer.Option(min=0, max=100, help="Refuse if more than so many % would disappear.")
    ] = 10.0,
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="Import however many would disappear.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Import the three CSV files: all of them, or nothing."""
    settings = load(DirectorySettings, config)
    rules = load(Mapping, mapping) if mapping else Mapping()
    most = 1.0 if allow_removals else max_removals / 100
    files = Files(people, bodies, posts)

    async def run(store: Store) -> Diff:
        with _progress(not as_json) as (tell, step):
            return await import_files(
                store, files, mapping=rules, today=date.today(), max_removals=most,
                dry_run=dry_run, tell=tell, step=step,
            )  # fmt: skip

    try:
        diff = _with_store(settings.directory.database, run, write=True)
    except BrokenFiles as broken:
        _show_problems(broken)
        raise
    refused = diff.vanished_share > most
    if as_json:
        _print_json({**_diff_json(diff, dry_run), "refused": refused})
        return
    _show_diff(diff, dry_run)
    if refused:  # by a dry run alone: an import would have raised
        _console().print(
            str(texts("The import would be refused; if this is right, add --allow-removals."))
        )


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="Words of a name, a post or a body.")],
    config: Config,
    as_json: Json = False,
) -> None:
    """Search as people do, in the database itself."""
    settings = load(DirectorySettings, config)
    query = parse({"q": " ".join(words)})
    most = settings.directory.max_results
    found = _with_store(settings.directory.database, lambda s: s.index.search(query, most))
    if as_json:
        _print_json([asdict(listing) for listing in found])
    elif found:
        _console().print(_listings(found))
    else:
        _console().print(str(texts("Nobody was found.")))


@app.command()
def status(config: Config, as_json: Json = False) -> None:
    """Say how much the directory holds."""
    settings = load(DirectorySettings, config)
    state = _with_store(settings.directory.database, lambda s: s.status())
    if as_json:
        _print_json({**asdict(state), "day": state.day.isoformat() if state.day else None})
        return
    table = Table(show_header=False, box=None)
    for label, value in (
        (texts("People"), state.people),
        (texts("with an address"), state.accounts),
        (texts("found by a search"), state.listed),
        (texts("Bodies"), state.bodies),
        (texts("with a room"), state.rooms),
        (texts("Posts"), state.posts),
        (texts("Imports"), state.data),
        (texts("Day"), state.day or "-"),
    ):
        table.add_row(str(label), str(value))
    _console().print(table)


def _console(*, stderr: bool = False) -> Console:
    """Return a terminal that prints files and names as they are: `:100:` is a line, no picture."""
    return Console(stderr=stderr, emoji=False, highlight=False, markup=False)


def _with_store(path: Path, use: Callable[[Store], Awaitable[T]], *, write: bool = False) -> T:
    async def run() -> T:
        store = await (Store.open(path) if write else Store.open_read_only(path))
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


@contextmanager
def _progress(shown: bool) -> Iterator[tuple[Tell, Callable[[str], None]]]:
    """Show a bar for each file, then what is done with them; on standard error."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}" + percent_sign()),
    )
    steps = {"compare": texts("Comparing"), "write": texts("Writing and indexing")}
    bars: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not shown) as progress:

        def tell(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(name, total=total)
            progress.update(bars[name], completed=done)

        def step(name: str) -> None:
            if shown:
                console.print(str(steps[name]))

        yield tell, step


def _show_problems(broken: BrokenFiles) -> None:
    console = _console(stderr=True)
    for problem in broken.problems:
        console.print(str(problem), soft_wrap=True)
    if broken.count > len(broken.problems):
        rest = broken.count - len(broken.problems)
        console.print(str(texts("… and {n} more.", n=rest)))


def _kinds(diff: Diff) -> Iterator[tuple[str, str, tuple[PersonRow | BodyRow | PostRow, ...]]]:
    parts: tuple[tuple[str, Changes], ...] = (
        ("people", diff.people), ("bodies", diff.bodies), ("posts", diff.posts)
    )  # fmt: skip
    for part, changes in parts:
        yield part, "added", changes.added
        if part == "posts":
            yield part, "ended", diff.ended
            ended = frozenset(row.key for row in diff.ended)
            yield part, "changed", tuple(r for r in diff.posts.changed if r.key not in ended)
        else:
            yield part, "changed", changes.changed
        yield part, "removed", changes.removed


def _label(row: PersonRow | BodyRow | PostRow) -> str:
    if isinstance(row, PostRow):
        return f"{row.person_id}, {row.title}, {row.body_id}"
    return f"{row.name} ({row.id})"


def _diff_json(diff: Diff, dry_run: bool) -> dict:
    found: dict = {
        "dry_run": dry_run,
        "vanished": len(diff.vanished),
        "protected": len(diff.protected),
        "unprotected": len(diff.unprotected),
    }
    for part, change, rows in _kinds(diff):
        names = [_label(row) for row in rows[:NAMED]]
        found.setdefault(part, {})[change] = {"count": len(rows), "first": names}
    return found


def _show_diff(diff: Diff, dry_run: bool) -> None:
    console = _console()
    if not diff:
        console.print(str(texts("Nothing changes.")))
        return
    words = {
        "people": texts("People"), "bodies": texts("Bodies"), "posts": texts("Posts"),
        "added": texts("added"), "changed": texts("changed"),
        "ended": texts("ended"), "removed": texts("removed"),
    }  # fmt: skip
    table = Table("", "", "", "", box=None, show_header=False)
    for part, change, rows in _kinds(diff):
        if rows:
            names = " · ".join(_label(row) for row in rows[:NAMED]) + (" …" if rows[NAMED:] else "")
            table.add_row(str(words[part]), str(words[change]), f"{len(rows)}", names)
    console.print(table)
    if diff.vanished:
        console.print(str(texts("{n} people hold no post any more.", n=len(diff.vanished))))
    if diff.protected:
        told = texts("{n} people become protected: look-ups are recorded.", n=len(diff.protected))
        console.print(str(told))
    if diff.unprotected:
        told = texts("{n} people are no longer protected.", n=len(diff.unprotected))
        console.print(str(told))
    if dry_run:
        console.print(str(texts("Nothing was changed: this was a trial run.")))


def _listings(found: list[Listing]) -> Table:
    heads = (texts("Name"), texts("Post"), texts("Body"), texts("Address"))
    table = Table(*(str(head) for head in heads))
    for column in table.columns:
        column.overflow = "fold"  # an address that is cut is of no use
    for listing in found:
        table.add_row(listing.name, listing.post, listing.body, listing.jid)
    return table


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
