"""`xmppgov demo`: the whole system in the foreground until SIGINT or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)
BASE_PORT = 17000


@app.command()
def demo(
    state: Annotated[
        Path, typer.Option("--state", help="The folder that keeps everything.")
    ] = Path("demo-state"),
    base_port: Annotated[
        int,
        typer.Option("--base-port", min=1024, max=65516, help="The first of twenty ports."),
    ] = BASE_PORT,
) -> None:
    """Start a whole administration on this machine: server, components, bots, web client."""
    from rich.console import Console

    from xmppgov.config import LogSection
    from xmppgov.demo.prosody import Ports
    from xmppgov.demo.screen import Screen
    from xmppgov.demo.stack import run_stack
    from xmppgov.logs import configure_logging

    configure_logging(LogSection(level="warning"))
    logging.disable(logging.INFO)  # the libraries' lines have no place among the steps
    asyncio.run(
        run_stack(state.resolve(), Ports.from_base(base_port), Screen(Console(emoji=False)))
    )
