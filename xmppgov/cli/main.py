"""The `xmppgov` command: a thin root to which components and bots add theirs by entry point.

Exit status: 0 done, 1 failed check or refused, 2 misuse, 130 interrupted. The one place where an
error becomes a line on a terminal.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from xmppgov import __version__
from xmppgov.cli.installed import InstalledCommands, services
from xmppgov.cli.misuse import Misuse, explained
from xmppgov.errors import ConfigurationError, XmppgovError
from xmppgov.i18n import Text

INTERRUPTED = 130  # as a shell says it of Ctrl-C
app = typer.Typer(
    name="xmppgov",
    cls=InstalledCommands,
    help="A sovereign messenger for public administrations on any standard XMPP server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Show the version where it is asked for; keep the libraries' loggers from quoting anybody."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    from xmppgov.logs import pin_library_loggers  # slow to import, and not needed for --help

    pin_library_loggers()


def run() -> None:
    """Run the command line; turn an error into one line and an exit status."""
    app.add_typer(services(), name="run")
    try:
        status = app(standalone_mode=False)
    except XmppgovError as error:
        _say(error.text)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
    except Misuse as error:
        *usage, reason = explained(error)
        for line in usage:
            typer.echo(str(line), err=True)
        _say(reason)
        sys.exit(2)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _say(text: Text | str) -> None:
    from rich.console import Console

    Console(stderr=True, emoji=False).print(
        str(text), style="red", markup=False, highlight=False, soft_wrap=True
    )


if __name__ == "__main__":
    run()
