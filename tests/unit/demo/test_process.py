"""Supervised processes: they come back, are stopped in order, and die with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from xmppgov.demo.process import Program, Supervisor, run_once
from xmppgov.errors import Unreachable


def program(folder: Path, code: str, name: str = "part") -> Program:
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return Program(name, command, os.environ, folder / f"{name}.log")


async def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def test_a_killed_process_comes_back_and_is_announced(tmp_path: Path) -> None:
    announced: list[dict[str, int]] = []
    supervisor = Supervisor(lambda: announced.append(supervisor.pids))
    await supervisor.start(program(tmp_path, "import time; time.sleep(60)"))
    first = supervisor.pids["part"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: bool(announced))
    assert announced[-1]["part"] != first
    await supervisor.stop()


async def test_stopping_asks_the_first_one_last(tmp_path: Path) -> None:
    code = """
        import pathlib, signal, sys, time
        def stop(*_):
            with open("{order}", "a") as file:
                file.write("{name} ")
            sys.exit()
        signal.signal(signal.SIGTERM, stop)
        pathlib.Path("{up}").touch()
        time.sleep(60)
    """
    order, supervisor = tmp_path / "order", Supervisor(lambda: None)
    for name in ("server", "one", "two"):
        up = tmp_path / f"{name}.up"
        await supervisor.start(program(tmp_path, code.format(order=order, name=name, up=up), name))
        await supervisor.wait_until(name, up.exists, 15)
    await supervisor.stop()
    words = order.read_text().split()
    assert words[-1] == "server"
    assert sorted(words) == ["one", "server", "two"]


async def test_what_never_works_is_reported_with_its_last_line(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda: None)
    await supervisor.start(program(tmp_path, "import sys; sys.exit('no such key')"))
    with pytest.raises(Unreachable, match="no such key"):
        await supervisor.wait_until("part", lambda: False, 30)
    await supervisor.stop()


async def test_what_is_silent_is_reported_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda: None)
    await supervisor.start(program(tmp_path, "import time; time.sleep(60)"))
    with pytest.raises(Unreachable, match=r"part\.log"):
        await supervisor.wait_until("part", lambda: False, 0.3)
    await supervisor.stop()


async def test_a_program_that_fails_once_is_reported(tmp_path: Path) -> None:
    await run_once(program(tmp_path, "print('fine')"))
    with pytest.raises(Unreachable, match="line 3 is wrong"):
        await run_once(program(tmp_path, "import sys; sys.exit('line 3 is wrong')"))


PARENT = """
import asyncio, os, sys
from pathlib import Path
from xmppgov.demo.process import Program, Supervisor

async def main():
    supervisor = Supervisor(lambda: None)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    await supervisor.start(Program("part", command, os.environ, Path(sys.argv[1])))
    print(supervisor.pids["part"], flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 15
    while _alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
