"""`make bench`, `make bench-full`: run every benchmark, print tables, keep figures as JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from bench import alerts, messages, search
from bench.report import Row, as_json, machine, show
from xmppgov.config import LogSection
from xmppgov.logs import configure_logging

RESULTS = Path(__file__).parent / "results"
Measure = Callable[[int], Awaitable[list[Row]]]
BENCHES: dict[str, tuple[str, Measure, int, int]] = {
    "messages": ("Messages through the server", messages.measure, 20_000, 100_000),
    "search": ("Searches through the server", search.measure, 4_000, 20_000),
    "alerts": ("Encrypted alerts to people with one device", alerts.measure, 200, 600),
}


def main() -> None:
    """Run the benchmarks that the command line names; all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large sizes")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which to run")
    arguments = parser.parse_args()
    configure_logging(LogSection(level="error"))
    console = Console()
    console.print(machine(), highlight=False)
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.names or BENCHES:
        title, measure, quick, full = BENCHES[name]
        began = time.perf_counter()
        rows = asyncio.run(measure(full if arguments.full else quick))
        show(f"{title} ({time.perf_counter() - began:.0f} s)", rows)
        document = {"machine": machine(), "full": arguments.full, "rows": as_json(rows)}
        (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
