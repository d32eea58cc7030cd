"""Real witnesses for one archive, each on a port of its own, that a test can stop and start."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from xmppgov.archive.batch import Batch
from xmppgov.demo.prosody import Ports
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Cosigner
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note, VerifierKey
from xmppgov.tlog.policy import Policy, Verdict
from xmppgov_archive.commands import app
from xmppgov_archive.config import WitnessSection
from xmppgov_archive.log.keys import load_signing_key
from xmppgov_archive.log.store import WitnessState, WitnessStore
from xmppgov_witness.http import application
from xmppgov_witness.service import Witness
from xmppgov_witness.store import WitnessStore as Memory

NAMES = ("w1", "w2", "w3")
PATIENCE = 20.0  # seconds


class One:
    """One witness: `start`, `stop`; what it remembers outlives both."""

    def __init__(self, name: str, folder: Path, log: VerifierKey) -> None:
        self.name, self._log = name, log
        self._database = folder / f"{name}.db"
        self.key = Cosigner.ed25519(f"{name}.example", name.encode().ljust(32, b"."))
        self.port = Ports.free().c2s
        self.url = f"http://127.0.0.1:{self.port}/"
        self._stack = AsyncExitStack()

    async def start(self, app: web.Application | None = None) -> None:
        """Answer as a witness does, or as `app` does."""
        memory = await Memory.open(self._database)
        self._stack.push_async_callback(memory.close)
        logs = {self._log.name: (self._log,)}
        witness = Witness(
            store=memory, logs=logs, cosigners=[self.key], clock=lambda: 1_795_405_859
        )
        server = TestServer(app or application(witness), port=self.port)
        await server.start_server()
        self._stack.push_async_callback(server.close)

    async def stop(self) -> None:
        """Answer no more."""
        await self._stack.aclose()

    async def size(self) -> int:
        """How many entries it has cosigned."""
        memory = await Memory.open_read_only(self._database)
        seen = await memory.latest(self._log.name)
        await memory.close()
        return seen.size if seen else 0


class Fleet:
    """Three witnesses, and the archive that is configured to ask them."""

    def __init__(self, place: Place) -> None:
        self.place, section = place, place.section
        key = load_signing_key(
            section.signing_key_file, section.verifier_file, section.origin, lambda n: b"k" * n
        )
        self.witnesses = {name: One(name, place.folder, key.verifier) for name in NAMES}
        place.section = section.model_copy(
            update={
                "witnesses": tuple(
                    WitnessSection(name=one.name, vkey=str(one.key.verifier), url=one.url)
                    for one in self.witnesses.values()
                ),
                "log": section.log.model_copy(update={"witness_interval": 0.05}),
            }
        )

    def policy(self) -> Policy:
        return Policy.parse(self.place.section.policy_file.read_bytes())

    def published(self, name: str = "checkpoint") -> Verdict | None:
        """What is published under `name` now."""
        file = self.place.section.tiles_dir / name
        return self.policy().judge(file.read_bytes()) if file.exists() else None

    async def cosigned(self, size: int, *names: str) -> None:
        """Wait until `cosigned` has `size` entries and the cosignatures of these witnesses."""

        def done() -> bool:
            found = self.published("cosigned")
            return bool(
                found
                and found.satisfied
                and found.checkpoint.size == size
                and set(names) <= set(found.cosigned)
            )

        await until(done)

    async def states(self) -> dict[str, WitnessState]:
        """How the archive says that its witnesses stand."""
        store = await WitnessStore.open_read_only(self.place.section.lock_database)
        states = {state.name: state for state in await store.all()}
        await store.close()
        return states

    async def state(self, name: str, wanted: str) -> None:
        """Wait until the archive says that a witness stands so."""
        for _ in range(int(PATIENCE / 0.02)):
            states = await self.states()
            if name in states and states[name].state == wanted:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(states)


@asynccontextmanager
async def fleet(place: Place) -> AsyncIterator[Fleet]:
    """Three witnesses that answer."""
    started = Fleet(place)
    for one in started.witnesses.values():
        await one.start()
    try:
        yield started
    finally:
        for one in started.witnesses.values():
            await one.stop()


async def until(done: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        try:
            if done():
                return
        except NoteInvalid:  # being replaced
            pass
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come about")


def text_of(place: Place, name: str) -> str:
    return Note.parse((place.section.tiles_dir / name).read_bytes()).text


def size_of(place: Place, name: str) -> int:
    return Checkpoint.parse(text_of(place, name)).size


def some(first: int, last: int, size: int = 100) -> Batch:
    return batch(EPOCH, *(record(n, size=size) for n in range(first, last + 1)))


def only(handler: Callable[[web.Request], object]) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    return app


def backed_up(place: Place) -> tuple[Path, ...]:
    section = place.section
    return section.database.parent, section.lock_database.parent, section.tiles_dir


async def restore_yesterday(three: Fleet, last: int) -> None:
    """Sign 9 records, back everything up, sign up to `last`, restore."""
    place = three.place
    async with place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1", "w2", "w3")
    for folder in backed_up(place):
        shutil.copytree(folder, place.folder / "backup" / folder.name)
    async with place.running() as archive:
        await archive.commit(SERVER, some(10, last))
        await three.cosigned(last + 1, "w1", "w2", "w3")
    shutil.copy(place.section.tiles_dir / "cosigned", place.folder / "kept")
    for folder in backed_up(place):
        shutil.rmtree(folder)
        shutil.copytree(place.folder / "backup" / folder.name, folder)


def command(place: Place, *words: str) -> dict[str, Any]:
    """Run `xmppgov archive …`; return its document, which may stand behind lines of a log."""
    done = CliRunner().invoke(app, [*words, "--json", "--config", str(place.config())])
    document: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return document
