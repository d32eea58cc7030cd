"""Nicknames are unique; a difference names everything that changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive.emitter.model import Event
from xmppgov.rooms.model import CHAIR, Listed, Member, Room, difference, nicknames
from xmppgov_rooms.model import as_found, came_and_went

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


def test_who_came_and_who_went() -> None:
    before = Room("g", "Groupe", (Member("a@x", "A"), Member("b@x", "B")))
    after = Room("g", "Autre nom", (Member("b@x", "B", CHAIR), Member("c@x", "C")))
    assert came_and_went(before, after, "g@rooms.x") == [
        Event("left", "a@x", room="g@rooms.x"),
        Event("joined", "c@x", room="g@rooms.x"),
    ]
    assert came_and_went(after, after, "g@rooms.x") == []
    assert len(came_and_went(None, after, "g@rooms.x")) == 2


def test_what_the_server_has_is_known_as_it_was_told() -> None:
    told = Room("g", "Groupe", (Member("a@x", "A", CHAIR), Member("b@x", "B")), "group")
    listed = [
        Listed("c@x", "C", "member", "member", False),
        Listed("a@x", "other", "member", "member", True),
        Listed("d@x", "D", "outcast", "member", False),
    ]
    found = as_found(told, listed)
    assert found.members == (Member("a@x", "A", CHAIR), Member("c@x", "C"))
    assert (found.name, found.kind) == ("Groupe", "group")
