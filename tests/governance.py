"""A small institution for tests: directory and governance component, each a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tests.rooms import until
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import StorageError
from xmppgov.rooms.model import Standing
from xmppgov.rooms.policy import Stage, standing
from xmppgov_directory.importer import Files, import_files
from xmppgov_directory.mapping import Mapping
from xmppgov_directory.store import Store
from xmppgov_rooms.model import Seat
from xmppgov_rooms.store import RoomsStore

Post = tuple[str, str, str, str, str]
"""Person, body, role, start, end (dates as in the CSV files, or empty)."""


@dataclass
class Institution:
    """What the CSV files say; change it, then `import_now()`."""

    folder: Path
    people: dict[str, str] = field(default_factory=dict)
    """Person -> address, which may be empty."""
    posts: list[Post] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    """Body -> kind, where it is no group."""
    protected: set[str] = field(default_factory=set)
    """People whose look-ups are told to an archive."""

    def seat(self, person: str, body: str, role: str = "member") -> None:
        """Put somebody into a body; the address of `alice` is alice@gov.localhost."""
        self.people.setdefault(person, f"{person}@gov.localhost")
        self.posts.append((person, body, role, "", ""))

    def unseat(self, person: str, body: str) -> None:
        """Take somebody out of a body."""
        self.posts = [p for p in self.posts if p[:2] != (person, body)]

    async def import_now(self) -> None:
        """Write the files and import them into the directory's database."""
        self._write(
            "people.csv", ("id", "given_name", "family_name", "jid", "protected"), self._people()
        )
        bodies = sorted({body for _, body, *_ in self.posts})
        self._write(
            "bodies.csv",
            ("id", "kind", "name", "room"),
            [(b, self.kinds.get(b, "group"), f"Groupe {b}", "yes") for b in bodies],
        )
        self._write(
            "posts.csv",
            ("person_id", "body_id", "title", "role", "start", "end"),
            [(p, b, "Membre", role, start, end) for p, b, role, start, end in self.posts],
        )
        files = (self.folder / name for name in ("people.csv", "bodies.csv", "posts.csv"))
        store = await Store.open(self.folder / "directory.sqlite")
        try:
            await import_files(
                store, Files(*files), mapping=Mapping(), today=date.today(), max_removals=1.0
            )
        finally:
            await store.close()

    def _people(self) -> list[tuple[str, ...]]:
        return [
            (p, p.capitalize(), "Durand", jid, "yes" if p in self.protected else "")
            for p, jid in self.people.items()
        ]

    def _write(self, name: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])


@dataclass
class Service:
    """One component's process; `log` is its standard error."""

    package: str
    config: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.package, str(self.config)], stdout=log, stderr=log
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; return the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status, self.process = self.process.wait(20), None
        return status

    def kill(self) -> None:
        """SIGKILL the process."""
        self.stop(signal.SIGKILL)


@dataclass
class Governance:
    """Both components on one server, and what the governance component has stored."""

    server: Prosody
    institution: Institution
    directory: Service
    rooms: Service

    @property
    def database(self) -> Path:
        return self.institution.folder / "rooms.sqlite"

    async def seats(self, room: str) -> dict[str, Seat]:
        """Return the seats of a room by person."""
        try:
            store = await RoomsStore.open_read_only(self.database)
        except StorageError:  # the component has not made it yet
            return {}
        try:
            return {seat.person: seat for seat in await store.seats(room)}
        finally:
            await store.close()

    async def stands(self, room: str, person: str, expected: Standing | None) -> Seat | None:
        """Wait until somebody stands so in a room, all steps done; None means that they are out."""
        settled = {Stage.NO_ACCOUNT, Stage.WAITING, Stage.ADMITTED}
        found: list[Seat | None] = [None]

        async def stood() -> bool:
            found[0] = seat = (await self.seats(room)).get(person)
            if seat is None or expected is None:
                return seat is None and expected is None
            return seat.stage in settled and standing(seat.stage) is expected

        await until(stood)
        return found[0]


def _section(server: Prosody, name: str, secret: str) -> str:
    secret_file = server.state / "secrets" / secret
    return (
        f'[xmpp]\njid = "{name}.{server.domain}"\nport = {server.ports.component}\n'
        f'secret_file = "{secret_file}"\n'
    )


@contextmanager
def governance(
    server: Prosody,
    folder: Path,
    more: str = "",
    *,
    directory_more: str = "",
    domains: Sequence[str] = ("gov.localhost",),
    machines: Sequence[str] = (),
) -> Iterator[Governance]:
    """Run both components; `more` is added to the section `[rooms]`, `directory_more` to the other.

    `domains` are those of people, `machines` more addresses that may ask the directory.
    """
    directory, rooms = folder / "directory.toml", folder / "rooms.toml"
    directory.write_text(
        _section(server, "directory", "directory")
        + f'[directory]\ndatabase = "directory.sqlite"\ndomains = {json.dumps(domains)}\n'
        + f"machines = {json.dumps(['governance.gov.localhost', *machines])}\n"
        + f"services = {json.dumps(['governance.gov.localhost', *machines])}\n"
        + directory_more,
        "utf-8",
    )
    rooms.write_text(
        _section(server, "governance", "rooms")
        + '[rooms]\ndatabase = "rooms.sqlite"\ndirectory = "directory.gov.localhost"\n'
        + f'muc = "rooms.gov.localhost"\nhosts = {json.dumps(domains)}\npoll_seconds = 0.2\n'
        + more,
        "utf-8",
    )
    world = Governance(
        server,
        Institution(folder),
        Service("xmppgov_directory", directory, folder / "directory.log"),
        Service("xmppgov_rooms", rooms, folder / "rooms.log"),
    )
    world.directory.start()
    world.rooms.start()
    try:
        yield world
    finally:
        world.rooms.stop()
        world.directory.stop()
        if os.environ.get("XMPPGOV_SHOW_LOGS"):
            sys.stderr.write(world.rooms.log.read_text() + world.directory.log.read_text())
