"""The tests that `make chaos` runs at their full length, each one until it has passed once.

`make test` runs the same with fewer faults and fewer programs. Here XMPPGOV_CHAOS is set, and what
has passed is noted (progress.py), so that a run which was stopped goes on behind it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tests.chaos.progress import Progress

ROOT = Path(__file__).parents[2]
PROGRAMS = "tests/integration/test_capture_properties.py"
"""Programs of capture against a real Prosody; as many as are asked for."""
WHOLE = (
    "tests/unit/archive/emitter/test_faults.py",
    "tests/unit/components/witness/test_faults.py",
    "tests/unit/components/archive/officers/test_months_faults.py",
    "tests/unit/components/archive/retention/test_erasing_faults.py",
    "tests/unit/components/archive/retention/test_fates.py",
    "tests/unit/components/archive/test_faults.py",
    "tests/unit/bot/letters/test_faults.py",
    "tests/chaos/test_full_disks.py",
)
"""Every write of every store failing in every way, and small disks that are really full."""
PATIENCE = 4 * 3600  # seconds that a test may take; one with a mark of its own keeps that


class One(NamedTuple):
    """A test as pytest names it, and the name under which it is noted once it has passed."""

    test: str
    name: str


@dataclass(frozen=True)
class Thorough:
    """The tests of the files `whole` below `root`, and so many programs of capture."""

    programs: int
    seed: int
    whole: Sequence[str] = WHOLE
    root: Path = ROOT

    def run(self, progress: Progress, console: Console) -> bool:
        """Run what has not passed yet, up to the first that fails; False where one did.

        What cannot be run on this machine is said and not noted.
        """
        for one in self._left(progress):
            begun = time.monotonic()
            with console.status(one.name):
                done = self._pytest("-rs", f"--hypothesis-seed={self.seed}", one.test)
            if re.search(r"^\d+ passed", done.stdout, re.MULTILINE) and not done.returncode:
                progress.note(one.name, time.monotonic() - begun)
                console.print(f"passed  {one.name}", markup=False, highlight=False)
            else:
                console.print(done.stdout, markup=False)
            if done.returncode:
                return False
        return True

    def left(self, progress: Progress) -> list[str]:
        """Return the names of what has not passed yet."""
        return [one.name for one in self._left(progress)]

    def _left(self, progress: Progress) -> list[One]:
        found = self._pytest("--collect-only", *self.whole)
        if found.returncode:
            raise RuntimeError(found.stdout)
        tests = re.findall(r"^(\S+\.py::.+)$", found.stdout, re.MULTILINE)
        every = [One(PROGRAMS, f"{PROGRAMS}: {self.programs} programs")] if self.programs else []
        every += [One(test, test) for test in tests]
        return [one for one in every if one.name not in progress.passed]

    def _pytest(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"XMPPGOV_CHAOS": "1", "XMPPGOV_PROGRAMS": str(self.programs)}
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", f"--timeout={PATIENCE}", *words],
            cwd=self.root,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C comes from here, once, so that its servers are stopped
        )
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output)
