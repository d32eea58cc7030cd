"""The archive as a process beside a real Prosody: batches by IQ, refusals, SIGKILL, verify."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError, IqTimeout

from tests.streams import component_section, connected, logged_in
from tests.unit.archive.batches import batch, hole, record
from xmppgov.archive.batch import Batch
from xmppgov.archive.sealing import PrivateKey
from xmppgov.archive.stanza import NS, write_batch
from xmppgov.demo.prosody import Prosody
from xmppgov.xmpp.component import Component
from xmppgov.xmpp.refusal import refusal

PROSODY_MODULES = ""
ACCOUNTS = ["alice@gov.localhost"]
XMPPGOV = str(Path(sys.executable).with_name("xmppgov"))
EPOCH = 1_763_864_000
SERVER = "governance.gov.localhost"
CONFIG = """
[xmpp]
jid = "archive.gov.localhost"
port = {port}
secret_file = "{state}/secrets/archive"

[archive]
database = "archive/records.db"
lock_database = "archive-lock/lock.db"
keys_dir = "archive-keys"
tiles_dir = "archive-log/tiles"
signing_key_file = "archive-keys/signing.key"
resolving_key_file = "officers.pub"
origin = "archive.gov.localhost/2026"
servers = ["governance.gov.localhost", "gov.localhost"]
checkpoint_interval = 0.1
"""


class Running:
    """The archive's process and its commands."""

    def __init__(self, server: Prosody, folder: Path) -> None:
        self.config = folder / "archive.toml"
        self.folder = folder
        self.config.write_text(CONFIG.format(port=server.ports.component, state=server.state))
        (folder / "officers.pub").write_text(PrivateKey(bytes(range(32))).public.raw.hex())
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "archive.log").open("ab") as log:
            self.process = subprocess.Popen(
                [XMPPGOV, "run", "archive", "--config", str(self.config)],
                stderr=log,
                stdout=log,
            )

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        os.kill(self.process.pid, number)
        return self.process.wait(20)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [XMPPGOV, "archive", *words, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "LANG": "en_US.UTF-8", "COLUMNS": "80"},
        )

    def json(self, *words: str) -> dict:
        done = self.command(*words, "--json")
        return json.loads(done.stdout)


@pytest.fixture
def archive(prosody: Prosody, tmp_path: Path) -> Iterator[Running]:
    running = Running(prosody, tmp_path)
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        assert running.kill(signal.SIGTERM) == 0


@asynccontextmanager
async def emitter(server: Prosody) -> AsyncIterator[Component]:
    """A host that the archive obeys."""
    stream = Component(
        component_section(server, "governance", "rooms"), name="x", identity=("component", "x")
    )
    async with connected(stream):
        yield stream


async def send(stream: Component, payload: str, kind: str = "set") -> ET.Element:
    """Send an IQ to the archive until it answers; return the payload or raise IqError."""
    for _ in range(100):
        iq = stream.make_iq(ito="archive.gov.localhost", ifrom=stream.boundjid, itype=kind)
        iq.append(ET.fromstring(payload))
        try:
            return (await iq.send(timeout=2)).xml[0]
        except IqTimeout:
            continue
        except IqError as error:
            if refusal(error).condition not in ("service-unavailable", "remote-server-timeout"):
                raise
            await asyncio.sleep(0.05)
    raise AssertionError("the archive does not answer")


async def signed(archive: Running, size: int) -> dict:
    """Wait until a checkpoint covers `size` entries."""
    for _ in range(200):
        file = archive.folder / "archive-log" / "tiles" / "checkpoint"
        if file.exists() and int(file.read_text().split("\n")[1]) >= size:
            return archive.json("status")
        await asyncio.sleep(0.05)
    raise AssertionError("no checkpoint")


async def test_batches_are_committed_signed_proved_and_found(
    prosody: Prosody, archive: Running
) -> None:
    first = batch(EPOCH, *(record(n) for n in range(1, 41)))
    now = time.time_ns() // 1_000_000  # of a month whose key is still there
    rooms = [record(n, in_room=True, t=now + n) for n in range(44, 50)]
    second = batch(EPOCH, hole(41, 43), *rooms)
    async with emitter(prosody) as stream:
        for part in (first, second, first):
            answer = await send(stream, write_batch(part))
            assert answer.tag == f"{{{NS}}}committed"
            assert answer.attrib == {"epoch": str(EPOCH), "last": str(part.last)}
        asked = await send(stream, f'<status xmlns="{NS}" epoch="{EPOCH}"/>', "get")
        assert asked.attrib == {"epoch": str(EPOCH), "last": "49"}
        fresh = await send(stream, f'<status xmlns="{NS}" epoch="1"/>', "get")
        assert fresh.attrib["last"] == "0"
    state = await signed(archive, 49)
    assert (state["records"], state["size"], state["holes"]) == (46, 49, 3)
    assert state["emitters"][0]["last"] == 49
    report = archive.json("verify")
    assert (report["ok"], report["records"], report["missing"]) == (True, 46, 3)
    proof = archive.command("prove", "7")
    assert proof.stdout.startswith("c2sp.org/tlog-proof@v1\n")
    by_id = archive.json("prove", "--id", record(3).id)
    assert by_id["index"] == 4
    found = archive.json("query", "--room", "grp-1@rooms.gov.localhost")
    assert len(found["records"]) == 6
    rows = archive.command("query", "--day", "2025-11-23").stdout.splitlines()
    assert "@" not in "".join(rows)
    assert max(map(len, rows)) <= 80
    assert max(map(len, archive.command("status").stdout.splitlines())) <= 120


async def refused(stream: Component, payload: str) -> tuple[str, ET.Element | None]:
    with pytest.raises(IqError) as caught:
        await send(stream, payload)
    error = caught.value.iq.xml.find("{jabber:component:accept}error")
    assert error is not None
    return refusal(caught.value).condition, next((e for e in error if NS in e.tag), None)


async def test_refusals_commit_nothing(prosody: Prosody, archive: Running) -> None:
    good = batch(EPOCH, record(1), record(2))
    async with emitter(prosody) as stream:
        condition, detail = await refused(stream, write_batch(batch(EPOCH, record(2))))
        assert condition == "unexpected-request"
        assert detail is not None
        assert detail.attrib == {"epoch": str(EPOCH), "seq": "1"}
        await send(stream, write_batch(good))
        other = batch(EPOCH, record(1), record(2, size=9), record(3))
        condition, detail = await refused(stream, write_batch(other))
        assert condition == "conflict"
        assert detail is not None
        assert detail.attrib == {"seq": "2"}
        bad = write_batch(good).replace("<record", '<record body="CANARY"', 1)
        assert (await refused(stream, bad))[0] == "bad-request"
        asked = await send(stream, f'<status xmlns="{NS}" epoch="{EPOCH}"/>', "get")
        assert asked.attrib["last"] == "2"
    state = await signed(archive, 4)
    assert [alarm["seq"] for alarm in state["alarms"]] == [2]
    log = (archive.folder / "archive.log").read_text()
    assert "ALARM" in log
    assert "CANARY" not in log


async def test_people_and_other_hosts_are_refused(prosody: Prosody, archive: Running) -> None:
    async with emitter(prosody) as stream:
        await send(stream, f'<status xmlns="{NS}" epoch="1"/>', "get")
    async with logged_in(prosody, "alice@gov.localhost") as alice:
        iq = alice.make_iq_set(ito="archive.gov.localhost")
        iq.append(ET.fromstring(write_batch(batch(EPOCH, record(1)))))
        with pytest.raises(IqError) as caught:
            await iq.send(timeout=5)
        assert caught.value.condition == "forbidden"
    stranger = Component(
        component_section(prosody, "directory", "directory"), name="x", identity=("component", "x")
    )
    async with connected(stranger):
        assert (await refused(stranger, write_batch(batch(EPOCH, record(1)))))[0] == "forbidden"


async def test_kill_9_while_batches_arrive(prosody: Prosody, archive: Running) -> None:
    parts: list[Batch] = [
        batch(EPOCH, *(record(n) for n in range(start, start + 20))) for start in range(1, 2001, 20)
    ]
    done = asyncio.Event()

    async def load() -> None:
        async with emitter(prosody) as stream:
            for part in parts:
                answer = await send(stream, write_batch(part))
                assert int(answer.attrib["last"]) == part.last
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        for pause in (0.9, 0.6, 0.7):
            await asyncio.sleep(pause)
            if not done.is_set():
                archive.kill()
                archive.start()
    state = await signed(archive, 2001)
    assert state["records"] == 2000
    assert state["size"] >= 2001
    report = archive.json("verify")
    assert report["ok"], report["findings"][:3]
    assert report["records"] == 2000
