"""A bot's configuration file: its tables, its own one, and errors that say where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from xmppgov.bot import OPEN, Bot, Context
from xmppgov.bot.limits import Limits
from xmppgov.bot.model import Incoming
from xmppgov.bot.testing import someone, talking
from xmppgov.bot.wiring import read_settings
from xmppgov.config import Section
from xmppgov.errors import ConfigurationError

START = """
[xmpp]
jid = "meteo@gov.example"
port = 5222
secret_file = "secrets/meteo"

[bot]
database = "meteo.db"
"""


class Weather(Section):
    """`[meteo]`."""

    city: str
    days: int = Field(3, ge=1, le=10)


def meteo(settings: type[Section] | None = Weather) -> Bot:
    """A bot with a table of its own."""
    bot = Bot("meteo", introduction="Le temps.", settings=settings)

    @bot.command("météo", aliases=("temps",), help="météo", who=OPEN)
    async def weather(context: Context) -> str:
        return f"{context.settings.city} {context.settings.days}"

    return bot


def written(folder: Path, text: str) -> Path:
    """Write the file."""
    path = folder / "meteo.toml"
    path.write_text(START + text)
    return path


def test_the_whole_file(tmp_path: Path) -> None:
    text = """
domains = ["gov.example"]
directory = "directory.gov.example"
text_key_file = "secrets/texts"
owner = "bob@gov.example"

[limits]
per_sender = 6
burst = 2

[[permissions]]
command = "Temps"
who = ["role:chair@body:an", "account:bob@gov.example"]
rooms = ["grp-1@rooms.gov.example"]

[meteo]
city = "Brest"
"""
    settings = read_settings(meteo(), written(tmp_path, text))
    assert settings.bot.database == tmp_path / "meteo.db"
    assert Limits(**settings.limits.model_dump()) == Limits(6.0, 60.0, 2)
    (rule,) = settings.rules(meteo())
    assert (rule.command, len(rule.who)) == ("météo", 2)
    assert settings.own(meteo()) == Weather(city="Brest")


def test_a_bot_without_a_table_and_one_that_may_be_left_out(tmp_path: Path) -> None:
    class Optional(Section):
        days: int = 3

    assert read_settings(meteo(None), written(tmp_path, "")).own(meteo(None)) is None
    bot = meteo(Optional)
    assert read_settings(bot, written(tmp_path, "")).own(bot) == Optional()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "meteo: this setting is missing"),
        ('[meteo]\ncity = "Brest"\ndays = 11', "meteo.days: "),
        ('[meteo]\ncity = "Brest"\ndas = 1', "meteo.das: unknown setting"),
        ('owner = "bob@gov.example"\n[meteo]\ncity = "B"', "needs text_key_file"),
        ('owner = "Bob"\ntext_key_file = "k"\n[meteo]\ncity = "B"', "bot.owner: "),
        ('[meteo]\ncity = "B"\n[limits]\nburst = 0', "limits.burst: "),
        (
            '[meteo]\ncity = "B"\n[[permissions]]\ncommand = "*"\nwho = ["tout le monde"]',
            "permissions.0.who.0: ",
        ),
        (
            '[meteo]\ncity = "B"\n[[permissions]]\ncommand = "pluie"\nwho = ["everyone"]',
            "permissions.0.command: meteo has no command “pluie”; it has: météo.",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, where: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        read_settings(meteo(), path)
    said = caught.value.text.in_language("en")
    assert said.startswith(f"{path}: ")
    assert where in said
    assert "Value error" not in said


async def test_limits_are_the_configurations() -> None:
    settings = {"meteo": {"city": "Brest"}, "limits": {"per_sender": 1, "burst": 1}}
    async with talking(meteo(), people=[someone("a@gov.example")], settings=settings) as chat:
        assert await chat.say("a@gov.example", "météo") == "Brest 3"
        assert "plus vite" in str(await chat.say("a@gov.example", "météo"))
        await chat.pass_time(seconds=61)
        assert await chat.say("a@gov.example", "météo") == "Brest 3"


async def test_a_room_in_which_many_ask_has_a_limit_of_its_own() -> None:
    room, many = "grp-1@rooms.gov.example", 30
    settings = {
        "meteo": {"city": "Brest"},
        "limits": {"per_room": 60, "burst": 5},
        "permissions": [{"command": "*", "who": ["everyone"], "rooms": [room]}],
    }
    async with talking(meteo(), settings=settings) as chat:
        asked = [Incoming(f"p{n}@gov.example", "météo", None, f"{n}", room) for n in range(many)]
        said = [await chat.running._router.answer(one) for one in asked]
        assert said.count("Brest 3") == 10
        assert all("plus vite" in str(text) for text in said[10:])
