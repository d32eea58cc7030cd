"""Folding: the same for every spelling, and once is enough."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from xmppgov.folding import plain


@given(st.text())
@example("ᴬ")
@example("ᾳ")
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert plain(plain(text)) == plain(text)


def test_case_and_accents_do_not_matter() -> None:
    assert plain("ÉLÉONORE") == plain("Eléonore") == "eleonore"
