"""Wires the witness from its configuration and runs it: `xmppgov witness --config FILE`."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from xmppgov.config import load
from xmppgov.listener import Listener
from xmppgov.logs import configure_logging
from xmppgov.process import run
from xmppgov_witness.config import Config
from xmppgov_witness.http import application
from xmppgov_witness.keys import load_cosigners
from xmppgov_witness.service import Witness
from xmppgov_witness.store import WitnessStore

log = structlog.get_logger()


@asynccontextmanager
async def build(config: Config) -> AsyncIterator[Witness]:
    """Open the store and listen; close both at the end."""
    cosigners = load_cosigners(config.witness, secrets.token_bytes)
    store = await WitnessStore.open(config.witness.database)
    try:
        witness = Witness(
            store=store, logs=config.log_keys(), cosigners=cosigners, clock=lambda: int(time.time())
        )
        async with Listener(application(witness), config.http):
            log.info("witness listens", host=config.http.host, port=config.http.port)
            yield witness
    finally:
        await store.close()


def main(config_path: Path) -> None:
    """Run the witness until SIGINT or SIGTERM."""
    config = load(Config, config_path)
    configure_logging(config.log)
    run(build(config))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
