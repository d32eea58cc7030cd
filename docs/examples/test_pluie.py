from datetime import UTC, datetime

from pluie import bot

from xmppgov.bot.testing import talking

ALICE = "alice@gov.example"


async def test_it_answers():
    async with talking(bot, settings={"city": "Lyon"}) as chat:
        assert await chat.say(ALICE, "Pluie 3") == "Il pleut à Lyon dans 3 jours."
        assert "il faut au plus 9" in await chat.say(ALICE, "pluie 12")


async def test_subscribers_read_it_in_the_morning():
    async with talking(bot, at=datetime(2027, 1, 18, 5, tzinfo=UTC)) as chat:
        await chat.say(ALICE, "abonne")
        await chat.pass_time(hours=2)
        assert [(sent.to, sent.text) for sent in chat.sent] == [(ALICE, "Il pleut à Brest.")]
