"""A bot is tried without a server: it answers, sends, waits, and is denied, as a real one."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from xmppgov.bot import OPEN, Bot, Context
from xmppgov.bot.testing import Chat, Sent, someone, talking
from xmppgov.config import Section

ALICE, BOB = "alice@gov.example", "bob@gov.example"


class Rain(Section):
    """`[pluie]`."""

    station: str = "Brest"


def rain() -> Bot:
    """A bot that has a bit of everything."""
    bot = Bot("pluie", introduction="Je dis s'il pleut.", settings=Rain)

    @bot.command("pluie", help="pluie [CITY]: says whether it rains", who=OPEN)
    async def ask(context: Context, city: str = "") -> str:
        return f"Il pleut à {city or context.settings.station}, dit {context.asker.name}."

    @bot.command("préviens", help="préviens: warns", who=["role:chair@body:an"])
    async def warn(context: Context) -> str:
        await context.send([ALICE, BOB], "Prenez un parapluie.", reference="warning")
        return "C'est fait."

    @bot.command("attends", help="attends: waits", who=OPEN)
    async def wait(context: Context) -> str:
        await asyncio.Event().wait()
        return "jamais"

    @bot.command("tais-toi", help="tais-toi: says nothing", who=OPEN)
    async def silent(context: Context) -> None:
        return None

    @bot.every(timedelta(hours=1))
    async def hourly(context: Context) -> None:
        await context.send(ALICE, f"Il est {context.now:%H:%M}.", reference=f"{context.due}")

    return bot


async def test_it_answers_by_name_and_settings() -> None:
    async with talking(rain(), people=[someone(ALICE, name="Alice Durand")]) as chat:
        assert await chat.say(ALICE, "PLUIE Brest") == "Il pleut à Brest, dit Alice Durand."
        assert await chat.say(BOB, "pluie") == f"Il pleut à Brest, dit {BOB}."
        assert await chat.say(ALICE, "tais-toi") is None
        assert "pluie [CITY]" in str(await chat.say(ALICE, "bonjour"))
    async with talking(rain(), settings={"station": "Lyon"}) as chat:
        assert "Lyon" in str(await chat.say(ALICE, "pluie"))


async def test_permissions_and_limits_are_the_real_ones() -> None:
    people = [someone(ALICE, "chair@grp-1 < an"), someone(BOB, "member@grp-1 < an")]
    async with talking(rain(), people=people) as chat:
        assert "role:chair@body:an" in str(await chat.say(BOB, "préviens"))
        assert await chat.say(ALICE, "préviens") == "C'est fait."
        for _ in range(9):
            await chat.say(BOB, "tais-toi")
        assert "plus vite" in str(await chat.say(BOB, "tais-toi"))
        await chat.pass_time(seconds=2)
        assert await chat.say(BOB, "tais-toi") is None
    rules = {"permissions": [{"command": "previens", "who": [f"account:{BOB}"]}]}
    async with talking(rain(), people=people, settings=rules) as chat:
        assert await chat.say(BOB, "préviens") == "C'est fait."
        assert await chat.say(ALICE, "préviens") != "C'est fait."


async def test_what_is_sent_unasked_is_told_from_answers() -> None:
    async with talking(rain(), people=[someone(ALICE, "chair@an")], keyless=[BOB]) as chat:
        await chat.say(ALICE, "préviens")
        first, notice = chat.sent
        assert first == Sent(ALICE, "Prenez un parapluie.", "warning")
        assert (notice.to, "parapluie" in notice.text) == (BOB, False)
        chat.keyless.clear()
        await chat.pass_time(minutes=5)
        assert chat.sent[2:] == [Sent(BOB, "Prenez un parapluie.", "warning")]
        await chat.say(ALICE, "préviens")
        assert len(chat.sent) == 3


async def test_time_passes_only_when_it_is_told_to() -> None:
    async with talking(rain(), at=datetime(2027, 5, 1, 6, 0, tzinfo=UTC)) as chat:
        await chat.pass_time(minutes=59)
        assert chat.sent == []
        await chat.pass_time(hours=2)
        assert [sent.text for sent in chat.sent] == ["Il est 07:00.", "Il est 08:00."]


async def test_a_command_that_hangs_is_given_up_and_stops_nobody() -> None:
    async with talking(rain()) as chat:
        assert await chat.say(ALICE, "attends") is None
        assert "Brest" in str(await chat.say(BOB, "pluie"))
        assert chat.running.answering == 1
        await chat.pass_time(minutes=1)
        assert chat.running.answering == 0


async def test_what_is_said_and_sent_offline_waits() -> None:
    async with talking(rain(), people=[someone(ALICE, "chair@an")]) as chat:
        async with chat.offline():
            assert await chat.say(ALICE, "préviens") is None
            assert chat.sent == []
        await chat.quiet()
        assert [sent.to for sent in chat.sent] == [ALICE, BOB]


async def test_the_same_folder_is_the_same_bot(tmp_path: Path) -> None:
    people = [someone(ALICE, "chair@an")]
    async with talking(rain(), people=people, keyless=[ALICE], folder=tmp_path) as chat:
        await chat.say(ALICE, "préviens")
        assert [sent.to for sent in chat.sent if sent.reference] == [BOB]
        assert b"parapluie" not in contents(tmp_path)
    async with talking(rain(), people=people, folder=tmp_path) as chat:
        await chat.pass_time(minutes=1)
        assert chat.sent == [Sent(ALICE, "Prenez un parapluie.", "warning")]


def contents(folder: Path) -> bytes:
    """Return what lies in a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_the_owner_is_told_once_an_hour_and_nothing_of_what_was_said() -> None:
    bot = rain()

    @bot.command("panne", help="panne: breaks", who=OPEN)
    async def broken(context: Context, words: str) -> str:
        raise KeyError(words)

    async with talking(bot, settings={"bot": {"owner": BOB}}) as chat:
        for _ in range(3):
            assert "interne" in str(await chat.say(ALICE, "panne secret-de-panne"))
        assert [sent.to for sent in chat.sent] == [BOB]
        assert "panne" in chat.sent[0].text
        assert "secret" not in chat.sent[0].text
        await chat.pass_time(hours=1)
        await chat.say(ALICE, "panne secret-de-panne")
        assert [sent.to for sent in chat.sent if "panne" in sent.text] == [BOB, BOB]


@pytest.mark.parametrize("name", ["xmpp", "Pluie", "a-b", ""])
def test_a_name_that_no_table_can_have(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        Bot(name, introduction="x")


async def test_a_chat_can_be_looked_into() -> None:
    async with talking(rain()) as chat:
        assert isinstance(chat, Chat)
        assert chat.running.bot.name == "pluie"


async def test_the_directory_of_a_test_is_asked_as_the_real_one() -> None:
    people = [someone(ALICE, "chair@grp-1 < an", name="Élise Ôt"), someone(BOB, "member@min")]
    bot, found = rain(), []

    @bot.command("qui", help="qui: who", who=OPEN)
    async def who(context: Context, to: str) -> str:
        assert context.directory is not None
        page = await context.directory.search("elise ot", asker=ALICE)
        found.extend([page.count, (await context.directory.person_by_id("alice")).name])
        return " ".join(m.person for m in await context.directory.audience(*to.split()))

    async with talking(bot, people=people) as chat:
        assert await chat.say(ALICE, "qui body:an role:member") == "alice bob"
        assert await chat.say(ALICE, "qui group:an") is None
    assert found[:2] == [1, "Élise Ôt"]
