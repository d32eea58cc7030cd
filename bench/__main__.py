"""`make bench`, `make bench-full`: run every benchmark, print tables, keep figures as JSON.

The full run takes up where it was stopped: what has figures of this very commit is shown
and not run again. Both end in bounded time; a benchmark that does not is given up, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import alerts, backlog, erasure, ingest, large, messages, search, verify
from bench.report import Row, as_json, machine, show
from xmppgov.config import LogSection
from xmppgov.logs import configure_logging

RESULTS = Path(__file__).parent / "results"
QUICK_LIMIT, FULL_LIMIT = 190, 1800  # seconds for one benchmark
Measure = Callable[[int], Awaitable[list[Row]]]
BENCHES: dict[str, tuple[str, Measure, int, int]] = {
    "messages": ("Messages through the server", messages.measure, 20_000, 100_000),
    "ingest": ("Records into the archive", ingest.measure, 40_000, 200_000),
    "backlog": ("A day without an archive", backlog.measure, 40_000, 500_000),
    "large": ("A large archive", large.measure, 100_000, 10_000_000),
    "erasure": ("An erasure beside a busy archive", erasure.measure, 100_000, 1_000_000),
    "verify": ("Verification", verify.measure, 20_000, 1_000_000),
    "search": ("Searches through the server", search.measure, 5_000, 50_000),
    "alerts": ("Encrypted alerts to people with one device", alerts.measure, 200, 600),
}


def main() -> None:
    """Run the benchmarks that the command line names; all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which to run")
    arguments = parser.parse_args()
    configure_logging(LogSection(level="error"))
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(machine(), highlight=False)
    RESULTS.mkdir(exist_ok=True)
    done = [run(console, name, arguments.full) for name in arguments.names or BENCHES]
    sys.exit(0 if all(done) else 1)


def run(console: Console, name: str, full: bool) -> bool:
    """Run one benchmark, or show what it gave; False if it came to no end."""
    title, measure, quick, large = BENCHES[name]
    file = RESULTS / f"{name}{'-full' if full else ''}.json"
    here = commit()
    if full and here and (earlier := _read(file)).get("commit") == here:
        rows = [Row(**row) for row in earlier["rows"]]
        show(console, f"{title} (not run again: of this commit, {file.name})", rows)
        return True
    began = time.perf_counter()
    try:
        rows = asyncio.run(_bounded(measure, large if full else quick, full))
    except TimeoutError:
        console.print(f"{title}: given up after {time.perf_counter() - began:.0f} s", style="red")
        return False
    show(console, f"{title} ({time.perf_counter() - began:.0f} s)", rows)
    document = {"commit": here, "machine": machine(), "rows": as_json(rows)}
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
    return True


async def _bounded(measure: Measure, size: int, full: bool) -> list[Row]:
    async with asyncio.timeout(FULL_LIMIT if full else QUICK_LIMIT):
        return await measure(size)


def commit() -> str | None:
    """Return the commit that is checked out, None if files differ from it or there is none."""
    git = ("git", "-C", str(Path(__file__).parent))
    try:
        changed, head = (
            subprocess.check_output([*git, *what], text=True, stderr=subprocess.DEVNULL).strip()
            for what in (("status", "--porcelain", "-uno"), ("rev-parse", "HEAD"))
        )
        return None if changed else head
    except (OSError, subprocess.CalledProcessError):
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        return {}


if __name__ == "__main__":
    main()
