"""The `xmppgov` command: a thin root to which components and bots add theirs by entry point.

Exit status: 0 done, 1 failed check or refused, 2 misuse. The one place where an error becomes a line
on a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmppgov import __version__
from xmppgov.errors import ConfigurationError, XmppgovError
from xmppgov.logs import pin_library_loggers

app = typer.Typer(
    name="xmppgov",
    help="A sovereign messenger for public administrations on any standard XMPP server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS, SERVICES = "xmppgov.commands", "xmppgov.services"


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Show the version where it is asked for."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _add_services(parent: typer.Typer) -> None:
    """Add `run NAME` for every service that is installed."""
    group = typer.Typer(help="Run a component or a bot in the foreground.", no_args_is_help=True)
    for entry in sorted(entry_points(group=SERVICES), key=lambda e: e.name):
        group.command(entry.name, help=f"Run {entry.name} until SIGINT or SIGTERM.")(_starter(entry))
    parent.add_typer(group, name="run")


def _starter(entry: EntryPoint) -> Callable[[Path], None]:
    def start(
        config: Annotated[Path, typer.Option("--config", help="The configuration file (TOML).")],
    ) -> None:
        entry.load()(config)

    return start


def _add_commands(parent: typer.Typer) -> None:
    for entry in sorted(entry_points(group=COMMANDS), key=lambda e: e.name):
        parent.add_typer(entry.load(), name=entry.name)


def run() -> None:
    """Run the command line; turn an error into one line and an exit status."""
    pin_library_loggers()
    _add_services(app)
    _add_commands(app)
    try:
        app()
    except XmppgovError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)


if __name__ == "__main__":
    run()
