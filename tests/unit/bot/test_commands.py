"""Words, synonyms, languages and help of commands; the limit on askers."""

from xml.etree import ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from xmppgov.bot.commands import Command, Commands, Question, fold
from xmppgov.bot.limits import Limit
from xmppgov.bot.stanza import FALLBACK, encrypted_message, read
from xmppgov.i18n import Text


def commands() -> Commands:
    async def answer(question: Question) -> str:
        return f"{question.argument}|{question.language}"

    made = Commands(Text("xmppgov", "Introduction"))
    made.add(Command("Démêle", ("trie",), ("sort",), Text("xmppgov", "démêle X"), answer))
    return made


async def test_case_and_accents_do_not_matter() -> None:
    assert await commands().answer("a@x", " DEMELE  un deux ", "en") == "un deux|fr"
    assert await commands().answer("a@x", "/sort x", "fr") == "x|en"


async def test_the_unknown_is_explained() -> None:
    assert await commands().answer("a@x", "aide", "en") == "Introduction\n• démêle X"
    said = str(await commands().answer("a@x", "demelle x", "fr"))
    assert said.startswith("Voulez-vous dire « Démêle » ?")


@given(st.text())
async def test_no_text_breaks_it(text: str) -> None:
    assert await commands().answer("a@x", text, None)


@given(st.text())
@example("ᴬ")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_the_limit_lets_through_what_it_says() -> None:
    limit = Limit(burst=2, rate=0.5, askers=3)
    assert [limit.allow("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.allow("b", 0.0)
    assert not limit.allow("a", 1.0)
    assert limit.allow("a", 2.1)


@given(st.from_regex(r"[a-z'&<>\"]{1,9}@[a-z]{1,9}\.[a-z]{2}", fullmatch=True), st.uuids())
def test_a_message_is_read_as_written(jid: str, id: object) -> None:
    cipher = ET.Element("{eu.siacs.conversations.axolotl}encrypted")
    message = read(encrypted_message(jid, str(id), cipher))
    assert message.get("to") == jid
    assert message.get("id") == str(id)
    assert message.findtext("{jabber:client}body") == FALLBACK
