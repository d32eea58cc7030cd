"""What a benchmark returns and how it is shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.rounds import Rounds


@dataclass(frozen=True)
class Row:
    """One measured line: what, its figure, the peer or limit, their ratio, its spread, the aim."""

    what: str
    figure: str
    against: str = ""
    ratio: float | None = None
    spread: str = ""
    aim: str = ""


def compared(what: str, rounds: Rounds, name: str, limit: str, against: str, aim: str = "") -> Row:
    """Return the row of a contender against another, with the spread of the rounds' ratios."""
    ratios = rounds.ratios(name, limit)
    figure = f"{rounds.figure(name):,.0f}"
    return Row(what, figure, against, median(ratios), span(ratios, ".2f"), aim)


def span(values: Sequence[float], form: str = ",.0f") -> str:
    """Return the smallest and the largest of `values`."""
    return f"{min(values):{form}}–{max(values):{form}}"


def machine() -> str:
    """Describe this machine in one line, and what else it is doing."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({cpu}), {system}, load {os.getloadavg()[0]:.1f}"


def show(console: Console, title: str, rows: list[Row]) -> None:
    """Print `rows` as a table."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    for name in ("figure", "against", "ratio", "spread", "aim"):
        table.add_column(name, justify="right")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, row.figure, row.against, ratio, row.spread, row.aim)
    console.print(table)


def as_json(rows: list[Row]) -> list[dict[str, object]]:
    """Return `rows` for a JSON document."""
    return [asdict(row) for row in rows]
