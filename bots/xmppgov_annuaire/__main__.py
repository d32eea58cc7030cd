"""Wires the directory bot together: `xmppgov run annuaire --config FILE`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.config import load
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.storage.database import Database
from xmppgov_annuaire.config import AnnuaireSettings
from xmppgov_annuaire.search import BOT


@asynccontextmanager
async def build(config: AnnuaireSettings) -> AsyncIterator[Running]:
    """The bot, connected and answering while the block runs."""
    database = await Database.open(config.bot.database, *SCHEMAS)
    try:
        running = Running(
            BOT,
            config.xmpp,
            database=database,
            resource="annuaire",
            domains=config.bot.domains,
            directory=config.bot.directory,
        )
        async with running:
            yield running
    finally:
        await database.close()


def main(config_path: Path) -> None:
    """Run the directory bot until SIGINT or SIGTERM."""
    config = load(AnnuaireSettings, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
