"""Wires the witness from its configuration and runs it: `xmppgov witness --config FILE`."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from xmppgov.config import load
from xmppgov.listener import Listener
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov.storage.files import sync_everything
from xmppgov.tlog.note import VerifierKey
from xmppgov_witness.config import Config, WitnessSection
from xmppgov_witness.http import application
from xmppgov_witness.keys import load_cosigners
from xmppgov_witness.service import Witness
from xmppgov_witness.store import WitnessStore

log = structlog.get_logger()


@asynccontextmanager
async def build(config: Config) -> AsyncIterator[Witness]:
    """Open the store and listen; close both at the end."""
    async with (
        remembering(config.witness, config.log_keys(), lambda: int(time.time())) as witness,
        Listener(application(witness), config.http),
    ):
        log.info("witness listens", host=config.http.host, port=config.http.port)
        yield witness


@asynccontextmanager
async def remembering(
    section: WitnessSection, logs: Mapping[str, Sequence[VerifierKey]], clock: Callable[[], int]
) -> AsyncIterator[Witness]:
    """The witness without its listener; `clock` returns seconds since the epoch."""
    await asyncio.to_thread(sync_everything)
    cosigners = load_cosigners(section, secrets.token_bytes)
    store = await WitnessStore.open(section.database)
    try:
        yield Witness(store=store, logs=logs, cosigners=cosigners, clock=clock)
    finally:
        await store.close()


def main(config_path: Path) -> None:
    """Run the witness until SIGINT or SIGTERM."""
    config = load(Config, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
