"""A witness below a test's folder, served on a free port, with a clock that stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from tests.unit.components.witness.histories import LOG, NOW, ORIGIN
from xmppgov.tlog.cosignature import Cosigner
from xmppgov_witness.http import application
from xmppgov_witness.service import Witness
from xmppgov_witness.store import WitnessStore

ED25519 = Cosigner.ed25519("temoin.example/w1", b"1" * 32)
MLDSA = Cosigner.mldsa("temoin.example/w1", b"2" * 32)
KEYS = [ED25519.verifier, MLDSA.verifier]


def witness(store: WitnessStore) -> Witness:
    logs = {ORIGIN: (LOG.verifier,)}
    return Witness(store=store, logs=logs, cosigners=[ED25519, MLDSA], clock=lambda: NOW)


@asynccontextmanager
async def served(
    database: Path, store: type[WitnessStore] = WitnessStore
) -> AsyncIterator[TestClient]:
    """A client of a witness whose database is `database`."""
    opened = await store.open(database)
    try:
        async with TestClient(TestServer(application(witness(opened)))) as client:
            yield client
    finally:
        await opened.close()
