"""The one file is alone: nothing of ours, nothing but the standard library and cryptography."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import xmppgov_verify
from tests.unit.archive.exported import small
from tests.unit.auditor.both import Case

FILE = Path(__file__).parents[3] / "auditor" / "xmppgov_verify.py"
LONGEST_FUNCTION = 30  # lines


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it isolated: no environment, no folder of ours on the path."""
    command = [sys.executable, "-I", str(FILE), *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = Case(tmp_path, small())
    case.give("export", small().export())
    return case


def test_it_imports_the_standard_library_and_cryptography_only() -> None:
    tree = ast.parse(FILE.read_text("utf-8"))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= {*sys.stdlib_module_names, "cryptography"}
    assert not names & {"socket", "urllib", "http", "sqlite3", "subprocess", "ssl"}


def test_its_functions_are_short() -> None:
    tree = ast.parse(FILE.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lengths = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions}
    assert max(lengths.values()) <= LONGEST_FUNCTION, lengths


def test_it_runs_by_itself_and_its_status_says_what_it_found(case: Case) -> None:
    words = ("--policy", "policy", "--tiles", "log", "--export", "export")
    done = run(*words, "--json", cwd=case.folder)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["ok"]
    assert document["checked"][1]["2"] == "erased by leaf 6"
    done = run(*words, cwd=case.folder)
    assert "2: erased by leaf 6" in done.stdout
    case.give("export", small().export()[:-1])
    done = run(*words, cwd=case.folder)
    assert done.returncode == 1
    assert "7: UNEXPLAINED" in done.stdout
    assert "[record-missing]" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--policy", "policy"),
        ("--policy", "nowhere", "--tiles", "log"),
        ("--policy", "export", "--tiles", "log"),
        ("--policy", "policy", "--tiles", "nowhere"),
        ("--policy", "policy", "--checkpoint", "log/checkpoint"),
        ("--policy", "policy", "--export", "nowhere"),
    ],
)
def test_misuse_is_told_apart(case: Case, words: tuple[str, ...]) -> None:
    done = run(*words, cwd=case.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_it_needs_no_log_to_check_an_export(case: Case) -> None:
    done = run("--policy", "policy", "--export", "export", cwd=case.folder)
    assert done.returncode == 0
    assert xmppgov_verify.__file__ == str(FILE)
