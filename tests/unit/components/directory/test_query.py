"""Queries: what must be found, what is welcome, and which match is better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.errors import BadRequest
from xmppgov_directory.query import FIELDS, Candidate, Query, Word, parse, rank


def test_the_last_word_of_each_field_may_go_on() -> None:
    query = parse({"q": "Marie-Thérèse dup", "body": "fin"})
    assert query.words == (
        Word("marie"), Word("therese"), Word("dup", prefix=True), Word("fin", "body", True)
    )  # fmt: skip


def test_particles_are_welcome_and_not_required() -> None:
    query = parse({"q": "de la tour d'auvergne"})
    assert [word.text for word in query.words] == ["tour", "auvergne"]
    assert query.particles == {"de", "la", "d"}
    assert [word.text for word in parse({"q": "de la"}).words] == ["de", "la"]


def test_of_an_address_the_local_part_counts() -> None:
    assert [w.text for w in parse({"q": "camille.durand@gov.localhost"}).words] == [
        "camille",
        "durand",
    ]


@pytest.mark.parametrize("text", ["", " ", "d", "*", "%", "a b", "d'", "🙂", "x" * 201, "ab " * 13])
def test_too_little_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse({"q": text})


@given(st.dictionaries(st.sampled_from([*FIELDS, "email", ""]), st.text(max_size=80)))
def test_any_form_is_a_query_or_refused(fields: dict[str, str]) -> None:
    try:
        query = parse(fields)
    except BadRequest:
        return
    assert query.words
    assert all(word.text.isalnum() for word in query.words)
    assert any(len(word.text) >= 2 for word in query.words)


def order(query: str, *people: Candidate) -> list[Candidate]:
    """Return people as a search would order them."""
    return sorted(people, key=lambda person: rank(parse({"q": query}), person))


def test_exact_before_prefix_and_family_before_given_before_body() -> None:
    family = Candidate("martin", "jean", "", "")
    given_ = Candidate("dubois", "martin", "", "")
    body = Candidate("dubois", "jean", "", "mairie saint martin")
    longer = Candidate("martineau", "jean", "", "")
    assert order("martin", longer, body, given_, family) == [family, given_, body, longer]


def test_the_whole_name_before_one_that_has_more() -> None:
    whole, double = Candidate("martin", "jean", "", ""), Candidate("martin dubois", "jean", "", "")
    turned = Candidate("jean", "martin", "", "")
    assert order("jean martin", double, turned, whole) == [whole, turned, double]
    assert order("martin", double, whole) == [whole, double]


def test_a_particle_breaks_a_tie() -> None:
    plain, noble = Candidate("gaulle", "charles", "", ""), Candidate("de gaulle", "charles", "", "")
    assert order("de gaulle", plain, noble) == [noble, plain]
    assert order("gaulle", noble, plain) == [plain, noble]


def test_rank_is_total() -> None:
    assert rank(Query((Word("x"),)), Candidate("", "", "", ""))
