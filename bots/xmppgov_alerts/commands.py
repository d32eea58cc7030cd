"""`xmppgov alert send`, `update`, `cancel`, `status` and `report`, through the webhook."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from xmppgov.cap.words import Severity
from xmppgov.config import load
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov_alerts.board import board, settled
from xmppgov_alerts.client import AlertsClient, choose_key
from xmppgov_alerts.config import SenderSettings
from xmppgov_alerts.model import rfc3339

texts = Texts("xmppgov_alerts")
app = typer.Typer(help="Send an alert, and see whom it reached.", no_args_is_help=True)
REFRESH = 1.0  # seconds


class Kind(StrEnum):
    """The statuses of CAP that people are sent."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


ConfigOption = Annotated[
    Path, typer.Option("--config", help="alerts.toml, or its [webhook] alone.")
]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="The name of the webhook key; by default the first.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
TextArgument = Annotated[
    str,
    typer.Argument(
        help="The text, or - to read it from standard input. A text given here is visible to "
        "everybody on this machine while the command runs; prefer - or --file.",
        show_default=False,
    ),
]
FileOption = Annotated[Path | None, typer.Option("--file", help="Read the text from a file.")]
LangOption = Annotated[
    str | None, typer.Option("--lang", help="The language of the text; by default as before.")
]
HoursOption = Annotated[
    float | None, typer.Option("--hours", min=0.01, help="Erase the text after so many hours.")
]
RepeatOption = Annotated[
    str | None,
    typer.Option("--id", help="Repeat an earlier request under its id: it goes out once."),
]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="What `alert send` or `alert update` printed.")
]


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
    text: TextArgument = "",
    status: Annotated[
        Kind,
        typer.Option("--status", case_sensitive=False, help="An exercise says so first and last."),
    ] = Kind.ACTUAL,
    file: FileOption = None,
    lang: Annotated[str, typer.Option("--lang", help="The language of the text.")] = "fr",
    hours: HoursOption = None,
    request_id: RepeatOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an alert, encrypted, to each person of the audience."""
    alert: dict[str, Any] = {
        "to": to,
        "severity": severity.value,
        "text": _text(text, file),
        "lang": lang,
        "status": status.value,
        **_until(hours),
    }
    client, name = _client(config, key), request_id or uuid.uuid4().hex
    _hand_over(client, lambda: client.send(alert, name), config, as_json)


@app.command()
def update(
    alert_id: IdArgument,
    config: ConfigOption,
    text: TextArgument = "",
    severity: Annotated[
        Severity | None,
        typer.Option("--severity", case_sensitive=False, help="By default as before."),
    ] = None,
    file: FileOption = None,
    lang: LangOption = None,
    hours: HoursOption = None,
    request_id: RepeatOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put another text in the place of an alert's, wherever it is by now."""
    change: dict[str, Any] = {"text": _text(text, file), **_until(hours), **_given(lang=lang)}
    if severity is not None:
        change["severity"] = severity.value
    client, name = _client(config, key), request_id or uuid.uuid4().hex
    _hand_over(client, lambda: client.update(alert_id, change, name), config, as_json)


@app.command()
def cancel(
    alert_id: IdArgument,
    config: ConfigOption,
    text: TextArgument = "",
    file: FileOption = None,
    lang: LangOption = None,
    request_id: RepeatOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call an alert off; a text says why, where one is given."""
    said = _text(text, file) if text or file else None
    client, name = _client(config, key), request_id or uuid.uuid4().hex
    reason = _given(text=said, lang=lang)
    _hand_over(client, lambda: client.cancel(alert_id, reason, name), config, as_json)


@app.command()
def report(alert_id: IdArgument, config: ConfigOption, key: KeyOption = None) -> None:
    """Print where an alert stands for everybody, as CSV."""
    out = sys.stdout.buffer
    asyncio.run(_table(_client(config, key), alert_id, out.write))
    out.flush()


@app.command()
def status(
    alert_id: IdArgument,
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
    people = sum(report["counts"].values())
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


def _until(hours: float | None) -> dict[str, Any]:
    if hours is None:
        return {}
    return {"expires": rfc3339(datetime.now(UTC) + timedelta(hours=hours))}


def _given(**members: str | None) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _hand_over(
    client: AlertsClient, ask: Callable[[], Awaitable[str]], config: Path, as_json: bool
) -> None:
    """Ask for something to be sent, and tell what became of it."""
    with Console(stderr=True).status(str(texts("The alert is being handed over…"))):
        report = asyncio.run(_asked(client, ask))
    if as_json:
        _print_json(report)
    else:
        _announce(report, config)


async def _asked(client: AlertsClient, ask: Callable[[], Awaitable[str]]) -> dict[str, Any]:
    async with client:
        return await client.report(await ask())


async def _table(client: AlertsClient, alert_id: str, write: Callable[[bytes], object]) -> None:
    async with client:
        await client.table(alert_id, write)


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
