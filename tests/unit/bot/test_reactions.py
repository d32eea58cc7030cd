"""Reactions, in clear and as quotations: read, bounded, and never taken for words."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot.model import is_sign, quoted_reaction
from xmppgov.bot.stanza import LONGEST_REACTION, MOST_REACTIONS, REACTIONS, reactions


@pytest.mark.parametrize("text", ["👍", "👍🏽", "❤️", "🆗", "👨‍👩‍👧", "✅ 👌", "☑", "🫡"])
def test_signs(text: str) -> None:
    assert is_sign(text)
    assert quoted_reaction(f"> Le texte\n> va loin…\n{text}") == ("Le texte va loin…", text)


@pytest.mark.parametrize(
    "text", ["", "ok", "👍 ok", "1", "?", "👍?", "> seul", "> a\nb\n👍", "👍\n> a", "👍" * 65]
)
def test_what_is_no_reaction(text: str) -> None:
    assert quoted_reaction(text) is None
    assert quoted_reaction(f"> a\n{text}") is None or is_sign(text)


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    found = quoted_reaction(text)
    assert found is None or is_sign(found[1])


@given(st.lists(st.text(max_size=100)), st.text())
def test_reactions_are_bounded(signs: list[str], id: str) -> None:
    message = ET.Element("message")
    element = ET.SubElement(message, f"{REACTIONS}reactions", {"id": id})
    for sign in signs:
        ET.SubElement(element, f"{REACTIONS}reaction").text = sign
    found = reactions(message)
    assert (found is None) == (id == "")
    if found:
        assert len(found[1]) <= MOST_REACTIONS
        assert all(0 < len(sign) <= LONGEST_REACTION for sign in found[1])
