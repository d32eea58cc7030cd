"""Three officers and their requests, on an archive below a test's folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.components.archive.conftest import Place, nobody
from xmppgov.archive.codes import seal_code
from xmppgov.archive.leaf import ROLES, Access, Control, DataLeaf, parse_leaf
from xmppgov.archive.officer import Generation, ShareFile, make_generation, open_share
from xmppgov.archive.request import AccessScope, Request
from xmppgov.archive.sealing import PrivateKey, PublicKey
from xmppgov.i18n import Text
from xmppgov.storage.database import Database
from xmppgov_archive.__main__ import opened
from xmppgov_archive.officers.execution import Executor, Granted
from xmppgov_archive.officers.model import Answer, Rules
from xmppgov_archive.officers.service import Made, Requests
from xmppgov_archive.officers.store import RequestStore
from xmppgov_archive.parts import Parts
from xmppgov_archive.records.service import Archive

HOUR, MINUTE = 3_600_000, 60_000
ROLES_OF = {
    "rssi@gov.localhost": "security",
    "rssi2@gov.localhost": "security",
    "archives@gov.localhost": "archivist",
    "dpd@gov.localhost": "dpo",
    "juge@gov.localhost": "requester",
    "juge2@gov.localhost": "requester",
}
RSSI, ARCHIVES, DPD, JUGE = (
    f"{name}@gov.localhost" for name in ("rssi", "archives", "dpd", "juge")
)
SCOPE = AccessScope(people="alice@gov.localhost", first="2025-11-01", last="2025-11-30", rows=10)


class Deed:
    """Does nothing but write the entry of an access, and can be told to fail."""

    purposes = ("judicial", "audit")

    def __init__(self, archive: Archive, needs: Collection[str] = ()) -> None:
        self._archive = archive
        self.needs = needs
        self.fails: Exception | None = None
        self.done: list[Granted] = []

    async def prepare(self, scope: AccessScope) -> Collection[str]:
        return self.needs

    async def execute(self, granted: Granted) -> Answer:
        asked = granted.request
        fields = {"request": asked.hash, "purpose": asked.purpose, "requester": asked.role}
        roles = " ".join(granted.roles)
        async with self._archive.adding() as add:
            if self.fails:
                raise self.fails
            await add(Access(v=1, kind="access", t=asked.made, roles=roles, n=10, **fields))
            await granted.settle(10)
        self.done.append(granted)
        return Answer(Text("xmppgov", "Archivist"))


class Bureau:
    """The officers' own machines: their keys and their shares."""

    def __init__(self) -> None:
        self.keys = {role: PrivateKey(os.urandom(32)) for role in ROLES}
        self.generations: list[Generation] = []
        self.files: dict[tuple[str, str], ShareFile] = {}
        self.renew()

    @property
    def public(self) -> str:
        return self.generations[0].public

    def renew(self, vkey: str = "archive+00000000+AA") -> None:
        publics: Mapping[str, PublicKey] = {r: key.public for r, key in self.keys.items()}
        generation, files = make_generation(publics, vkey, os.urandom)
        self.generations.insert(0, generation)
        self.files.update({(file.role, file.resolving): file for file in files})

    def code(self, request: Request, role: str, like: str | None = None) -> str:
        """The code of an officer's machine; `like` is whose share it is given out as."""
        publics = request.resolving.split(" ")
        shares = [open_share(self.files[role, public], self.keys[role]) for public in publics]
        key = PublicKey(bytes.fromhex(request.key))
        return seal_code(shares, like or role, request.hash, key)


class Office:
    """A place with requests: started and stopped as often as a test wants."""

    def __init__(self, place: Place) -> None:
        self.place, self.bureau = place, Bureau()
        self.uptime = 0.0  # seconds
        self.deed: Deed
        self.requests: Requests
        self.parts: Parts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Requests]:
        async with opened(self.place.section, nobody, lambda: self.place.now) as self.parts:
            self.deed = Deed(self.parts.archive)
            async with self.built({"access": self.deed, "hold": self.deed}) as self.requests:
                yield self.requests

    def built(self, executors: Mapping[str, Executor]) -> Requests:
        return Requests(
            archive=self.parts.archive,
            store=RequestStore(self.parts.store.database),
            executors=executors,
            rules=Rules(ROLES_OF, 24 * HOUR, 15 * MINUTE),
            generations=self.bureau.generations,
            key=self.parts.signing_key,
            clock=lambda: self.place.now,
            uptime=lambda: self.uptime,
            random=os.urandom,
        )

    async def ask(self, address: str = JUGE, purpose: str = "judicial") -> Made:
        return await self.requests.make(address, "access", purpose, "2025/17", SCOPE)

    async def approve(self, made: Made, *addresses: str) -> None:
        for address in addresses:
            code = self.bureau.code(made.request, ROLES_OF[address])
            await self.requests.hand_in(made.standing.hash, address, code)

    async def controls(self) -> list[Control]:
        """What the log says of requests, in order."""
        rows = [parse_leaf(leaf) for leaf in await self.parts.store.leaves(0, 10**9)]
        return [x for x in rows if not isinstance(x, DataLeaf) and x.kind in ("access", "refusal")]


async def kept(folder: Path) -> Sequence[bytes]:
    """Every value that the database holds, as bytes."""
    database = await Database.open_read_only(folder)
    tables = await database.fetch_all("SELECT name FROM sqlite_schema WHERE type = 'table'")
    values = []
    for (table,) in tables:
        for row in await database.fetch_all(f"SELECT * FROM {table}"):
            values += [str(value).encode() for value in row]
    await database.close()
    return values


@pytest.fixture
def office(place: Place) -> Office:
    return Office(place)
