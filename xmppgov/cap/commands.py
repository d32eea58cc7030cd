"""`xmppgov cap check`: whether a file is a CAP message that is read here, and what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from xmppgov.cap.errors import CapError
from xmppgov.cap.reading import read
from xmppgov.cap.summary import summary
from xmppgov.cap.tree import LARGEST
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts

texts = Texts(__package__)
app = typer.Typer(help="Check alerts in the Common Alerting Protocol.", no_args_is_help=True)


@app.callback()
def cap() -> None:
    """Check alerts in the Common Alerting Protocol."""


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The CAP message, or - for standard input.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Read a CAP 1.2 or 1.1 message strictly, and say what it says or why it is refused."""
    data = _bytes(file)
    try:
        received = read(data)
    except CapError as error:
        for problem in error.problems:
            typer.echo(str(problem.sentence()), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(received.alert.model_dump_json(indent=2, exclude_defaults=True))
        return
    for line in summary(received):
        typer.echo(str(line))


def _bytes(file: str) -> bytes:
    """Return the file, or of one that is too large as much as shows that it is."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        with Path(file).open("rb") as stream:
            return stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(texts("{path} cannot be read.", path=file)) from error
