"""`xmppgov archive request …`: the officers' commands from the command line, through an account."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from xmppgov.adhoc.client import CommandClient
from xmppgov.adhoc.model import Values
from xmppgov.adhoc.stanza import Reply
from xmppgov.archive.request import printable
from xmppgov.i18n import Text, Texts, terminal_language
from xmppgov.storage.files import write_new_file
from xmppgov_archive.officers.account import AccountSection, connected, needed, through_account
from xmppgov_archive.officers.model import NODES, PAGE

texts = Texts("xmppgov_archive")
WIDEST = 10_000  # columns that no row needs
SHORT = 8  # digits of a request's number
TextOption = Annotated[
    Path | None,
    typer.Option(help="Write the request's text, for `approve`, to this file; - prints it."),
]


@through_account
def request(
    account: AccountSection | None,
    purpose: Annotated[str, typer.Option(help="The label of a purpose, as configured.")],
    case: Annotated[str, typer.Option(help="The case number.")],
    first: Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD (UTC).")],
    last: Annotated[str, typer.Option("--to", help="The last day.")],
    person: Annotated[list[str] | None, typer.Option(help="An address; may be repeated.")] = None,
    room: Annotated[list[str] | None, typer.Option(help="A room's address.")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="A unit's id in the directory.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="At most this many rows.")] = 100,
    out: TextOption = None,
) -> None:
    """Ask the officers for rows with names; print the request's number and its words."""
    form = {
        **{"purpose": [purpose], "case": [case], "first": [first], "last": [last]},
        **{"people": person or [], "rooms": room or [], "units": unit or [], "rows": [str(rows)]},
    }
    asked(needed(account), "request", form, out)


@through_account
def requests(
    account: AccountSection | None,
    number: Annotated[
        str | None, typer.Argument(metavar="[REQUEST]", help="Only this one, whole.")
    ] = None,
    out: TextOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List requests and where they stand, or read one, whole."""
    if number is not None:
        _whole(_run(needed(account), "show", {"request": [number[:SHORT].lower()]}), out)
        return
    reply = _run(needed(account), "requests")
    if as_json:
        typer.echo(json.dumps({"requests": reply.rows}, ensure_ascii=False, indent=2))
        return
    _table(reply, ("request", "what", "case", "by", "state"))
    say(reply.note)


@through_account
def hand_in_code(
    account: AccountSection | None,
    number: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's number.")],
    code: Annotated[
        list[str] | None, typer.Argument(help="The sealed code; else read from standard input.")
    ] = None,
) -> None:
    """Hand in the sealed code that `approve` printed."""
    say(hand_in(needed(account), number, " ".join(code) if code else sys.stdin.read()))


@through_account
def refuse(
    account: AccountSection | None,
    number: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's number.")],
) -> None:
    """Refuse a request, for good."""
    chosen, sure = {"request": [number[:SHORT].lower()]}, {"sure": ["1"]}
    say(_run(needed(account), "refuse", chosen, sure).note)


@through_account
def answer(
    account: AccountSection | None,
    number: Annotated[str, typer.Argument(metavar="REQUEST", help="The request's number.")],
    form: Annotated[
        Literal["table", "ndjson", "csv"], typer.Option("--format", help="How to write the rows.")
    ] = "table",
    out: Annotated[Path | None, typer.Option(help="Write to this new file, for you only.")] = None,
) -> None:
    """Read the answer to a granted request; each line set says for whom and for which request."""
    codes = form != "table"
    pages = connected(needed(account), lambda client: _pages(client, number[:SHORT].lower(), codes))
    if form == "table" and out is None:
        for page in pages:
            _table(page, ("time", "kind", "from", "to", "room"))
        say(pages[-1].note)
        return
    text = "".join(_csv(pages) if form == "csv" else _ndjson(pages))
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_new_file(out, text.encode())
        say(texts("{path}: written.", path=out))


def hand_in(account: AccountSection, number: str, code: str) -> str:
    """Hand in a code; return what the archive says."""
    chosen = {"request": [number[:SHORT].lower()]}
    return _run(account, "approve", chosen, {"code": [code]}).note


def read_request(account: AccountSection, number: str) -> str:
    """Return a request as text, for `approve`."""
    return "".join(_run(account, "show", {"request": [number[:SHORT].lower()]}).fields["text"])


async def _pages(client: CommandClient, number: str, codes: bool) -> list[Reply]:
    """Return all pages of an answer, in code words where a program reads them."""
    pages: list[Reply] = []
    while not pages or len(pages[-1].rows) == PAGE:
        values = {"request": [number], "page": [str(len(pages) + 1)], "codes": [str(int(codes))]}
        pages.append(await client.run(NODES + "answer", [values]))
    return pages if len(pages) == 1 or pages[-1].rows else pages[:-1]


def _ndjson(pages: Sequence[Reply]) -> Iterator[str]:
    for page in pages:
        yield json.dumps({"watermark": page.note}, ensure_ascii=False) + "\n"
        for row in page.rows:
            yield json.dumps(row, ensure_ascii=False) + "\n"


def _csv(pages: Sequence[Reply]) -> Iterator[str]:
    out = io.StringIO()
    table = csv.writer(out)
    for page in pages:
        out.write(f"# {page.note}\n")
        if page is pages[0]:
            table.writerow(page.columns)
        table.writerows([_inert(row.get(name, "")) for name in page.columns] for row in page.rows)
    yield out.getvalue()


def _inert(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an address may begin like one."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value


def _run(account: AccountSection, name: str, *pages: Values) -> Reply:
    return connected(account, lambda client: client.run(NODES + name, pages))


def asked(account: AccountSection, name: str, form: Values, out: Path | None = None) -> None:
    """Make a request; print its number and its words, or write its text to a file."""
    reply = _run(account, name, form)
    say(reply.note)
    _whole(reply, out)


def answered(account: AccountSection, number: str) -> list[dict[str, str]]:
    """Return the rows of the answer to a granted request."""
    pages = connected(account, lambda client: _pages(client, number[:SHORT].lower(), True))
    return [row for page in pages for row in page.rows]


def _whole(reply: Reply, out: Path | None) -> None:
    """Print a request's words, or write it as it travels: to a new file, or for a script."""
    text = "".join(reply.fields.get("text", []))
    if out is None:
        _words(reply)
    elif str(out) == "-":
        typer.echo(_lines(text))
    else:
        write_new_file(out, text.encode() + b"\n")
        say(texts("{path}: written.", path=out))


def _words(reply: Reply) -> None:
    grid = Table.grid(Column(style="bold"), Column(overflow="fold"), padding=(0, 2))
    for name, values in reply.fields.items():
        if name != "text" and reply.labels.get(name):
            grid.add_row(printable(reply.labels[name]), printable(" ".join(values)))
    if grid.rows:
        Console().print(grid, markup=False, highlight=False)


def _lines(text: str) -> str:
    """Return lines that are printed as they stand, without what moves a terminal's cursor."""
    return "\n".join(map(printable, text.split("\n")))


def _table(reply: Reply, columns: Sequence[str]) -> None:
    shown = [name for name in columns if name in reply.columns]
    table = Table(box=None, pad_edge=False)  # as wide as the terminal: addresses are long
    for name in shown:
        title, whole = _TITLES[name].in_language(terminal_language()), name in ("request", "time")
        table.add_column(title, overflow="fold", no_wrap=whole)
    for row in reply.rows:
        table.add_row(*(printable(row.get(name, "")) for name in shown))
    console = Console()
    wide = console.options.update(width=WIDEST)
    if shown and console.measure(table, options=wide).maximum <= console.width:
        console.print(table, markup=False, highlight=False)
    elif shown:
        _blocks(console, reply, shown)


def _blocks(console: Console, reply: Reply, shown: Sequence[str]) -> None:
    """Print a line for each value where a table is too wide, so that addresses can be copied."""
    for row in reply.rows:
        for name in shown:
            if row.get(name):
                title = _TITLES[name].in_language(terminal_language())
                line = f"{title}: {printable(row[name])}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print()


def say(text: Text | str) -> None:
    """Print a sentence beside what is for scripts."""
    Console(stderr=True).print(_lines(str(text)), markup=False, highlight=False, soft_wrap=True)


_TITLES = {
    "request": texts("Request"),
    "what": texts("What"),
    "case": texts("Case number"),
    "by": texts("Asked by"),
    "state": texts("State"),
    "time": texts("Time (UTC)"),
    "kind": texts("Kind"),
    "from": texts("From"),
    "to": texts("To"),
    "room": texts("Room"),
}
