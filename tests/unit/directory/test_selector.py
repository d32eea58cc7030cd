"""What an audience's words mean: read as written, and whatever names nobody is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.directory.model import ROLE
from xmppgov.directory.selector import MOST_SELECTORS, Selector, parse_audience, write_audience
from xmppgov.errors import BadRequest

ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,62}", fullmatch=True)
WORD = st.from_regex(ROLE, fullmatch=True)
SELECTORS = st.one_of(
    st.builds(Selector, st.sampled_from(["person", "group", "room", "body", "list"]), ID),
    st.builds(Selector, st.sampled_from(["group", "body"]), ID, WORD),
    st.builds(Selector, role=WORD),
)


@given(st.lists(SELECTORS, min_size=1, max_size=MOST_SELECTORS, unique=True).map(tuple))
def test_an_audience_is_read_as_written(selectors: tuple[Selector, ...]) -> None:
    assert parse_audience(write_audience(selectors)) == selectors


@given(st.text())
def test_any_text_is_an_audience_or_refused(text: str) -> None:
    try:
        found = parse_audience(text)
    except BadRequest:
        return
    assert write_audience(found) == " ".join(dict.fromkeys(text.split()))


def test_the_words() -> None:
    assert parse_audience("role:duty@body:sgg  list:crise\trole:duty@body:sgg person:a@b") == (
        Selector("body", "sgg", "duty"),
        Selector("list", "crise"),
        Selector("person", "a@b"),
    )
    assert Selector.parse("role:chair") == Selector(role="chair")
    assert Selector.parse("role:chair@group:g") == Selector("group", "g", "chair")


@pytest.mark.parametrize(
    "wrong",
    [
        "everybody", "person:", "body", "role:", "role:Chair", "role:1", "role:duty@", "role:a@b",
        "role:duty@list:l", "role:duty@room:r", "role:duty@person:p", "Body:an", ":an", "present:g",
    ],
)  # fmt: skip
def test_a_fault_names_the_selector(wrong: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_audience(f"body:an {wrong} group:g")
    assert refused.value.text.in_language("en").startswith(f"“{wrong}” names nobody; write ")


@pytest.mark.parametrize("nothing", ["", " ", "\t\n"])
def test_nothing_is_no_audience(nothing: str) -> None:
    with pytest.raises(BadRequest):
        parse_audience(nothing)


def test_there_may_be_fifty() -> None:
    whole = " ".join(f"person:p{n}" for n in range(MOST_SELECTORS))
    assert len(parse_audience(whole)) == MOST_SELECTORS
    with pytest.raises(BadRequest) as refused:
        parse_audience(f"{whole} body:an")
    assert refused.value.text.in_language("en") == "An audience has at most 50 selectors."
