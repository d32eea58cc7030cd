"""A Prosody whose disk can fail, with a real archive behind it: what programs of capture run on.

Both servers live as long as a test module. A program may kill them; `whole` brings everything back.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.integration.capture_world import prepare, until
from tests.integration.failing_disk import MODULES, Disk
from tests.integration.test_archive_process import Running
from xmppgov.archive.jcs import Value
from xmppgov.archive.leaf import Counted, parse_leaf
from xmppgov.archive.ranges import read as read_ranges
from xmppgov.config import load
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov_archive.config import Config
from xmppgov_archive.inspection.service import Inspection, inspected
from xmppgov_archive.records.pseudonyms import keyed

HOST, GUESTS, MUC = "gov.localhost", "invites.gov.localhost", "rooms.gov.localhost"
"""The hosts of people, of guests, and of the rooms that governance sets."""
CAPTURE = "xmppgov_capture"


class Kind(NamedTuple):
    """What the server's configuration says of a class of rooms."""

    level: str
    closed: bool


KINDS = {
    "committee": Kind("full", True),
    "crisis": Kind("full", False),
    "mission": Kind("counts", True),
    "group": Kind("counts", False),
    "delegation": Kind("none", True),
    "cabinet": Kind("none", False),
}
"""One class of rooms for each level, closed and open.

Governed rooms refuse private messages. There are hosts of other rooms, too, one with the policy of
each class.
"""


def private_host(kind: str) -> str:
    """Return the host whose rooms have the policy of a class."""
    return f"{kind}.{HOST}"


def _lua(values: dict[str, str]) -> str:
    return "{ " + ", ".join(f'["{key}"] = "{value}"' for key, value in values.items()) + " }"


def _policy() -> str:
    level, mode = {}, {GUESTS: "closed"}
    for name, kind in KINDS.items():
        for key in (f"class:{name}", private_host(name)):
            level[key], mode[key] = kind.level, "closed" if kind.closed else "open"
    return f"xmppgov_capture_level = {_lua(level)}\nxmppgov_capture_fail = {_lua(mode)}\n"


def _rooms(host: str) -> str:
    return f"""
Component "{host}" "muc"
	modules_enabled = {{ "xmppgov_capture" }}
	restrict_room_creation = false
	muc_room_locking = false
	muc_room_default_members_only = false
	muc_room_default_persistent = false
"""


EXTRA = f"""
plugin_paths = {{ ENV_XMPPGOV_PROSODY .. "/modules", "{MODULES}" }}
tests_disk = ENV_XMPPGOV_STATE .. "/disk"
xmppgov_capture_reserve = 40
xmppgov_capture_segment_size = 20000
xmppgov_capture_idle_size = 8000
xmppgov_capture_boot_id = ENV_XMPPGOV_STATE .. "/boot_id"
{_policy()}
Component "disk.gov.localhost"
	modules_enabled = {{ "xmppgov_capture", "tests_disk", "tests_reload" }}
{"".join(map(_rooms, map(private_host, KINDS)))}"""


@dataclass
class Spool:
    """What the newest segment says: numbers given out, and up to which they are confirmed."""

    last: int
    confirmed: int

    @classmethod
    def read(cls, folder: Path) -> Spool:
        """Read the spool; a torn last line is none."""
        newest = max(folder.glob("*.spool"))
        last = confirmed = int(newest.stem) - 1
        for line in newest.read_bytes().decode().split("\n")[:-1]:
            if item := re.match(r"(?:record|counted) seq='(\d+)'|h\t\d+\t(\d+)", line):
                last = int(item[1] or item[2])
            elif settled := re.match(r"c\t(\d+)|u\t\d+\t(\d+)", line):
                confirmed = int(settled[1] or settled[2])
        return cls(last, confirmed)


class Window(NamedTuple):
    """Numbers that a crash or a failing disk met before they were confirmed.

    `certain`: those that are records are unconfirmed.
    """

    first: int
    last: int
    certain: bool


class Kept(NamedTuple):
    """A record that the archive holds: number, kind, keyed origin-id, state."""

    seq: int
    kind: str
    oid: str
    state: str


@dataclass
class Holdings:
    """What the archive holds of the numbers from `first` to `last`, in one epoch."""

    first: int
    last: int
    records: list[Kept]
    counted: set[int]
    holes: dict[str, list[int]]
    """Numbers by the reason of their hole."""
    sums: dict[str, int]
    """How many messages were counted, by the room's pseudonym."""
    alarms: int


@dataclass
class Ground:
    """The two servers, and up to which number the archive's holdings are accounted for."""

    server: Prosody
    archive: Running
    disk: Disk
    log_read: int = 0
    accounted: int = 0
    entries: int = 0
    windows: list[Window] = field(default_factory=list)

    @property
    def spool(self) -> Spool:
        return Spool.read(self.server.state / "spool")

    def is_written(self, oid: str) -> bool:
        """Tell whether the spool has a record of a message."""
        files = sorted((self.server.state / "spool").glob("*.spool"))
        return any(f" oid='{oid}'" in file.read_text("utf-8", "replace") for file in files)

    def fault(self, state: str) -> None:
        """Let the disk wait ("hold"), its syncs fail ("fail"), be "full", or be "well" again."""
        if state in ("fail", "full"):
            self.windows.append(Window(self.spool.confirmed + 1, sys.maxsize, False))
        disk = self.disk
        disk.release()
        {"hold": disk.hold, "fail": disk.fail, "full": disk.fill, "well": disk.release}[state]()

    async def healthy(self) -> None:
        """Wait until the server says that its spool can be written."""
        await until(self._is_healthy, 15)

    def _is_healthy(self) -> bool:
        log = (self.server.state / "log" / "prosody.log").read_bytes()[self.log_read :]
        well, ill = log.rfind(b"can be written again"), log.rfind(b"The spool cannot be written")
        return well >= ill

    async def reload(self, module: str) -> bool:
        """Reload one of the server's modules. Returns whether the server still runs.

        It stops where it would have to go on without capture, and is then started again.
        """
        trigger = self.server.state / "disk" / "reload"
        new = trigger.with_name("reload.new")
        new.write_text(module + "\n")
        new.rename(trigger)
        await until(lambda: not trigger.exists() or not self.runs)
        if module == CAPTURE:
            await until(lambda: not self.runs)
            self._start()
            return False
        return True

    @property
    def runs(self) -> bool:
        """Whether the server's process is there."""
        return self.server.process is not None and self.server.process.poll() is None

    def kill(self, boot: str) -> None:
        """SIGKILL the server; it starts again at once.

        With `boot`, the power was cut: what was not synced is gone, and the boot has this new name.
        """
        self.server.kill()
        if boot:
            self.disk.cut(self.server.state / "spool")
        self.windows.append(Window(self.spool.confirmed + 1, self.spool.last, True))
        self.disk.release()
        if boot:
            (self.server.state / "boot_id").write_text(boot + "\n")
        self._start()

    def restart(self) -> None:
        """Stop the server cleanly and start it again."""
        self.disk.release()
        self.server.stop()
        self._start()

    def _start(self) -> None:
        (self.server.state / "disk" / "reload").unlink(missing_ok=True)
        log = self.server.state / "log" / "prosody.log"
        self.log_read = log.stat().st_size if log.exists() else 0
        self.server.start()
        self.disk.started(self.server.state / "spool")

    def archive_down(self) -> None:
        """SIGKILL the archive."""
        if self.archive.process and self.archive.process.poll() is None:
            self.archive.kill(signal.SIGKILL)

    def archive_up(self) -> None:
        """Start the archive unless it runs; return at once."""
        if self.archive.process is None or self.archive.process.poll() is not None:
            self.archive.start()

    def whole(self) -> None:
        """Bring everything back that a program, or its failure, has left broken."""
        self.disk.release()
        if not self.runs:
            self._start()
        self.archive_up()

    async def holdings(self) -> Holdings:
        """Wait until the archive has every number, and return what is new since the last time."""
        section = load(Config, self.archive.config).archive
        await until(section.policy_file.exists, 20)
        async with inspected(section) as archive:
            await self._drained(archive)
            tables = await archive.store.tables(self.entries)
            ((epoch, last),) = tables.ends.items()
            records = [(row, archive.opened(row).record) for row in tables.rows]
            gaps = (await archive.store.all_gaps()).values()
            new = Holdings(
                first=self.accounted + 1,
                last=last,
                records=[_kept(row.seq, record) for row, record in records],
                counted=_counted(tables.waiting, tables.open.get(epoch, [])),
                holes={},
                sums=tables.sums,
                alarms=len(await archive.store.alarms()),
            )
            for _, low, high, reason in gaps:
                new.holes.setdefault(reason, []).extend(range(low, high + 1))
            self.accounted, self.entries = last, self.entries + len(tables.waiting)
            return new

    async def _drained(self, archive: Inspection) -> None:
        async with asyncio.timeout(30):
            while True:
                spool = self.spool
                ends = [state.last for state in await archive.store.epochs()]
                if ends == [spool.last] and spool.confirmed == spool.last:
                    return
                await asyncio.sleep(0.02)

    def keyed(self, sort: str, kind: str, value: str) -> set[str]:
        """Return what a room ("month", "room") or an origin-id ("day", "oid") is in the archive."""
        folder = load(Config, self.archive.config).archive.keys_dir
        return {
            keyed(key.read_bytes(), kind, value.encode()) for key in folder.glob(f"{sort}-*.key")
        }


def _kept(seq: int, record: dict[str, Value]) -> Kept:
    return Kept(seq, str(record["kind"]), str(record.get("oid")), str(record["state"]))


def _counted(leaves: list[bytes], waiting: list[tuple[int, int]]) -> set[int]:
    parts = list(waiting)
    for leaf in map(parse_leaf, leaves):
        if isinstance(leaf, Counted):
            parts += read_ranges(leaf.ranges)
    return {number for low, high in parts for number in range(low, high + 1)}


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Both servers, below `folder`, during the block."""
    server = Prosody(folder / "server", Ports.free(), modules="capture rooms")
    server.prepare()
    prepare(server, EXTRA)
    (server.state / "boot_id").write_text("first-boot\n")
    (folder / "archive").mkdir()
    new = Ground(server, Running(server, folder / "archive"), Disk(server.state / "disk"))
    new.whole()
    try:
        yield new
    finally:
        new.archive_down()
        server.kill()
