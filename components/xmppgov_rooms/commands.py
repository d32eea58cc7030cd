"""`xmppgov rooms status` and `xmppgov rooms sync`: who sits where, who waits, and why."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from xmppgov.config import load
from xmppgov.errors import ConfigurationError, Unreachable
from xmppgov.i18n import Texts
from xmppgov.rooms.model import CHAIR, Reason, Standing
from xmppgov_rooms.config import RoomsSettings
from xmppgov_rooms.plan import RoomPlan, plan, state
from xmppgov_rooms.store import RoomsStore

app = typer.Typer(help="Rooms: their members, who waits for keys, and why.", no_args_is_help=True)
texts = Texts("xmppgov_rooms")
Result = TypeVar("Result")
Config = Annotated[Path, typer.Option("--config", help="The governance component's file (TOML).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]
WIDTH = 80

_STANDINGS = {
    Standing.ADMITTED: texts("admitted"),
    Standing.WAITING: texts("waiting for keys"),
    Standing.NO_ACCOUNT: texts("no account"),
}
_REASONS = {
    Reason.NOT_ASKED: texts("not asked yet"),
    Reason.NO_ANSWER: texts("no answer"),
    Reason.NO_DEVICE_LIST: texts("no app has published keys"),
    Reason.EMPTY_DEVICE_LIST: texts("all devices were removed"),
    Reason.NO_BUNDLE: texts("the device's keys are missing"),
    Reason.BROKEN_BUNDLE: texts("the device's keys are broken"),
    Reason.TOO_MANY_DEVICES: texts("more devices than a message can be encrypted for"),
    Reason.NOT_READABLE: texts("the keys cannot be read"),
}


@app.command()
def status(config: Config, as_json: Json = False) -> None:
    """Show each room, its members, who waits and why; reads the database, changes nothing."""
    rooms = asyncio.run(_read(load(RoomsSettings, config), state))
    if as_json:
        typer.echo(json.dumps({"rooms": [_document(r) for r in rooms]}, ensure_ascii=False))
        return
    console = _console()
    if not rooms:
        console.print(str(texts("No room yet: the directory has not been read.")))
    for room in rooms:
        _show(console, room)


@app.command()
def sync(
    config: Config,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare directory, keys and server now; asked with the operator's account of the file."""
    settings = load(RoomsSettings, config)
    if not dry_run:
        asyncio.run(_ask_for_sync(settings))
    rooms = asyncio.run(_read(settings, plan))
    if as_json:
        document = {"rooms": [_document(r) | _changes(r) for r in rooms]}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    console = _console()
    for room in rooms:
        _show_change(console, room)
    if all(room.change.empty for room in rooms):
        console.print(str(texts("Every room is as it should be.")))


async def _read(
    settings: RoomsSettings, question: Callable[[RoomsStore], Awaitable[Result]]
) -> Result:
    store = await RoomsStore.open_read_only(settings.rooms.database)
    try:
        return await question(store)
    finally:
        await store.close()


async def _ask_for_sync(settings: RoomsSettings) -> None:
    from xmppgov.logs import configure_logging
    from xmppgov.rooms.client import GovernanceClient
    from xmppgov.xmpp.client import Account

    configure_logging(settings.log.model_copy(update={"level": "error"}))
    if settings.operator is None:
        raise ConfigurationError(
            texts("`rooms sync` asks as an operator: add [operator] with an account to the file.")
        )
    account = Account(settings.operator)
    started = asyncio.Event()
    account.add_event_handler("session_start", lambda _event: started.set())
    account.start()
    try:
        await asyncio.wait_for(started.wait(), 15)
        await GovernanceClient(account, settings.xmpp.jid).sync()
    except TimeoutError:
        raise Unreachable(texts("{address}: no answer.", address=settings.operator.jid)) from None
    finally:
        await account.stop()


def _console() -> Console:
    console = Console(highlight=False, markup=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDTH)


def _document(room: RoomPlan) -> dict[str, object]:
    return {
        "id": room.id,
        "name": room.name,
        "people": [
            {
                "person": seat.person,
                "name": seat.name,
                "jid": seat.jid or None,
                "role": seat.role,
                "state": str(standing),
                "reason": None if standing is Standing.ADMITTED else str(seat.readiness.reason),
            }
            for seat, standing in room.people
        ],
    }


def _changes(room: RoomPlan) -> dict[str, object]:
    change = room.change
    return {"add": change.added, "remove": change.removed, "change": change.changed}


def _counts(room: RoomPlan) -> str:
    counts = Counter(standing for _, standing in room.people)
    return ", ".join(f"{counts[s]} {text}" for s, text in _STANDINGS.items() if counts[s])


def _show(console: Console, room: RoomPlan) -> None:
    console.print(f"{room.id}  {room.name}", style="bold")
    console.print(f"  {_counts(room)}")
    rows = [(seat, standing) for seat, standing in room.people if seat.jid]
    if rows:
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 1), pad_edge=True)
        for _ in range(3):
            table.add_column(overflow="fold")
        for seat, standing in rows:
            name = texts("{name}, chair", name=seat.name) if seat.role == CHAIR else seat.name
            table.add_row(str(name), seat.jid, _explained(standing, seat.readiness.reason))
        console.print(table)
    console.print()


def _explained(standing: Standing, reason: Reason) -> str:
    why = _REASONS.get(reason)
    if standing is Standing.WAITING and why:
        return str(texts("waiting: {reason}", reason=why))
    return str(_STANDINGS[standing])


def _show_change(console: Console, room: RoomPlan) -> None:
    console.print(f"{room.id}  {room.name}", style="bold")
    console.print(f"  {_counts(room)}")
    for sign, jids in _signs(room):
        for jid in jids:
            console.print(f"  {sign} {jid}")


def _signs(room: RoomPlan) -> Sequence[tuple[str, Sequence[str]]]:
    return (("+", room.change.added), ("-", room.change.removed), ("~", room.change.changed))
