"""What `make chaos` has to run is run until it has passed once, and not again."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tests.chaos.progress import Progress
from tests.chaos.thorough import PROGRAMS, ROOT, WHOLE, Thorough

TESTS = """
import os, pathlib, pytest
here = pathlib.Path(__file__).parent

def test_first():
    assert os.environ["XMPPGOV_CHAOS"]
    with (here / "runs").open("a") as file:
        file.write("first ")

def test_not_here():
    pytest.skip("no disk")

def test_second():
    assert (here / "fixed").exists()
"""


def test_a_run_goes_on_behind_what_has_passed(tmp_path: Path) -> None:
    (tmp_path / "test_three.py").write_text(TESTS)
    tests, state = Thorough(0, 1, ["test_three.py"], tmp_path), tmp_path / "state"

    def run() -> tuple[bool, list[str]]:
        done = tests.run(Progress.read(state), Console(quiet=True))
        return done, [name.rpartition("::")[2] for name in Progress.read(state).passed]

    assert run() == (False, ["test_first"])
    (tmp_path / "fixed").touch()
    assert run() == (True, ["test_first", "test_second"])
    assert tests.left(Progress.read(state)) == ["test_three.py::test_not_here"]
    assert (tmp_path / "runs").read_text() == "first "


def test_everything_that_has_a_full_length_is_run_at_it() -> None:
    every = (ROOT / "tests").rglob("test_*.py")
    longer = {
        str(file.relative_to(ROOT))
        for file in every
        if file != Path(__file__) and "XMPPGOV_CHAOS" in file.read_text()
    }
    assert longer <= {PROGRAMS, *WHOLE}
    assert len(longer) > 4
