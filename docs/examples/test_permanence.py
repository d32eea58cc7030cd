from permanence import bot

from xmppgov.bot.testing import someone, talking

CHAIR = someone("alice@gov.example", "chair@grp-1 < an")
MEMBER = someone("bob@gov.example", "member@grp-1 < an")


async def test_a_chair_writes_to_all_and_a_member_may_not():
    async with talking(bot, people=[CHAIR, MEMBER]) as chat:
        assert "role:chair@body:an" in await chat.say(MEMBER.jid, "appelle grp-1 Venez")
        chat.keyless.add(MEMBER.jid)
        assert await chat.say(CHAIR.jid, "appelle grp-1 Venez") == "Envoyé à 2 personnes."
        chat.keyless.clear()  # Bob has published his keys again
        await chat.pass_time(minutes=1)
        letters = [sent for sent in chat.sent if sent.text == "Alice : Venez"]
        assert {letter.to for letter in letters} == {CHAIR.jid, MEMBER.jid}
