"""A letter reaches each person once, lies sealed meanwhile, and is erased when nobody needs it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from xmppgov.bot import Bot
from xmppgov.bot.letters.store import SCHEMA, LetterStore
from xmppgov.bot.outbox.model import NEEDS_TEXT
from xmppgov.bot.testing import Chat, talking
from xmppgov.errors import ConfigurationError, NotFound
from xmppgov.i18n import Text

ALICE, BOB, CAROL = (f"{name}@gov.example" for name in ("alice", "bob", "carol"))
DAY = timedelta(days=1)


def bot() -> Bot:
    """A bot that does nothing by itself."""
    return Bot("facteur", introduction="Je distribue.")


async def kept(chat: Chat) -> int:
    """Return how many texts the database holds."""
    return await LetterStore(chat.running.database).count()


async def test_the_same_reference_to_the_same_person_is_one_message() -> None:
    async with talking(bot()) as chat:
        send = chat.running.letters.send
        await send([ALICE, BOB, ALICE], "un", reference="r", life=DAY)
        await chat.quiet()
        await send([BOB, CAROL], "deux", reference="r", life=DAY)
        await send(BOB, "trois", reference="s", life=DAY)
        await chat.quiet()
        assert sorted((s.to, s.text, s.reference) for s in chat.sent) == [
            (ALICE, "un", "r"),
            (BOB, "trois", "s"),
            (BOB, "un", "r"),
            (CAROL, "deux", "r"),
        ]
        assert await kept(chat) == 0


async def test_a_letter_is_committed_with_its_senders_rows_or_not_at_all() -> None:
    async with talking(bot()) as chat:
        database, send = chat.running.database, chat.running.letters.send
        with suppress(RuntimeError):
            async with database.transaction() as tx:
                await send(ALICE, "jamais", reference="r", life=DAY, tx=tx)
                raise RuntimeError
        await chat.quiet()
        assert chat.sent == []
        assert await kept(chat) == 0
        async with database.transaction() as tx:
            await send(ALICE, "toujours", reference="r", life=DAY, tx=tx)
        await chat.quiet()
        assert [sent.text for sent in chat.sent] == ["toujours"]


async def test_who_has_no_keys_gets_it_later_or_never_and_the_text_goes() -> None:
    async with talking(bot(), keyless=[ALICE, BOB]) as chat:
        await chat.running.letters.send(ALICE, "long", reference="a", life=DAY)
        await chat.running.letters.send(BOB, "court", reference="b", life=timedelta(minutes=3))
        await chat.pass_time(minutes=2)
        assert await kept(chat) == 2
        await chat.pass_time(minutes=2)
        assert await kept(chat) == 1
        chat.keyless.clear()
        await chat.pass_time(minutes=10)
        assert [sent.text for sent in chat.sent if sent.reference in "ab" and sent.reference]
        assert [sent for sent in chat.sent if sent.text == "court"] == []
        assert await kept(chat) == 0


async def test_nothing_of_a_text_is_left_on_the_disk(tmp_path: Path) -> None:
    async with talking(bot(), keyless=[ALICE], folder=tmp_path) as chat:
        await chat.running.letters.send(ALICE, "secret", reference="r", life=timedelta(minutes=1))
        await chat.quiet()
        stored = await LetterStore(chat.running.database).sealed("letter:r", ALICE)
        assert stored
        assert stored in content(tmp_path)
        assert b"secret" not in content(tmp_path / "state")
        await chat.pass_time(minutes=20)
        assert stored not in content(tmp_path)


def content(folder: Path) -> bytes:
    """Return the bytes of every file."""
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


async def test_another_key_is_noticed_at_the_start(tmp_path: Path) -> None:
    async with talking(bot(), keyless=[ALICE], folder=tmp_path) as chat:
        await chat.running.letters.send(ALICE, "texte", reference="r", life=DAY)
    (tmp_path / "secrets" / "text-key").write_text("another key, and long enough as such")
    with pytest.raises(ConfigurationError, match=r"bot\.text_key_file"):
        async with talking(bot(), folder=tmp_path):
            pass


async def test_a_letter_is_remembered_for_months_and_then_forgotten() -> None:
    async with talking(bot()) as chat:
        await chat.running.letters.send(ALICE, "un", reference="r", life=DAY)
        await chat.quiet()
        for day, texts in ((89, ["un"]), (92, ["un", "un"])):
            chat.clock._start += day * 86400  # as if the bot had been away
            await chat.pass_time(minutes=11)
            await chat.running.letters.send(ALICE, "un", reference="r", life=DAY)
            await chat.quiet()
            assert [sent.text for sent in chat.sent] == texts
            chat.clock._start -= day * 86400


async def test_a_text_is_said_in_the_language_that_is_asked_for() -> None:
    text = Text("xmppgov.bot", "Did you mean “{word}”?", {"word": "x"})
    async with talking(bot()) as chat:
        await chat.running.letters.send(ALICE, text, reference="fr", life=DAY)
        await chat.running.letters.send(ALICE, text, reference="en", life=DAY, language="en")
        await chat.quiet()
        assert {s.reference: s.text[:3] for s in chat.sent} == {"fr": "Vou", "en": "Did"}


@pytest.mark.parametrize("jid", ["alice", "alice@gov.example/phone", "Alice@gov.example"])
async def test_an_address_that_is_none(jid: str) -> None:
    async with talking(bot()) as chat:
        with pytest.raises(ValueError, match="no bare address"):
            await chat.running.letters.send(jid, "x", reference="r", life=DAY)
        with pytest.raises(ValueError, match="life"):
            await chat.running.letters.send(ALICE, "x", reference="r", life=timedelta())
        with pytest.raises(NotFound):
            await chat.running.letters.render("letter:r", ALICE)


async def test_without_a_key_no_letter_is_sent() -> None:
    async with talking(bot(), settings={"bot": {"text_key_file": None}}) as chat:
        with pytest.raises(ConfigurationError, match=r"bot\.text_key_file"):
            await chat.running.letters.send(ALICE, "x", reference="r", life=DAY)
        assert await chat.running.outbox.states("letter:r") == []


def test_the_trigger_knows_the_states_in_which_a_text_is_needed() -> None:
    needed = ", ".join(f"'{state}'" for state in NEEDS_TEXT)
    assert f"NOT IN ({needed})" in SCHEMA.scripts[0]
