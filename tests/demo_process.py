"""A whole demo for tests: started as by a person, read through `ready.json`, stopped by SIGINT."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require_program
from xmppgov.demo.prosody import Ports

COMMAND = [sys.executable, "-m", "xmppgov.cli.main"]
PATIENCE = 90.0  # seconds


def free_base_port() -> int:
    """Return the first of consecutive ports on which nothing listens now."""
    return Ports.free().c2s


@contextmanager
def running_demo(
    state: Path, config: pytest.Config, environment: Mapping[str, str] | None = None
) -> Iterator[Demo]:
    """A demo on `state`, ready; stopped at the end."""
    require_program(config, "prosody")
    demo = Demo(state, free_base_port(), environment)
    demo.start()
    yield demo
    demo.stop()


class Demo:
    """One demo on `state`; `ready` is its `ready.json`, read anew each time.

    `environment` is added to the tests' own; in it, a setting can be given another value.
    """

    def __init__(
        self, state: Path, base_port: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.state, self.base_port = state, base_port
        self._environment = {**os.environ, **(environment or {})}
        self._output = state.parent / f"{state.name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when everything answers."""
        options = ["--state", str(self.state), "--base-port", str(self.base_port)]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*COMMAND, "demo", *options],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + PATIENCE
        while not (self.state / "ready.json").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the demo is not ready; it said:\n{self.output}")
            time.sleep(0.05)

    @property
    def ready(self) -> dict[str, Any]:
        """What `ready.json` says now."""
        return json.loads((self.state / "ready.json").read_text("utf-8"))

    @property
    def output(self) -> str:
        """What the demo printed so far."""
        return self._output.read_text("utf-8", errors="replace")

    def stop(self) -> int:
        """Send SIGINT, as Ctrl-C does, and return the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL the demo itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run an `xmppgov` command."""
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def config(self, name: str) -> tuple[str, str]:
        """Return the options that name the configuration of one part."""
        return "--config", self.ready["config"][name]

    @property
    def archive(self) -> Path:
        """The archive's configuration file."""
        return Path(self.ready["config"]["archive"])

    def json(self, *arguments: str) -> Any:
        """Run a command and return the JSON document that it prints."""
        return json.loads(self.cli(*arguments, "--json").stdout)
