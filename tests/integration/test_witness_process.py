"""The witness as a process: it runs, it is killed while two histories race, it never signs both."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.components.witness.histories import FORK, LOG, MAIN, History
from xmppgov.demo.prosody import Ports, listening
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import CosignerKey, parse_key
from xmppgov.tlog.witness import AddCheckpoint, checkpoint_path, parse_cosignatures

COMMAND = [sys.executable, "-m", "xmppgov.cli.main", "witness"]
LOGS = [f"log{n}.example" for n in range(40)]
PATIENCE = 30.0  # seconds


class Running:
    """A witness's process on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = Ports.free().c2s
        self.config = folder / "witness.toml"
        self._log = folder / "witness.log"
        logs = "".join(f'[[logs]]\norigin = "{o}"\nvkey = "{LOG.verifier}"\n' for o in LOGS)
        self.config.write_text(
            '[witness]\nname = "w.example"\ndatabase = "witness.db"\nkey_file = "witness.key"\n'
            f"[http]\nport = {self.port}\n{logs}"
        )
        printed = subprocess.run(
            [*COMMAND, "key", "--config", str(self.config)], capture_output=True, text=True
        )
        key = parse_key(printed.stdout)
        assert isinstance(key, CosignerKey)
        self.key = key
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [*COMMAND, "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not listening(self.port):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", errors="replace")

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def ask(self, origin: str, history: History, old: int, size: int) -> int:
        """Return the HTTP status; 0 where no answer came."""
        note = history.checkpoint(size, origin).sign(LOG)
        body = AddCheckpoint(old, history.proof(old, size), note).encode()
        url = f"http://127.0.0.1:{self.port}/add-checkpoint"
        try:
            with urllib.request.urlopen(url, body, timeout=10) as response:
                text = Checkpoint(origin, size, history.checkpoint(size).root).text()
                assert parse_cosignatures(text, response.read(), [self.key])
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    running.start()
    yield running
    if running.process and running.process.poll() is None:
        assert running.end(signal.SIGTERM) == 0


def test_kill_9_while_two_histories_race(witness: Running) -> None:
    """Each log's two histories are sent at once; whatever was answered before the kill stands."""
    rest = random.Random(3)
    signed: dict[tuple[str, bytes], int] = {}
    for turn in range(5):
        some = LOGS[turn * 8 : turn * 8 + 8]
        sides = [(origin, side) for origin in some for side in (MAIN, FORK)]
        rest.shuffle(sides)
        with ThreadPoolExecutor(len(sides)) as pool:
            answers = [pool.submit(witness.ask, o, side, 0, 7) for o, side in sides]
            time.sleep(rest.uniform(0.0, 0.05))  # the moment of the kill is what is tried here
            witness.end(signal.SIGKILL)
            for (origin, side), answer in zip(sides, answers, strict=True):
                assert answer.result() in (0, 200, 409)
                signed[origin, side.leaves[-1]] = answer.result()
        witness.start()
        for origin in some:
            later = {side: witness.ask(origin, side, 7, 7) for side in (MAIN, FORK)}
            if 409 in later.values():  # nothing was kept of it
                assert set(later.values()) == {409}
                assert {signed[origin, side.leaves[-1]] for side in (MAIN, FORK)} == {0}
                continue
            assert sorted(later.values()) == [200, 422]
            for side, status in later.items():
                assert signed[origin, side.leaves[-1]] in ((0, 200) if status == 200 else (0, 409))
    assert any(status == 200 for status in signed.values()), "no race, no proof"


def test_it_serves_its_latest_checkpoint_and_stops_when_asked(witness: Running) -> None:
    assert witness.ask(LOGS[0], MAIN, 0, 3) == 200
    url = f"http://127.0.0.1:{witness.port}/{checkpoint_path(LOGS[0])}"
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.headers["Server"] == "xmppgov"
        assert response.read().startswith(f"{LOGS[0]}\n3\n".encode())
    assert witness.end(signal.SIGTERM) == 0
    assert LOGS[0] in witness.log


def test_a_taken_port_is_said(witness: Running) -> None:
    second = subprocess.run(
        [*COMMAND, "--config", str(witness.config)], capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 2
    assert str(witness.port) in second.stderr
    assert "Traceback" not in second.stderr
