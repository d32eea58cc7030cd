"""`xmppgov witness`: run a witness, print its public keys, show what it has cosigned."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov_witness.config import Config
from xmppgov_witness.keys import load_cosigners
from xmppgov_witness.store import WitnessStore

texts = Texts("xmppgov_witness")
app = typer.Typer(help="Run a witness of transparency logs, and see what it has cosigned.")
ConfigOption = Annotated[Path, typer.Option("--config", help="The witness's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback(invoke_without_command=True)
def witness(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="Run with this configuration file.")
    ] = None,
) -> None:
    """Run a witness until SIGINT or SIGTERM; `key` and `status` look at one."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        raise ConfigurationError(texts("Name the configuration: xmppgov witness --config FILE"))
    from xmppgov_witness.__main__ import main

    main(config)


@app.command()
def key(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Print the witness's public keys (vkeys), making its private keys at first."""
    cosigners = load_cosigners(load(Config, config).witness, secrets.token_bytes)
    vkeys = [str(cosigner.verifier) for cosigner in cosigners]
    typer.echo(json.dumps({"vkeys": vkeys}, indent=2) if as_json else "\n".join(vkeys))


@app.command()
def status(config: ConfigOption, as_json: JsonOption = False) -> None:
    """Show each log's latest cosigned checkpoint, and the forks that the witness was shown."""
    logs = asyncio.run(_logs(load(Config, config)))
    if as_json:
        typer.echo(json.dumps({"logs": logs}, ensure_ascii=False, indent=2))
        return
    table = Table(box=None, pad_edge=False, width=80)
    for title in (texts("Log"), texts("Size"), texts("Cosigned (UTC)"), texts("Forks")):
        table.add_column(str(title), overflow="fold")
    for entry in logs:
        size = "" if entry["size"] is None else str(entry["size"])
        table.add_row(entry["origin"], size, entry["cosigned"] or "", str(entry["forks"]))
    Console().print(table)


async def _logs(config: Config) -> list[dict[str, Any]]:
    store = await WitnessStore.open_read_only(config.witness.database)
    try:
        return [await _log(store, origin) for origin in config.log_keys()]
    finally:
        await store.close()


async def _log(store: WitnessStore, origin: str) -> dict[str, Any]:
    latest = await store.latest(origin)
    return {
        "origin": origin,
        "size": latest.size if latest else None,
        "root": latest.root.hex() if latest else None,
        "cosigned": _moment(latest.t) if latest else None,
        "forks": len(await store.forks(origin)),
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
