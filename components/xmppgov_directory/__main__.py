"""Wires the directory's process together: `xmppgov run directory --config FILE`."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from xmppgov.config import load
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov_directory.component import DirectoryComponent
from xmppgov_directory.config import DirectorySettings
from xmppgov_directory.limits import Limiter
from xmppgov_directory.service import DirectoryService
from xmppgov_directory.store import Store


@asynccontextmanager
async def build(config: DirectorySettings) -> AsyncIterator[DirectoryComponent]:
    """The directory, connected and answering while the block runs."""
    section = config.directory
    store = await Store.open(section.database)
    try:
        service = DirectoryService(
            store=store,
            limiter=Limiter(per_minute=section.searches_per_minute, clock=time.monotonic),
            domains=section.domains,
            machines=section.machines,
            max_results=section.max_results,
            today=date.today,
        )
        component = DirectoryComponent(section=config.xmpp, service=service)
        component.stream.start()
        try:
            yield component
        finally:
            await component.stream.stop()
    finally:
        await store.close()


def main(config_path: Path) -> None:
    """Run the directory until SIGINT or SIGTERM."""
    config = load(DirectorySettings, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
