"""`xmppgov alert send` and `xmppgov alert status`, through the webhook."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov_alerts.board import board, settled
from xmppgov_alerts.client import AlertsClient, choose_key
from xmppgov_alerts.config import SenderSettings
from xmppgov_alerts.model import Severity, rfc3339

texts = Texts("xmppgov_alerts")
app = typer.Typer(help="Send an alert, and see whom it reached.", no_args_is_help=True)
REFRESH = 1.0  # seconds

ConfigOption = Annotated[
    Path, typer.Option("--config", help="alerts.toml, or its [webhook] alone.")
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="The name of the webhook key; by default the first.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def send(
    config: ConfigOption,
    to: Annotated[
        list[str],
        typer.Option("--to", help="group:ID, room:ID, body:ID or person:ID; may be repeated."),
    ],
    severity: Annotated[
        Severity,
        typer.Option("--severity", case_sensitive=False, help="How grave it is (CAP 1.2)."),
    ],
    text: Annotated[
        str,
        typer.Argument(
            help="The text, or - to read it from standard input. A text given here is visible to "
            "everybody on this machine while the command runs; prefer - or --file.",
            show_default=False,
        ),
    ] = "",
    file: Annotated[Path | None, typer.Option("--file", help="Read the text from a file.")] = None,
    lang: Annotated[str, typer.Option("--lang", help="The language of the text.")] = "fr",
    hours: Annotated[
        float | None, typer.Option("--hours", min=0.01, help="Erase the text after so many hours.")
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option("--id", help="Repeat an earlier request under its id: it goes out once."),
    ] = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an alert, encrypted, to each person of the audience."""
    alert: dict[str, Any] = {
        "to": to,
        "severity": severity.value,
        "text": _text(text, file),
        "lang": lang,
    }
    if hours is not None:
        alert["expires"] = rfc3339(datetime.now(UTC) + timedelta(hours=hours))
    client = _client(config, key)
    with Console(stderr=True).status(str(texts("The alert is being handed over…"))):
        report = asyncio.run(_send(client, alert, request_id or uuid.uuid4().hex))
    if as_json:
        _print_json(report)
        return
    _announce(report, config)


@app.command()
def status(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="What `alert send` printed.")],
    config: ConfigOption,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it until everybody is reached or it expires.")
    ] = False,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where an alert stands for each recipient, those it will not reach first."""
    client = _client(config, key)
    try:
        asyncio.run(_status(client, alert_id, watch, as_json))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _announce(report: dict[str, Any], config: Path) -> None:
    """Print the id alone on standard output, and for people what was accepted beside it."""
    people = len(report["recipients"])
    reachable = people - report["counts"].get("no-account", 0)
    sentence = texts(
        "Accepted for {people} people, {reachable} of them with an account. Follow it "
        "with: xmppgov alert status --watch {id} --config {config}",
        people=people,
        reachable=reachable,
        id=report["id"],
        config=config,
    )
    typer.echo(report["id"])
    typer.echo(str(sentence), err=True)


def _client(config: Path, name: str | None) -> AlertsClient:
    settings = load(SenderSettings, config)
    key = choose_key(settings, name)
    if key is None:
        raise ConfigurationError(
            texts("{path}: no webhook key is named {name}.", path=config, name=name)
        )
    return AlertsClient(settings.webhook.address, key)


def _text(argument: str, file: Path | None) -> str:
    if bool(argument) == (file is not None):
        raise ConfigurationError(
            texts(
                "Give the text once: as the last argument, as - for standard input, or by --file."
            )
        )
    try:
        if file is not None:
            return file.read_text("utf-8").strip()
        return sys.stdin.read().strip() if argument == "-" else argument
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            texts("The text cannot be read as UTF-8 from {path}.", path=file or "-")
        ) from error


async def _send(client: AlertsClient, alert: dict[str, Any], request_id: str) -> dict[str, Any]:
    async with client:
        return await client.report(await client.send(alert, request_id))


async def _status(client: AlertsClient, alert_id: str, watch: bool, as_json: bool) -> None:
    async with client:
        report = await client.report(alert_id)
        if watch and as_json:
            report = await _until_settled(client, report)
        if as_json:
            _print_json(report)
        elif watch:
            await _show_live(client, report)
        else:
            Console(highlight=False).print(board(report))


async def _until_settled(client: AlertsClient, report: dict[str, Any]) -> dict[str, Any]:
    while not settled(report):
        await asyncio.sleep(REFRESH)
        report = await client.report(report["id"])
    return report


async def _show_live(client: AlertsClient, report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    with Live(board(report), console=console, auto_refresh=False) as live:
        while not settled(report):
            await asyncio.sleep(REFRESH)
            report = await client.report(report["id"])
            live.update(board(report), refresh=True)


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
