"""Which answers acknowledge, and which only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov_alerts.answer import acknowledges


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
