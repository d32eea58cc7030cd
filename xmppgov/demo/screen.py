"""What the demo says on the terminal: each step as it is done, then who can log in, and where."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xmppgov.demo.accounts import Login
from xmppgov.demo.ready import Ready, log_url, web_url
from xmppgov.i18n import Text, Texts

texts = Texts(__package__)
WIDTH = 80  # columns; a newcomer's terminal


class Screen:
    """A terminal of at least `WIDTH` columns."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, text: Text) -> Iterator[None]:
        """Say what is being done, and how long it took."""
        started = time.monotonic()
        with self._console.status(escape(str(text))):
            yield
        seconds = f"[dim]{time.monotonic() - started:5.1f} s[/]"
        line = f"[green]✓[/] {escape(str(text))} {seconds}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def say(self, text: Text | str = "") -> None:
        """Print one line."""
        self._console.print(escape(str(text)), highlight=False, soft_wrap=True)

    def show(self, ready: Ready) -> None:
        """Print the address, the table of accounts, what to try, and where the archive's key is."""
        self.say()
        url = texts("Web client: {url}", url=web_url(ready.ports))
        self._console.print(f"  [bold]{escape(str(url))}[/]")
        self.say()
        self._console.print(_table(ready.logins))
        self.say()
        for number, sentence in enumerate(_suggestions(ready), 1):
            self.say(f" {number}. {sentence}")
        self.say()
        self.say(texts("The archive's public key: {key}", key=ready.verifier_key))
        self.say(texts("Its public log, with three witnesses: {url}", url=log_url(ready.ports)))
        self.say(GROUPS)
        self.say(texts("Ctrl-C stops everything; started again, it goes on with what it had."))


GROUPS = texts(
    "This demo archives its parliamentary groups in full (metadata, never content), to have "
    "something to show; by default groups are only counted."
)


def _suggestions(ready: Ready) -> list[Text]:
    """Return what to try."""
    group = next((group for login in ready.logins for group in login.groups), "…")
    return [
        texts("Log in as two people of one group, in two browsers: their room awaits, encrypted."),
        texts("Write to the contact Annuaire: cherche maire dupont"),
        texts(
            "Send an alert: {command} alert send --config {file} --to group:{group} "
            '--severity Severe "…"',
            command=_from_here(Path(sys.argv[0])),
            file=_from_here(ready.config["alerts"]),
            group=group,
        ),
        texts(
            "See that the archive is whole: {command} archive verify --config {file}",
            command=_from_here(Path(sys.argv[0])),
            file=_from_here(ready.config["archive"]),
        ),
        texts(
            "Play the three officers, who open names two by two: {folder} has their keys; "
            "docs/archivist.md (Un exemple) has the commands.",
            folder=_from_here(ready.config["archive"].parent / "archive-officers"),
        ),
    ]


def _from_here(path: Path) -> Path:
    """Return `path` as one would type it in this folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _table(logins: Sequence[Login]) -> Table:
    """Return the accounts, two lines each, in at most `WIDTH` columns."""
    address = max((len(login.jid) for login in logins), default=20)
    table = Table(width=WIDTH, pad_edge=False, box=None)
    table.add_column(str(texts("Person, post")), ratio=3)
    table.add_column(str(texts("Groups")), ratio=2, overflow="fold")
    table.add_column(str(texts("Address, password")), min_width=min(address, 42), overflow="fold")
    for login in logins:
        table.add_row(
            f"[bold]{escape(login.name)}[/]\n[dim]{escape(login.post)}[/]",
            escape("\n".join(login.groups)),
            f"{escape(login.jid)}\n[bold]{escape(login.password)}[/]",
        )
    return table
