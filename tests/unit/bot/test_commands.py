"""Words, synonyms, languages and help of commands; the limit on askers."""

from xml.etree import ElementTree as ET

from hypothesis import example, given
from hypothesis import strategies as st

from xmppgov.bot.limits import Limit
from xmppgov.bot.questions.dispatch import Commands
from xmppgov.bot.questions.model import Command, fold
from xmppgov.bot.stanza import FALLBACK, encrypted_message, read
from xmppgov.i18n import Text


async def nothing(_context: object) -> None:
    """Do nothing."""


SORT = Command("Démêle", Text("xmppgov", "démêle X"), nothing, ("trie",), ("sort",))
OTHER = Command("Secret", Text("xmppgov", "secret"), nothing)


def commands() -> Commands:
    made = Commands(Text("xmppgov", "Introduction"))
    made.add(SORT)
    made.add(OTHER)
    return made


def test_case_and_accents_do_not_matter() -> None:
    asked = commands().find(" DEMELE  un deux ", "en")
    assert asked is not None
    assert (asked.command, asked.text, asked.language) == (SORT, "un deux", "fr")
    asked = commands().find("/sort x", "fr")
    assert asked is not None
    assert asked.language == "en"


def test_the_unknown_is_explained() -> None:
    assert commands().explain("aide", "en", [SORT]) == "Introduction\n• démêle X"
    said = commands().explain("demelle x", "fr", [SORT])
    assert said.startswith("Voulez-vous dire « Démêle » ?")


def test_what_somebody_may_not_ask_is_not_proposed() -> None:
    said = commands().explain("secrat", "fr", [SORT])
    assert "Voulez-vous" not in said
    assert "secret" not in said


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    made = commands()
    assert made.find(text, None) or made.explain(text, None, [SORT])


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
