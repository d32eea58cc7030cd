"""The demo's processes: each is started, watched, brought back when it dies, and stopped in order.

A child dies with its parent (PR_SET_PDEATHSIG), even where the parent was killed, and has a session
of its own, so that Ctrl-C reaches the parent alone, which stops everything in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xmppgov.errors import Unreachable
from xmppgov.i18n import Texts

texts = Texts(__package__)

PR_SET_PDEATHSIG = 1
FIRST_DELAY, LONGEST_DELAY, CALM = 0.2, 5.0, 10.0  # seconds; a calm process has its delay reset
GRACE = 8.0  # seconds from SIGTERM to SIGKILL
EARLY_DEATHS = 3  # before anything worked, this many deaths mean that it never will
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """What to run: its name, command and environment, and the file that takes its output."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """One supervised process."""

    def __init__(self, program: Program, changed: Callable[[], None]) -> None:
        self.program = program
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._proven = False
        self._deaths = 0
        self.pid = 0
        """The id of the process, or of the last one while it is down."""

    async def start(self) -> None:
        """Start the process, and bring it back whenever it ends until `stop`."""
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive())

    def prove(self) -> None:
        """Remember that this process has worked: from now on it is always brought back."""
        self._proven = True

    def check(self) -> None:
        """Raise where the process dies again and again without having worked.

        Raises:
            Unreachable: with the last line of its log and the log's path.
        """
        if not self._proven and self._deaths >= EARLY_DEATHS:
            raise _stopped(self.program)

    async def stop(self) -> None:
        """End the process: SIGTERM, then SIGKILL after the grace time."""
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep_alive(self) -> None:
        delay = FIRST_DELAY
        while self._process is not None:
            started = time.monotonic()
            await self._process.wait()
            self._process = None
            self._deaths += 1
            if time.monotonic() - started > CALM:
                delay = FIRST_DELAY
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
            await self._spawn()
            self._changed()

    async def _spawn(self) -> None:
        self._process = await _spawn(self.program)
        self.pid = self._process.pid


class Supervisor:
    """All processes of the demo, stopped in the reverse of the order in which they started."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._children: dict[str, Child] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name; of one that is down, its last."""
        return {name: child.pid for name, child in self._children.items()}

    async def start(self, program: Program) -> None:
        """Start `program` and keep it running."""
        child = self._children[program.name] = Child(program, self._changed)
        await child.start()

    async def wait_until(self, name: str, answers: Callable[[], bool], seconds: float) -> None:
        """Wait until `answers()` says that the process `name` works.

        Raises:
            Unreachable: the process keeps dying, or does not answer in time.
        """
        child, deadline = self._children[name], time.monotonic() + seconds
        while not answers():
            child.check()
            if time.monotonic() > deadline:
                raise _silent(child.program)
            await asyncio.sleep(0.03)
        child.prove()

    async def stop(self) -> None:
        """Stop every process, the first one last."""
        order = list(self._children.values())
        await asyncio.gather(*(child.stop() for child in order[1:]))
        for child in order[:1]:
            await child.stop()


async def run_once(program: Program) -> None:
    """Run `program` to its end.

    Raises:
        Unreachable: it failed; with the last line of its log.
    """
    process = await _spawn(program)
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        raise
    if status:
        raise _stopped(program)


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    parent = os.getpid()
    with program.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *program.command,
            env=dict(program.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: _die_with(parent),
        )


def _stopped(program: Program) -> Unreachable:
    return Unreachable(
        texts(
            "{name} stops at once: {line} (log: {log})",
            name=program.name,
            line=_last_line(program.log),
            log=program.log,
        )
    )


def _silent(program: Program) -> Unreachable:
    return Unreachable(
        texts("{name} does not answer; its log: {log}", name=program.name, log=program.log)
    )


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends, however the parent ends."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel knew
        os._exit(1)


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = log.read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""
    return ""
