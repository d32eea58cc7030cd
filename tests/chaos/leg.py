"""One leg of many kills, in a process of its own: `python -m tests.chaos.leg FOLDER NUMBER SEED`.

It prints a line with the name of each process that it kills, and at the end what it did, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.chaos.progress import Leg
from tests.chaos.rounds import run
from tests.chaos.world import ADMITTED
from tests.demo_process import Demo, free_base_port
from xmppgov.config import LogSection
from xmppgov.logs import configure_logging


def main(folder: Path, number: int, seed: int) -> None:
    """Run the leg on a fresh demo in `folder`."""
    configure_logging(LogSection(level="error"))
    killed: list[str] = []

    def told(target: str) -> None:
        killed.append(target)
        print(target, flush=True)

    begun = time.monotonic()
    demo = Demo(folder / "state", free_base_port(), ADMITTED)
    demo.start()
    try:
        world = asyncio.run(run(demo, folder, hash((seed, number)), told))
    finally:
        demo.stop()
    leg = Leg(
        number=number,
        kills=len(killed),
        messages=sum(len(someone.sent) for someone in world.everybody),
        alerts=len(world.sent),
        acknowledged=world.emitter.acknowledged,
        checkpoints=world.observer.count,
        seconds=time.monotonic() - begun,
    )
    print(json.dumps(asdict(leg)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
