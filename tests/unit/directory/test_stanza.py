"""The machines' wire: what is written is read back the same, and nonsense is refused."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.directory import stanza
from xmppgov.directory.model import (
    CHAIR,
    MEMBER,
    ROLE,
    Cut,
    Device,
    Entry,
    Member,
    Page,
    Post,
    Room,
    Version,
    page,
    sorted_page,
)
from xmppgov.errors import BadRequest

# Attributes turn line breaks into blanks, and the import refuses control characters.
TEXT = st.text(
    st.characters(
        exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff\u2028\u2029\x85"
    ),
    min_size=1,
)
ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
LANG = st.none() | st.from_regex(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", fullmatch=True)
SEAT = st.sampled_from([CHAIR, MEMBER])
MEMBERS = st.builds(Member, TEXT, TEXT, SEAT, st.none() | TEXT, LANG)
POSTS = st.builds(
    Post, TEXT, TEXT, TEXT, st.from_regex(ROLE, fullmatch=True), st.lists(ID).map(tuple)
)
ENTRIES = st.builds(
    Entry, TEXT, TEXT, st.none() | TEXT, st.lists(POSTS).map(tuple), st.none() | TEXT, LANG
)


def paged(items: list) -> Page:
    """Put items on one page with keys that survive white-space handling."""
    ends = ("first", "last") if items else (None, None)
    return Page(tuple(items), len(items) + 3, 2 if items else 0, *ends)


@given(st.lists(MEMBERS))
def test_members_are_read_as_written(members: list[Member]) -> None:
    written = stanza.write_members("members", paged(members), body="b")
    assert stanza.read_members(ET.fromstring(written)) == paged(members)


@given(ENTRIES)
def test_a_person_is_read_as_written(entry: Entry) -> None:
    assert stanza.read_person(ET.fromstring(stanza.write_person(entry))) == entry


@given(st.lists(ENTRIES))
def test_a_search_is_read_as_written(entries: list[Entry]) -> None:
    assert stanza.read_search(ET.fromstring(stanza.write_search(paged(entries)))) == paged(entries)


@given(st.lists(st.builds(Room, TEXT, TEXT, TEXT)))
def test_rooms_are_read_as_written(rooms: list[Room]) -> None:
    assert stanza.read_rooms(ET.fromstring(stanza.write_rooms(rooms))) == tuple(rooms)


@given(
    st.lists(
        st.builds(
            Device, TEXT, st.integers(1, 2**31 - 1), st.from_regex("[0-9a-f]{64}", fullmatch=True)
        )
    )
)
def test_devices_are_read_as_written(devices: list[Device]) -> None:
    assert stanza.read_devices(ET.fromstring(stanza.write_devices(devices))) == tuple(devices)
    for device in devices:
        assert stanza.read_device(ET.fromstring(stanza.write_device(device)), device.jid) == device


@pytest.mark.parametrize(
    ("id", "fingerprint"),
    [("0", "a" * 64), ("2147483648", "a" * 64), ("-1", "a" * 64), ("²", "a" * 64),
     ("1", "a" * 63), ("1", "g" * 64), ("1", ""), ("", "a" * 64), ("1", "a" * 64 + "\n")],
)  # fmt: skip
def test_what_is_no_device_is_refused(id: str, fingerprint: str) -> None:
    with pytest.raises(BadRequest):
        stanza.read_device(stanza.question("device", id=id, fingerprint=fingerprint), "a@b")


@given(st.integers(0), st.dates())
def test_a_version_is_read_as_written(data: int, day: date) -> None:
    version = Version(data, day)
    assert stanza.read_version(ET.fromstring(stanza.write_version(version))) == version


@given(st.none() | st.integers(0, 10**9 - 1), st.none() | TEXT, st.none() | st.just("") | TEXT)
def test_a_cut_is_read_as_asked(largest: int | None, after: str | None, before: str | None) -> None:
    cut = Cut(largest, after, before)
    assert stanza.read_cut(stanza.question("members", cut)) == cut


@pytest.mark.parametrize("role", ["", "Chair", "1st", "a b", "a" * 32])
def test_a_role_that_is_no_word_is_a_member(role: str) -> None:
    post = stanza.read_person(
        ET.fromstring(
            f"<person id='p' name='n'><post xmlns='{stanza.NAMESPACE}' body='b' name='n' "
            f"role='{role}'/></person>"
        )
    ).posts[0]
    assert (post.role, post.within) == (MEMBER, ())


@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "²", "9" * 10])
def test_a_page_size_is_a_number(value: str) -> None:
    with pytest.raises(BadRequest):
        stanza.read_number(value)


@pytest.mark.parametrize(
    ("read", "xml"),
    [
        (stanza.read_version, "<version data='x' day='2026-11-23'/>"),
        (stanza.read_version, "<version data='1'/>"),
        (stanza.read_person, "<person id='p'/>"),
        (
            stanza.read_members,
            "<members><set xmlns='http://jabber.org/protocol/rsm'><count>x</count></set></members>",
        ),
    ],
)
def test_a_foreign_answer_is_refused(read: object, xml: str) -> None:
    with pytest.raises(BadRequest):
        read(ET.fromstring(xml))  # type: ignore[operator]


@given(st.lists(st.integers(0, 500), unique=True), st.integers(1, 60))
def test_pages_forward_and_backward_cover_a_list_once(items: list[int], size: int) -> None:
    forward: list[int] = []
    part = page(items, str, Cut(size), 50)
    while part.items:
        forward += part.items
        part = page(items, str, Cut(size, after=part.last), 50)
    backward: list[int] = []
    part = page(items, str, Cut(size, before=""), 50)
    while part.items:
        backward = [*part.items, *backward]
        part = page(items, str, Cut(size, before=part.first), 50)
    assert forward == backward == items


@given(st.sets(TEXT), st.integers(1, 60), st.none() | TEXT)
def test_pages_of_sorted_keys_cover_them_once(keys: set[str], size: int, start: str | None) -> None:
    items = sorted(keys)
    forward: list[str] = []
    part = sorted_page(items, Cut(size, after=start), 50)
    while part.items:
        forward += part.items
        assert items[part.index : part.index + len(part.items)] == list(part.items)
        part = sorted_page(items, Cut(size, after=part.last), 50)
    assert forward == [key for key in items if start is None or key > start]
    backward: list[str] = []
    part = sorted_page(items, Cut(size, before=""), 50)
    while part.items:
        backward = [*part.items, *backward]
        part = sorted_page(items, Cut(size, before=part.first), 50)
    assert backward == items
