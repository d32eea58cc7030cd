"""What a benchmark returns and how it is shown."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measured line: what, its figure, the peer or limit, their ratio, and the aim."""

    what: str
    figure: str
    against: str = ""
    ratio: float | None = None
    aim: str = ""


def machine() -> str:
    """Describe this machine in one line."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({cpu}), {system}"


def show(title: str, rows: list[Row]) -> None:
    """Print `rows` as a table."""
    table = Table(title=title, title_justify="left")
    for name, justify in (
        ("measured", "left"),
        ("figure", "right"),
        ("against", "right"),
        ("ratio", "right"),
        ("aim", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, row.figure, row.against, ratio, row.aim)
    Console().print(table)


def as_json(rows: list[Row]) -> list[dict[str, object]]:
    """Return `rows` for a JSON document."""
    return [asdict(row) for row in rows]
