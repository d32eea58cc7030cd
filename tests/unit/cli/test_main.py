"""The root command: what it lists, what it loads, how it ends."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from xmppgov.cli import installed, main
from xmppgov.cli.installed import COMMANDS, SERVICES, InstalledCommands

ROOT = Path(__file__).parents[3]


def xmppgov(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xmppgov.cli.main", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)


def test_help_lists_every_command_with_a_summary() -> None:
    done = xmppgov("--help")
    assert done.returncode == 0
    for name in ("alert", "archive", "bot", "cap", "demo", "directory", "rooms", "run", "witness"):
        line = next(x for x in done.stdout.splitlines() if x.strip().startswith(name + " "))
        assert len(line.split()) > 3


def test_help_imports_no_component() -> None:
    code = (
        "import sys; sys.argv = ['xmppgov', '--help']\n"
        "from xmppgov.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if m.startswith('xmppgov_') or m == 'slixmpp'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    loaded = done.stdout.splitlines()[-1]
    assert ".commands" not in loaded
    assert "slixmpp" not in loaded


def test_help_says_what_is_in_brackets() -> None:
    done = xmppgov("alert", "send", "--help")
    assert "[webhook]" in done.stdout
    assert "╭" not in done.stdout  # one look for every command


@pytest.mark.parametrize("arguments", [("nothing",), ("demo", "--nothing"), ("run", "nobody")])
def test_misuse_ends_with_two(arguments: tuple[str, ...]) -> None:
    done = xmppgov(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "french", "english"),
    [
        (("query",), "Il manque : --config.", "Missing: --config."),
        (("query", "--config", "x", "--limit", "x"), "--limit : ", "--limit: "),
        (("query", "--nope"), "Il n'y a pas d'option --nope.", "There is no option --nope."),
        (("queri",), "Il n'y a pas de commande queri.", "There is no command queri."),
    ],
)
def test_misuse_is_said_in_the_terminal_s_language(
    arguments: tuple[str, ...], french: str, english: str
) -> None:
    for language, said in (("fr_FR.UTF-8", french), ("C", french), ("en_US.UTF-8", english)):
        done = xmppgov("archive", *arguments, LC_ALL=language)
        assert done.returncode == 2
        assert said in done.stderr
        assert "archive" in done.stderr.splitlines()[0]  # how it is used


def test_an_interrupted_question_ends_as_a_shell_says_it(tmp_path: Path) -> None:
    """Ctrl-C at a real terminal, while a real command asks for a passphrase."""
    key = tmp_path / "dpo.key"
    process, terminal = pty.fork()
    if not process:
        arguments = ("archive", "officers", "key", "--role", "dpo", "--out", str(key))
        os.execv(sys.executable, [sys.executable, "-m", "xmppgov.cli.main", *arguments])
    shown = b""
    while not shown.rstrip().endswith(b":"):
        shown += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    assert not key.exists()


def test_what_is_installed_is_what_the_package_says() -> None:
    """Each real entry point is listed and can be loaded."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for group in (COMMANDS, SERVICES):
        found = installed.find(group)
        assert {e.name: e.value for e in found.values()} == project["entry-points"][group]
        assert all(callable(entry.load()) for entry in found.values())
    (root,) = entry_points(group="console_scripts", name="xmppgov")
    assert root.value == project["scripts"]["xmppgov"]
    assert root.load() is main.run
    script = Path(sys.executable).with_name("xmppgov")
    for arguments, group in (((), COMMANDS), (("run",), SERVICES)):
        done = subprocess.run([script, *arguments, "--help"], capture_output=True, text=True)
        listed = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
        assert listed >= set(project["entry-points"][group])


def test_a_broken_configuration_is_one_line_and_two(tmp_path: Path) -> None:
    config = tmp_path / "directory.toml"
    config.write_text("[log]\n", "utf-8")
    done = xmppgov("run", "directory", "--config", str(config))
    assert done.returncode == 2
    assert f"{config} : xmpp" in done.stderr or f"{config}: xmpp" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_package_breaks_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_command.py").write_text("raise RuntimeError('broken')\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = [
        EntryPoint("broken", "broken_command:app", COMMANDS),
        EntryPoint("gone", "no_such_package.commands:app", COMMANDS),
        EntryPoint("rooms", "xmppgov_rooms.commands:app", COMMANDS),
    ]
    monkeypatch.setattr(installed, "entry_points", lambda group: found)
    group = InstalledCommands(name="xmppgov")
    assert group.list_commands(None) == ["bot", "broken", "cap", "demo", "rooms"]
    assert group.get_command(None, "rooms") is not None
    with pytest.raises(RuntimeError, match="broken"):
        group.get_command(None, "broken")


def test_the_version_is_printed() -> None:
    assert xmppgov("--version").stdout.strip().count(".") == 2
