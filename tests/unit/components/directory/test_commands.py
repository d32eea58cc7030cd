"""The command line: import, dry run, refusals, search and status, with their exit statuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.directory import PEOPLE, POSTS, protect, write_files

CONFIG = """[xmpp]
jid = "directory.gov.localhost"
port = 5347
secret_file = "secret"
[directory]
database = "data/directory.sqlite"
domains = ["gov.localhost"]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration beside which everything lies."""
    path = tmp_path / "directory.toml"
    path.write_text(CONFIG)
    return path


def run(command: str, config: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """Run `xmppgov directory COMMAND`."""
    arguments = [sys.executable, "-m", "xmppgov.cli.main", "directory", command, "--config", config]
    return subprocess.run(
        [str(part) for part in (*arguments, *more)], capture_output=True, text=True,
        env={"LANG": "en_GB.UTF-8", "COLUMNS": "200"}, timeout=60,
    )  # fmt: skip


def tables(folder: Path, **texts: str) -> list[Path]:
    """Write the three files and return their paths."""
    files = write_files(folder, **texts)
    return [files.people, files.bodies, files.posts]


def test_the_life_of_a_directory(config: Path, tmp_path: Path) -> None:
    trial = run("import", config, "--dry-run", "--json", *tables(tmp_path / "a"))
    assert trial.returncode == 0, trial.stderr
    assert json.loads(trial.stdout)["people"]["added"]["count"] == 8
    assert json.loads(run("status", config, "--json").stdout)["people"] == 0
    done = run("import", config, *tables(tmp_path / "a"))
    assert "Alice Durand (p1)" in done.stdout
    assert "100%" in done.stderr
    assert "Nothing changes." in run("import", config, *tables(tmp_path / "a")).stdout
    found = json.loads(run("search", config, "--json", "gaulle").stdout)
    assert [hit["name"] for hit in found] == ["Charles de Gaulle"]
    assert "Nobody was found." in run("search", config, "zzzz").stdout
    status = json.loads(run("status", config, "--json").stdout)
    assert (status["data"], status["people"], status["rooms"]) == (1, 8, 3)


def test_who_becomes_protected_is_said_before_it_is_done(config: Path, tmp_path: Path) -> None:
    assert run("import", config, *tables(tmp_path / "a")).returncode == 0
    files = tables(tmp_path / "b", people=protect(PEOPLE, "p1", "p4"))
    trial = run("import", config, "--dry-run", *files)
    assert "2 people become protected" in trial.stdout
    assert "Alice Durand (p1)" in trial.stdout
    assert json.loads(run("import", config, "--json", *files).stdout)["protected"] == 2
    assert "Nothing changes." in run("import", config, *files).stdout
    back = run("import", config, *tables(tmp_path / "c", people=protect(PEOPLE, "p4")))
    assert "1 people are no longer protected" in back.stdout


def test_a_line_number_is_no_picture(config: Path, tmp_path: Path) -> None:
    people = PEOPLE + "".join(f"q{n},,A,B,,\n" for n in range(10, 100)) + "x\n"
    line = people.count("\n")
    broken = run("import", config, *tables(tmp_path, people=people + "x\n" * (100 - line)))
    assert "people.csv:100: 1 fields" in broken.stderr


def test_what_is_refused(config: Path, tmp_path: Path) -> None:
    assert run("import", config, *tables(tmp_path / "a")).returncode == 0
    broken = run("import", config, *tables(tmp_path / "b", people=PEOPLE + "x\n"))
    assert broken.returncode == 1
    assert "people.csv:10: 1 fields instead of 6" in broken.stderr
    empty = tables(tmp_path / "c", posts=POSTS.splitlines()[0] + "\n")
    trial = run("import", config, "--dry-run", *empty)
    assert (trial.returncode, "would be refused" in trial.stdout) == (0, True)
    assert json.loads(run("import", config, "--dry-run", "--json", *empty).stdout)["refused"]
    refused = run("import", config, *empty)
    assert refused.returncode == 1
    assert "--allow-removals" in refused.stderr
    assert run("import", config, "--allow-removals", *empty).returncode == 0
    config.write_text(CONFIG + "typo = 1\n")
    misused = run("status", config)
    assert (misused.returncode, "directory.typo" in misused.stderr) == (2, True)
