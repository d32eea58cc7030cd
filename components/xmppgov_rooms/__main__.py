"""Wires the governance component and runs it: `xmppgov run rooms --config FILE`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path

from xmppgov.archive.emitter.client import emitting
from xmppgov.config import load
from xmppgov.directory.client import DirectoryClient
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.rooms.client import RoomsClient
from xmppgov_rooms.component import Governance as Stream
from xmppgov_rooms.config import RoomsSettings
from xmppgov_rooms.errands import Errands
from xmppgov_rooms.readiness import KeyCheck
from xmppgov_rooms.service import Governance, Pace
from xmppgov_rooms.store import RoomsStore


@asynccontextmanager
async def build(settings: RoomsSettings) -> AsyncIterator[Governance]:
    """Wire everything; inside the block the component is connected or trying to be."""
    section = settings.rooms
    store = await RoomsStore.open(section.database)
    stream = Stream(settings.xmpp, muc=section.muc, timeout=section.timeout_seconds)
    accounts = RoomsClient(stream, section.muc, timeout=section.timeout_seconds).accounts
    service = Governance(
        store=store,
        directory=DirectoryClient(stream, section.directory, timeout=section.timeout_seconds),
        rooms=RoomsClient(stream, section.muc),
        keys=KeyCheck(ask_node=stream.node, ask_accounts=accounts, concurrency=section.concurrency),
        errands=Errands(store=store, post=stream, concurrency=section.concurrency),
        nudge=_nudge(stream, section.nudge_language),
        clock=time.time,
        pace=Pace(
            section.poll_seconds, section.recheck_seconds, section.nudge_after_seconds, section.hold
        ),
    )
    stream.listen(
        hosts=section.hosts,
        operators=section.operators,
        keys_changed=service.keys_changed,
        sync=service.sync,
        connected=service.connected,
    )
    assert store.events is not None, "a store that writes keeps events"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        await stack.enter_async_context(emitting(store.events, stream, settings.emitter))
        await stack.enter_async_context(_running(stream, service))
        yield service


@asynccontextmanager
async def _running(stream: Stream, service: Governance) -> AsyncIterator[None]:
    stream.start()
    lanes = asyncio.create_task(service.run())
    try:
        yield
    finally:
        lanes.cancel()
        with suppress(asyncio.CancelledError):
            await lanes
        await stream.stop()


def _nudge(stream: Stream, language: str) -> Callable[[str], Awaitable[None]]:
    """Return what writes the fixed notice to somebody who waits for keys."""
    notices = json.loads((files("xmppgov") / "notices.json").read_text("utf-8"))
    text = notices["keys-wanted"][language]
    return lambda person: stream.write(person, text)


def main(config_path: Path) -> None:
    """Run the component until SIGINT or SIGTERM."""
    settings = load(RoomsSettings, config_path)
    configure_logging(settings.log)
    run(build(settings))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
