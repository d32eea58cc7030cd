"""`make chaos N=500`: so many kills, on one demo after the other; a stopped run goes on.

Before them, a fifth as many programs of capture, every fault of every store, and disks that are
full (thorough.py); what has passed is not run again.

A leg is a demo with its rounds of kills, and leg K of a seed is always the same. What is done is in
the state folder; a leg that was interrupted is run again, and one that failed is kept there.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from tests.chaos.progress import Leg, Progress
from tests.chaos.thorough import Thorough

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0  # seconds that a leg may take


def main() -> int:
    """Run what is left; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", type=int, help="of capture; a fifth of the kills by default")
    parser.add_argument("--at-once", type=int, default=2, help="demos that run at the same time")
    parser.add_argument("--state", type=Path, default=ROOT / "bench" / "results" / "chaos")
    arguments = parser.parse_args()
    programs = arguments.kills // 5 if arguments.programs is None else arguments.programs
    tests = Thorough(programs, arguments.seed)
    progress, console = Progress.read(arguments.state / f"seed-{arguments.seed}"), Console()
    try:
        if not tests.run(progress, console):
            return 1
        held = _kill(progress, arguments, console)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        return 1
    if not held:
        return 1
    left = tests.left(progress)
    if left:
        console.print(f"not run on this machine: {', '.join(left)}", style="yellow", markup=False)
    console.print("every promise that was tried has held", style="green")
    return 0


def _kill(progress: Progress, arguments: argparse.Namespace, console: Console) -> bool:
    """Run the legs that are left; False where a promise was broken."""
    begun = time.monotonic()
    with Bar(
        TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bar:
        legs = Legs(progress, arguments.seed, console, bar, arguments.kills)
        held = asyncio.run(legs.run(arguments.kills, arguments.at_once))
    _sum_up(progress, time.monotonic() - begun, console)
    return held


class Legs:
    """Runs the legs of one seed, several at once, and shows how far they are."""

    def __init__(
        self, progress: Progress, seed: int, console: Console, bar: Bar, kills: int
    ) -> None:
        self._progress, self._seed, self._console, self._bar = progress, seed, console, bar
        done = progress.total("kills")
        self._task: TaskID = bar.add_task("kills", total=max(kills, done), completed=done)
        self._numbers = (n for n in itertools.count(1) if n not in progress.legs)

    async def run(self, kills: int, at_once: int) -> bool:
        """Run legs until there were `kills` in all; False where a promise was broken."""
        running: set[asyncio.Task[bool]] = set()
        held = True
        while True:
            while held and len(running) < at_once and self._progress.lacks(kills, len(running)):
                running.add(asyncio.create_task(self._leg(next(self._numbers))))
            if not running:
                return held
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            held = held and all(task.result() for task in done)

    async def _leg(self, number: int) -> bool:
        folder = self._progress.folder / f"leg-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / "errors").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.chaos.leg", str(folder), str(number), str(self._seed),
                cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip
            try:
                async with asyncio.timeout(PATIENCE):
                    last = await self._follow(process)
            finally:
                status = await _ended(process)
        if status:
            said = (folder / "errors").read_text(errors="replace")[-2000:]
            self._console.print(f"leg {number} failed, see {folder}\n{said}", markup=False)
            return False
        self._progress.add(Leg(**json.loads(last)))
        shutil.rmtree(folder)
        return True

    async def _follow(self, process: asyncio.subprocess.Process) -> str:
        """Count what is killed; return the last line, in which the leg sums up."""
        last = ""
        assert process.stdout
        async for line in process.stdout:
            if last:
                self._bar.advance(self._task)
            last = line.decode()
        return last


async def _ended(process: asyncio.subprocess.Process) -> int:
    """Return the exit status of a leg; one that still runs is asked to stop its demo and end."""
    try:
        return await asyncio.wait_for(process.wait(), 1)
    except TimeoutError:
        process.send_signal(signal.SIGINT)
        return await process.wait()


def _sum_up(progress: Progress, seconds: float, console: Console) -> None:
    words = ("kills", "messages", "alerts", "acknowledged", "checkpoints")
    totals = ", ".join(f"{progress.total(word):,} {word}" for word in words)
    console.print(f"{totals}; {len(progress.legs)} legs, {seconds:.0f} s now", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
