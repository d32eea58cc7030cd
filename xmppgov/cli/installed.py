"""The commands and services that are installed, found by entry point and loaded when used.

`xmppgov --help` loads none of them, and a package that cannot be imported breaks no other.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS, SERVICES = "xmppgov.commands", "xmppgov.services"
_OWN = ("bot", "cap", "demo")
OWN = {name: EntryPoint(name, f"xmppgov.{name}.commands:app", COMMANDS) for name in _OWN}
COMPLETION = ("install_completion", "show_completion")
"""Options that the root has, and that a command would only repeat."""
SUMMARIES = {
    "alert": "Send an alert, and see whom it reached.",
    "archive": "Ask the archive, prove a record, verify everything.",
    "bot": "Make a bot, try it, run it.",
    "cap": "Check alerts in the Common Alerting Protocol.",
    "demo": "Start a whole administration on this machine.",
    "directory": "Fill the directory and search it.",
    "rooms": "See who is in which room, who waits and why.",
    "run": "Run a component or a bot in the foreground.",
    "witness": "Run a witness of transparency logs.",
}


def find(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of `group` whose module exists, by name."""
    return {e.name: e for e in sorted(entry_points(group=group)) if _exists(e.module)}


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class InstalledCommands(TyperGroup):
    """The root's group: its own commands, and one for each entry point."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return every name, sorted."""
        return sorted({*super().list_commands(ctx), *self._entries()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load the command `cmd_name`; None where there is none of that name."""
        own = super().get_command(ctx, cmd_name)
        entry = None if own else self._entries().get(cmd_name)
        return _loaded(entry) if entry else own

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without loading any."""
        rows = [(name, SUMMARIES.get(name, "")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _entries(self) -> dict[str, EntryPoint]:
        return {**find(COMMANDS), **OWN}


def _loaded(entry: EntryPoint) -> Any:
    app = entry.load()
    app.rich_markup_mode = None  # as the root: `[webhook]` in a sentence is no markup
    command = typer.main.get_command(app)
    command.params = [p for p in command.params if p.name not in COMPLETION]
    return command


def services() -> typer.Typer:
    """Return the group `run NAME --config FILE`, with every service that is installed."""
    group = typer.Typer(help=SUMMARIES["run"], no_args_is_help=True)
    for name, entry in find(SERVICES).items():
        group.command(name, help=f"Run {name} until SIGINT or SIGTERM.")(_starter(entry))
    return group


def _starter(entry: EntryPoint) -> Callable[[Path], None]:
    def start(
        config: Annotated[Path, typer.Option("--config", help="The configuration file (TOML).")],
    ) -> None:
        entry.load()(config)

    return start
