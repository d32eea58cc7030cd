"""A new bot works at once: its test passes, its configuration is right, its pages say how."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from xmppgov.bot.program import load_bot, program_of
from xmppgov.bot.scaffold.package import write_package
from xmppgov.errors import ConfigurationError


def run(folder: Path, *arguments: str, language: str = "en_GB.UTF-8") -> tuple[int, str]:
    """Run a Python program in a folder; return its status and all that it said."""
    env = {**os.environ, "LC_ALL": language, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return done.returncode, done.stdout


def xmppgov(folder: Path, *arguments: str, language: str = "en_GB.UTF-8") -> tuple[int, str]:
    """Run `xmppgov bot …`."""
    return run(folder, "xmppgov.cli.main", "bot", *arguments, language=language)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new bot's folder, made by the command, with the secrets that its README has made."""
    into = tmp_path_factory.mktemp("new")
    status, said = xmppgov(into, "new", "guichet")
    assert status == 0, said
    assert "cd guichet && python -m pytest" in said
    made = into / "guichet"
    commands = re.findall(r"^(?:mkdir|\(umask).*$", (made / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 3
    subprocess.run(["bash", "-ec", "\n".join(commands)], cwd=made, input=b"secret", check=True)
    return made


def test_it_is_as_short_as_is_promised(folder: Path) -> None:
    assert len((folder / "guichet.py").read_text().splitlines()) <= 30
    assert len((folder / "test_guichet.py").read_text().splitlines()) <= 10


def test_its_test_passes_and_can_fail(folder: Path) -> None:
    status, said = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert status == 0, said
    assert "1 passed" in said
    program = folder / "guichet.py"
    whole = program.read_text()
    program.write_text(whole.replace("Bon appétit", "Au travail"))
    status, said = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    program.write_text(whole)
    assert status == 1, said


def test_its_code_has_the_style_of_ours(folder: Path) -> None:
    names = ["guichet.py", "test_guichet.py"]
    root = Path(__file__).parents[4]
    config = ["--config", str(root / "pyproject.toml"), "--no-cache"]
    assert run(folder, "ruff", "check", "--ignore", "I001,S101", *config, *names)[0] == 0
    assert run(folder, "ruff", "format", "--check", *config, *names)[0] == 0


def test_its_configuration_is_right_and_explained(folder: Path) -> None:
    assert xmppgov(folder, "check", "--config", "guichet.toml") == (
        0,
        "• salue: everyone\nguichet.toml is right.\n",
    )
    status, said = xmppgov(folder, "explain", "a@b", "Greet", "--config", "guichet.toml")
    assert (status, said) == (0, "Yes. The rule for everyone allows it.\n")
    path = folder / "other.toml"
    rule = '[[permissions]]\ncommand = "salue"\nwho = ["role:chair@body:an"]\n'
    path.write_text((folder / "guichet.toml").read_text() + rule)
    status, said = xmppgov(
        folder, "explain", "a@b", "salue", "--config", "other.toml", language="fr_FR.UTF-8"
    )
    assert status == 1
    assert said.startswith("Non. ")
    assert "role:chair@body:an" in said
    status, said = xmppgov(folder, "explain", "a@b", "danse", "--config", "guichet.toml")
    assert (status, "it has: salue" in said) == (1, True)
    (folder / "secrets" / "guichet").chmod(0o644)
    status, said = xmppgov(folder, "check", "--config", "guichet.toml")
    (folder / "secrets" / "guichet").chmod(0o600)
    assert (status, "readable by others" in said) == (2, True)


def test_nothing_is_overwritten(folder: Path) -> None:
    status, said = xmppgov(folder.parent, "new", "guichet")
    assert (status, "not overwritten" in said) == (2, True)


@pytest.mark.parametrize("name", ["Guichet", "a-b", "json", "class", "bot", "xmppgov", "../x", "a"])
def test_a_name_that_a_bot_cannot_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        write_package(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("x = 1", "there are 0"),
        (
            "from xmppgov.bot import Bot\n"
            "a, b = Bot('a', introduction=''), Bot('b', introduction='')",
            "there are 2",
        ),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("raise SystemError('no')", "SystemError: no"),
    ],
)
def test_a_program_that_is_no_bot(tmp_path: Path, source: str, wrong: str) -> None:
    (tmp_path / "strange.py").write_text(source)
    with pytest.raises(ConfigurationError, match=wrong):
        load_bot("strange.py", tmp_path)


def test_a_program_by_module_and_a_configuration_that_names_none(tmp_path: Path) -> None:
    assert load_bot("xmppgov_annuaire.search:BOT", tmp_path).name == "annuaire"
    with pytest.raises(ConfigurationError, match="AttributeError"):
        load_bot("xmppgov_annuaire.search:NONE", tmp_path)
    path = tmp_path / "x.toml"
    for text, wrong in (("[bot]", "bot.program"), ("bot = 1", "bot.program"), ("[", "not valid")):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=wrong):
            program_of(path)


def test_the_command_line_does_not_wait_for_the_library_of_xmpp() -> None:
    code = (
        "import sys, xmppgov.bot, xmppgov.bot.commands, xmppgov.cli.main\n"
        "print([m for m in sys.modules if m.startswith(('slixmpp', 'omemo', 'twomemo'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
