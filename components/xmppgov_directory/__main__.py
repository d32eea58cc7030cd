"""Wires the directory's process together: `xmppgov run directory --config FILE`."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path

from xmppgov.adhoc.component import Commands
from xmppgov.archive.emitter.client import emitting
from xmppgov.archive.emitter.store import SCHEMA as EMITTER
from xmppgov.archive.emitter.verdicts.store import Undecided
from xmppgov.config import load
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.storage.database import Database
from xmppgov_directory.component import DirectoryComponent
from xmppgov_directory.config import DirectorySettings
from xmppgov_directory.limits import Limiter
from xmppgov_directory.officials import Officials
from xmppgov_directory.service import DirectoryService
from xmppgov_directory.store import Store


@asynccontextmanager
async def build(config: DirectorySettings) -> AsyncIterator[DirectoryComponent]:
    """The directory, connected and answering while the block runs."""
    section = config.directory
    async with AsyncExitStack() as stack:
        store = await Store.open(section.database)
        stack.push_async_callback(store.close)
        lookups = await Database.open(section.lookups_database, EMITTER)
        stack.push_async_callback(lookups.close)
        events = Undecided(lookups)
        service = DirectoryService(
            address=config.xmpp.jid,
            store=store,
            tell=events.tell,
            limiter=Limiter(per_minute=section.searches_per_minute, clock=time.monotonic),
            domains=section.domains,
            machines=section.machines,
            services=section.services,
            bots=frozenset(config.bots.values()),
            max_results=section.max_results,
            today=date.today,
        )
        component = DirectoryComponent(section=config.xmpp, service=service)
        stream = component.stream
        officials = Officials(bots=config.bots, devices=service.devices, allowed=service.is_person)
        offered = [officials.command()] if config.bots else []
        Commands(stream, offered, clock=_now, random=secrets.token_bytes)
        await stack.enter_async_context(emitting(events, stream, config.emitter))
        stream.start()
        stack.push_async_callback(stream.stop)
        yield component


def _now() -> int:
    return round(time.time() * 1000)


def main(config_path: Path) -> None:
    """Run the directory until SIGINT or SIGTERM."""
    config = load(DirectorySettings, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
