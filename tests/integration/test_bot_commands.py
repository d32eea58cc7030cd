"""A bot answers people's encrypted questions, each once, and says what it can do."""

from pathlib import Path

from tests.bots import made_bot, running, sentence
from tests.people import person
from xmppgov.bot import OPEN, Context
from xmppgov.demo.prosody import Prosody
from xmppgov.errors import TooMany

BOT, ALICE, BOB = "bot@gov.localhost", "alice@gov.localhost", "bob@gov.localhost"
ACCOUNTS = [BOT, ALICE, BOB]
PROSODY_MODULES = ""


async def test_questions_are_answered(prosody: Prosody, tmp_path: Path) -> None:
    async with made_bot(prosody, BOT, tmp_path) as bot:

        @bot.bot.command(
            "écho", english=("repeat",), help=sentence("écho WORDS: says them again"), who=OPEN
        )
        async def echo(context: Context, words: str) -> str:
            return f"{context.asker.jid} dit {words}"

        @bot.bot.command("panne", help=sentence("panne: breaks"), who=OPEN)
        async def broken(context: Context, words: str) -> str:
            raise KeyError(words)

        @bot.bot.command("trop", help=sentence("trop: is refused"), who=OPEN)
        async def refused(context: Context) -> str:
            raise TooMany(sentence("Not so fast."))

        async with running(bot), person(prosody, ALICE, tmp_path) as alice:
            await alice.send(BOT, "ECHO un deux")
            await alice.wait_for("alice@gov.localhost dit un deux")
            await alice.send(BOT, "ehco un")
            assert "écho WORDS" in (await alice.wait_for("Voulez-vous dire « écho »")).text
            await alice.send(BOT, "ehco one", language="en")
            await alice.wait_for("Did you mean “écho”?")
            await alice.send(BOT, "panne secret-de-panne")
            assert "secret-de-panne" not in (await alice.wait_for("Une erreur interne")).text
            await alice.send(BOT, "trop")
            await alice.wait_for("Not so fast.")
            assert not alice.plain
            assert not alice.errors


async def test_plaintext_never_reaches_a_command(prosody: Prosody, tmp_path: Path) -> None:
    asked: list[str] = []
    async with made_bot(prosody, BOT, tmp_path) as bot:

        @bot.bot.command("écho", help=sentence("écho"), who=OPEN)
        async def echo(context: Context, words: str) -> str:
            asked.append(words)
            return "oui"

        async with running(bot), person(prosody, BOB, tmp_path) as bob:
            bob.say_in_clear(BOT, "écho en clair")
            await bob.send(BOT, "écho chiffré")
            await bob.wait_for("oui")
    assert asked == ["chiffré"]


async def test_strangers_are_not_read(prosody: Prosody, tmp_path: Path) -> None:
    asked: list[str] = []
    async with made_bot(prosody, BOT, tmp_path, domains=("ailleurs.localhost",)) as bot:

        @bot.bot.command("écho", help=sentence("écho"), who=OPEN)
        async def echo(context: Context, words: str) -> str:
            asked.append(words)
            return "oui"

        async with running(bot), person(prosody, BOB, tmp_path) as bob:
            await bob.send(BOT, "écho chiffré")
            # The bot answers this after it has got the message.
            await bob.account.plugin["xep_0030"].get_info(jid=f"{BOT}/bot", timeout=5)
    assert asked == []
