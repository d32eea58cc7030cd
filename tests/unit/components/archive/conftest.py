"""An archive below a test's folder, with a clock that stands and a key that is known."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.archive.batches import START
from xmppgov.archive.batch import Batch
from xmppgov.archive.report import Report
from xmppgov.archive.sealing import PrivateKey
from xmppgov_archive.__main__ import opened
from xmppgov_archive.config import ArchiveSection
from xmppgov_archive.inspection.service import Found, Inspection, inspected
from xmppgov_archive.log import witnesses
from xmppgov_archive.records.service import Archive, Committed

if TYPE_CHECKING:
    from tests.unit.components.archive.cosigning import Fleet

EPOCH = 1_763_864_000
SERVER = "gov.localhost"
Ask = Callable[[str], Awaitable[str | None]]


async def nobody(_address: str) -> str | None:
    return None


class Place:
    """Where one archive lies, and what tests do with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.officers = PrivateKey(bytes(range(32)))
        (folder / "officers.pub").write_text(self.officers.public.raw.hex())
        self.section = ArchiveSection(
            database=folder / "records" / "records.db",
            lock_database=folder / "lock" / "lock.db",
            keys_dir=folder / "keys",
            tiles_dir=folder / "log" / "tiles",
            signing_key_file=folder / "keys" / "signing.key",
            resolving_key_file=folder / "officers.pub",
            origin="archive.gov.localhost/2026",
            servers=(SERVER,),
            checkpoint_interval=0.05,
        )

    @asynccontextmanager
    async def running(self, ask: Ask = nobody) -> AsyncIterator[Archive]:
        async with opened(self.section, ask, lambda: self.now) as parts:
            yield parts.archive

    async def fill(self, *batches: Batch) -> None:
        """Commit batches; all of them are signed when the archive has stopped."""
        async with self.running() as archive:
            for batch in batches:
                assert await archive.commit(SERVER, batch) == Committed(batch.last)

    @asynccontextmanager
    async def inspected(self) -> AsyncIterator[Inspection]:
        async with inspected(self.section) as inspection:
            yield inspection

    async def verify(self, earlier: bytes | None = None) -> Report:
        async with self.inspected() as inspection:
            return await inspection.verify(lambda done, total: None, earlier)

    async def records(self) -> list[Found]:
        """Every record, in the log's order."""
        async with self.inspected() as inspection:
            rows = await inspection.store.rows(0, 10**9)
            return [inspection.opened(row) for row in rows]

    def config(self) -> Path:
        """Write the configuration file that means this place."""
        file = self.folder / "archive.toml"
        secret = self.folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text("x")
        fields = self.section.model_dump(mode="json", exclude_none=True)
        lines = [
            f"{k} = {os.fspath(v)!r}" if isinstance(v, str) else f"{k} = {v}"
            for k, v in fields.items()
            if not isinstance(v, dict) and k != "witnesses"  # the commands read the policy
        ]
        xmpp = f'[xmpp]\njid = "archive.gov.localhost"\nport = 5347\nsecret_file = "{secret}"\n'
        file.write_text(xmpp + "[archive]\n" + "\n".join(lines) + "\n")
        return file


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
async def three(place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    """Three witnesses that answer, and an archive that asks again after a test's pauses."""
    from tests.unit.components.archive.cosigning import fleet

    monkeypatch.setattr(witnesses, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(witnesses, "LONGEST_PAUSE", 0.2)
    async with fleet(place) as started:
        yield started
