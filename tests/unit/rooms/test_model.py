"""Nicknames are unique; a difference names everything that changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.rooms.model import CHAIR, Member, difference, nicknames

names = st.text(alphabet="abAB éœ'-", max_size=4)
addresses = st.from_regex(r"[a-c]{1,2}@[ab]\.example", fullmatch=True)


@given(st.dictionaries(addresses, names, max_size=12))
def test_nicknames_are_unique_and_never_empty(people: dict[str, str]) -> None:
    told = nicknames(list(people.items()))
    assert set(told) == set(people)
    assert all(told.values())
    assert len({n.casefold() for n in told.values()}) == len(told)


def test_namesakes_are_told_apart_and_nobody_else_is_touched() -> None:
    told = nicknames(
        [("jm1@a", "Jean Martin"), ("jm2@a", "jean  martin"), ("x@a", "Anne Roy"), ("y@a", " ")]
    )
    assert told == {
        "jm1@a": "Jean Martin (jm1)",
        "jm2@a": "jean martin (jm2)",
        "x@a": "Anne Roy",
        "y@a": "y",
    }


def test_difference() -> None:
    before = [Member("a@x", "A"), Member("b@x", "B"), Member("c@x", "C")]
    after = [Member("b@x", "B", CHAIR), Member("c@x", "C"), Member("d@x", "D")]
    found = difference(before, after)
    assert (found.added, found.removed, found.changed) == (("d@x",), ("a@x",), ("b@x",))
    assert difference(after, reversed(after)).empty
