"""A short run of each target from a fixed seed; without the fuzzer, hypothesis alone is left."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

RUNS = 4_000
OPTIONS = ("-seed=1", "-timeout=10", "-rss_limit_mb=1024", "-max_len=8192", "-print_final_stats=1")

needs_fuzzer = pytest.mark.skipif(
    find_spec("atheris") is None, reason='no fuzzer: pip install -e ".[fuzz]" (x86-64 Linux)'
)


def fuzz(name: str, corpus: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", name, str(corpus), *OPTIONS, *options]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"},
    )


@pytest.fixture
def corpus(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with the small samples; what the fuzzer finds is added to it."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for path in (shared_data / "cap_samples").glob("*.cap"):
        if path.stat().st_size < 8192:
            shutil.copy(path, folder)
    return folder


@needs_fuzzer
def test_cap_survives(corpus: Path) -> None:
    done = fuzz("cap", corpus, f"-runs={RUNS}", f"-artifact_prefix={corpus}/")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(rf"stat::number_of_executed_units: +{RUNS}", done.stderr)
    assert len(list(corpus.iterdir())) > 30, "it finds no new branches"
