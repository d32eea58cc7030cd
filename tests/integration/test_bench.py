"""Each benchmark comes to an end and gives its figures; how large they are is not tested."""

from __future__ import annotations

import asyncio

import pytest

from bench.__main__ import BENCHES

SMALL = {
    "messages": 200,
    "ingest": 4000,
    "backlog": 2000,
    "large": 2000,
    "erasure": 2000,
    "verify": 300,
    "search": 100,
    "alerts": 4,
}


def test_every_benchmark_is_tried() -> None:
    assert SMALL.keys() == BENCHES.keys()


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_gives_its_figures(name: str) -> None:
    _, measure, *_ = BENCHES[name]
    rows = asyncio.run(measure(SMALL[name]))
    assert len(rows) > 1
    assert all(row.figure for row in rows)
