"""`make chaos N=…`: N rounds in all, six kills each; a stopped run goes on where it was."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from rich.console import Console

from tests.chaos.rounds import run
from tests.demo_process import Demo, free_base_port
from xmppgov.config import LogSection
from xmppgov.logs import configure_logging

AT_ONCE = 5  # rounds on one demo
PROGRESS = Path("bench") / "results" / "chaos.json"


def main() -> None:
    """Run what is left of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    configure_logging(LogSection(level="error"))
    progress = _read(arguments.seed)
    console = Console()
    while progress["rounds"] < arguments.rounds:
        rounds = min(AT_ONCE, arguments.rounds - progress["rounds"])
        kills, messages, alerts = _batch(rounds, arguments.seed + progress["rounds"])
        progress["rounds"] += rounds
        progress["kills"] += kills
        progress["messages"] += messages
        progress["alerts"] += alerts
        PROGRESS.parent.mkdir(parents=True, exist_ok=True)
        PROGRESS.write_text(json.dumps(progress))
        console.print(f"{progress}", highlight=False)
    console.print("every promise held", style="green")


def _read(seed: int) -> dict[str, int]:
    fresh = {"seed": seed, "rounds": 0, "kills": 0, "messages": 0, "alerts": 0}
    if not PROGRESS.exists():
        return fresh
    found: dict[str, int] = json.loads(PROGRESS.read_text())
    return found if found["seed"] == seed else fresh


def _batch(rounds: int, seed: int) -> tuple[int, int, int]:
    """Run some rounds on a fresh demo; return kills, messages and alerts."""
    killed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="xmppgov-chaos-") as folder:
        demo = Demo(Path(folder) / "state", free_base_port())
        demo.start()
        try:
            done = asyncio.run(run(demo, Path(folder), rounds, seed, killed.append))
        finally:
            demo.stop()
    return len(killed), sum(len(w.sent) for w in done.everybody), len(done.sent)


if __name__ == "__main__":
    main()
