"""Which answers acknowledge, and which only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot.model import Incoming, Target
from xmppgov_alerts.answer import Answer, read
from xmppgov_alerts.model import How


def acknowledges(text: str) -> bool:
    return read(Incoming("a@b", text, "fr", "s")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ok", "OK", "Ok.", "reçu", "RECU", "rec\u0327u", "Bien reçu, merci !", "vu",
        "j'ai lu", "👍",
        "👍🏽", "✔️", "received", "Got it, thanks. Received", "reçu\n",
        "> ALERTE GRAVE\nreçu", "c'est noté",
        "Reçu 👍", "D'accord, bien reçu",
    ],
)  # fmt: skip
def test_acknowledgements(text: str) -> None:
    assert acknowledges(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "reçu ?", "pas reçu", "not received", "👎", "merci", "oui", "> reçu", "aide",
        "annule",
        "ok mais je suis absent", "ok" * 200, "vu " * 100,
    ],
)  # fmt: skip
def test_others(text: str) -> None:
    assert not acknowledges(text)


@given(st.text())
def test_no_text_whatever_raises(text: str) -> None:
    acknowledges(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("reçu", Answer(How.WORD)),
        ("reçu 7F3K", Answer(How.COMMAND, "7F3K")),
        ("OK 7f3k.", Answer(How.COMMAND, "7F3K")),
        ("bien reçu l'alerte 7O3L, merci", Answer(How.COMMAND, "7031")),
        ("👍", Answer(How.SIGN)),
        ("👍 7F3K", Answer(How.SIGN, "7F3K")),
        ("> 🟠 *ALERTE GRAVE* n° 7F3K\n> Évacuez.\nreçu", Answer(How.WORD, "7F3K", 1)),
        ("7F3K", None),
        ("reçu 7F3K 8F3K", None),
        ("pas reçu 7F3K", None),
        ("reçu 7F3K ?", None),
        ("rien reçu", None),
        ("reçu mais", None),
    ],
)
def test_what_an_answer_names(text: str, answer: Answer | None) -> None:
    assert read(Incoming("a@b", text, "fr", "s")) == answer


@pytest.mark.parametrize(
    ("quote", "number", "version"),
    [
        ("🔴 *ALERTE EXTRÊME* n° 7F3K Nous", "7F3K", 1),
        ("🔴 *EXTREME ALERT* No. 7F3K (version 12) x", "7F3K", 12),
        ("n° 7F3K (version 2) : mise à jour, relisez-la.", "7F3K", 2),
        ("rendez-vous salle 7F3K", None, None),
        ("n° 7F3KX", None, None),
    ],
)
def test_a_sign_is_for_what_it_quotes(quote: str, number: str | None, version: int | None) -> None:
    quoted = Incoming("a@b", "👍", "fr", "s", target=Target(quote=quote))
    assert read(quoted) == Answer(How.SIGN, number, version)
    clear = Incoming("a@b", "👍", "fr", "s", target=Target(id="x"), encrypted=False)
    assert read(clear) == Answer(How.REACTION)
