"""The bar that long commands show on a terminal, beside what they print."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from xmppgov.i18n import percent_sign


def progress_bar(quiet: bool) -> Progress:
    """Return a bar on standard error; none where a command is `quiet`, or there is no terminal."""
    console = Console(stderr=True)
    percentage = TextColumn("{task.percentage:>3.0f}" + percent_sign())
    columns = TextColumn("{task.description}"), BarColumn(), percentage, TimeRemainingColumn()
    hidden = quiet or not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=hidden)
