"""`xmppgov archive transparency`: what can be published, from the public log alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmppgov.config import load
from xmppgov.errors import CheckFailed, ConfigurationError
from xmppgov.i18n import Texts
from xmppgov_archive.config import Config
from xmppgov_archive.inspection.days import first_millisecond
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.log.trust import read_policy
from xmppgov_archive.transparency import tables
from xmppgov_archive.transparency.reading import read_figures

texts = Texts("xmppgov_archive")


def transparency(
    config: Annotated[
        Path | None, typer.Option("--config", help="The archive's configuration file.")
    ] = None,
    tiles: Annotated[
        Path | None, typer.Option(help="Instead: the log's public folder, or a copy of it.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="The log's policy: its signature is checked.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only from this day on, YYYY-MM-DD (UTC).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print what can be published: requests, erasures, holds, holes, counted messages, keys.

    It reads the public log and nothing else: anyone can check the figures.
    """
    if (config is None) == (tiles is None):
        raise ConfigurationError(texts("Name --config or --tiles."))
    if config is not None:
        section = load(Config, config).archive
        tiles, policy = section.tiles_dir, policy or section.policy_file
    folder = LogFolder(tiles or Path())
    note = folder.checkpoint()
    if note is None:
        raise CheckFailed(texts("{path}: there is no checkpoint.", path=folder.root))
    rules = read_policy(policy) if policy else None
    start = first_millisecond(since) if since else 0
    figures = read_figures(note, rules, folder.read, since, start)
    if as_json:
        typer.echo(json.dumps(tables.document(figures), ensure_ascii=False, indent=2))
    else:
        tables.show(Console(), figures)
    if rules is None:
        unchecked = texts("The signature was not checked; name --policy.")
        Console(stderr=True).print(str(unchecked), markup=False, highlight=False)
    if figures.findings:
        raise CheckFailed(
            texts(
                "The log's numbers are not in order; run: xmppgov-verify --tiles {path}",
                path=folder.root,
            )
        )
