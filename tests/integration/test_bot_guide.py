"""The bot of docs/bots.md runs, its configuration loads, its states are all there are."""

import re
from pathlib import Path

from tests.bots import running
from tests.people import person
from tests.streams import account_section
from xmppgov.bot import Bot
from xmppgov.bot.outbox.model import State
from xmppgov.bot.running import Running
from xmppgov.bot.store import SCHEMAS
from xmppgov.bot.wiring import read_settings
from xmppgov.demo.prosody import Prosody
from xmppgov.storage.database import Database
from xmppgov_annuaire.search import BOT as ANNUAIRE

BOT, ALICE = "guide@gov.localhost", "alice@gov.localhost"
ACCOUNTS = [BOT, ALICE]
PROSODY_MODULES = ""
PAGE = (Path(__file__).parents[2] / "docs" / "bots.md").read_text("utf-8")


def block(language: str) -> str:
    """Return the page's block in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


async def test_the_example_runs(prosody: Prosody, tmp_path: Path) -> None:
    names: dict[str, object] = {}
    exec(block("python"), names)
    database = await Database.open(tmp_path / "guide.sqlite", *SCHEMAS)
    bot = names["bot"]
    assert isinstance(bot, Bot)
    made = Running(bot, account_section(prosody, BOT), database=database)
    async with running(made), person(prosody, ALICE, tmp_path) as alice:
        await alice.send(BOT, "heure")
        await alice.wait_for(":")
    await database.close()


def test_the_configuration_loads(tmp_path: Path) -> None:
    (tmp_path / "annuaire.toml").write_text(block("toml"))
    settings = read_settings(ANNUAIRE, tmp_path / "annuaire.toml")
    assert settings.bot.directory == "directory.gov.example"


def test_every_state_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(State)
