"""Folding: what sounds the same to a French reader is the same, and folding twice adds nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.directory.folding import ascii_words, fold, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Benoît ŒUVRARD", "benoit oeuvrard"),
        ("L'Haÿ-les-Roses", "l hay les roses"),
        ("L’Haÿ–les–Roses", "l hay les roses"),
        ("Lætitia", "laetitia"),
        ("Groß", "gross"),
        ("Łukasz Sørensen", "lukasz sorensen"),
        ("CION_FIN", "cion fin"),
        ("  ", ""),
        ("İstanbul", "istanbul"),
        ("E\u0301lodie", "elodie"),
    ],
)
def test_folds(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_folded_text_is_words_one_blank_apart(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(words(text))
    assert all(word.isalnum() for word in folded.split())


@given(st.text())
def test_case_never_matters(text: str) -> None:
    assert fold(text.casefold()) == fold(text)


@given(st.text())
def test_words_of_addresses_are_ascii(text: str) -> None:
    assert all(word.isascii() and word.isalnum() for word in ascii_words(text))
