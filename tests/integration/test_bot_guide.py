"""What docs/bots.md shows runs: its commands, its examples with their tests, its configurations."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.people import person
from xmppgov.bot.outbox.model import State
from xmppgov.bot.program import load_bot
from xmppgov.bot.wiring import read_settings
from xmppgov.demo.prosody import Prosody
from xmppgov_annuaire.search import BOT as ANNUAIRE

BOT, ALICE = "guichet@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "bots.md").read_text("utf-8")
EXAMPLES = DOCS / "examples"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
}


def blocks(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_is_one_that_is_tried() -> None:
    assert set(re.findall(r"^```(\w*)$", PAGE, re.MULTILINE)) == {"", "sh", "python", "toml"}


@pytest.mark.parametrize("block", blocks("python"))
def test_the_code_is_that_of_an_example(block: str) -> None:
    assert [path.name for path in EXAMPLES.glob("*.py") if block in path.read_text("utf-8")]


def test_the_examples_are_right() -> None:
    names = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    bots = [name for name in names if not name.startswith("test_")]
    assert names == sorted([*bots, *(f"test_{name}" for name in bots)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stdout


async def test_the_commands_make_a_bot_that_answers(prosody: Prosody, tmp_path: Path) -> None:
    *prepare, start = blocks("sh")
    script = ["bash", "-ec", "".join(prepare)]
    done = subprocess.run(
        script, cwd=tmp_path, env=ENVIRONMENT, input="secret", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    config = tmp_path / "guichet" / "guichet.toml"
    text = config.read_text().replace("gov.example", prosody.domain)
    ca_file = f'port = {prosody.ports.c2s}\nca_file = "{prosody.state / "ca.pem"}"'
    config.write_text(text.replace("port = 5222", ca_file))
    with (tmp_path / "log").open("wb") as log:
        command = ["bash", "-ec", f"exec {start}"]
        bot = subprocess.Popen(command, cwd=config.parent, env=ENVIRONMENT, stdout=log, stderr=log)
        try:
            async with person(prosody, ALICE, tmp_path) as alice:
                await ready(bot, tmp_path / "log")
                await alice.send(BOT, "salue Claire")
                await alice.wait_for("Bonjour Claire !")
        finally:
            bot.terminate()
            assert bot.wait(20) == 0


async def ready(bot: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a bot says in its log that it is there."""
    async with asyncio.timeout(20):
        while b"ready" not in log.read_bytes():
            assert bot.poll() is None, log.read_text()
            await asyncio.sleep(0.02)


def test_the_configurations_load(tmp_path: Path) -> None:
    rain, annuaire = blocks("toml")
    path = tmp_path / "bot.toml"
    path.write_text(rain)
    bot = load_bot("pluie.py", EXAMPLES)
    settings = read_settings(bot, path)
    assert settings.own(bot) == bot.settings(city="Lyon")  # type: ignore[misc]
    path.write_text(annuaire)
    assert read_settings(ANNUAIRE, path).bot.directory == "directory.gov.example"


def test_every_state_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(State)
