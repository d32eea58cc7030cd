"""The rooms' wire: what is written is read again, and nonsense is refused."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.errors import BadRequest
from xmppgov.rooms import stanza
from xmppgov.rooms.model import CHAIR, MEMBER, Member, Room

text = st.text(alphabet=st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1)
rooms = st.builds(
    Room,
    text,
    text,
    st.lists(st.builds(Member, text, text, st.sampled_from([CHAIR, MEMBER]))).map(tuple),
    st.just("") | text,
)


@given(rooms)
def test_a_room_is_read_as_it_was_written(room: Room) -> None:
    wire = ET.tostring(stanza.room_request(room), "unicode")
    assert stanza.read_room_request(ET.fromstring(wire)) == room


@pytest.mark.parametrize(
    "wire",
    [
        '<room xmlns="urn:xmppgov:rooms:0"/>',
        '<room xmlns="urn:xmppgov:rooms:0" added="1" removed="x" changed="0"/>',
        '<room xmlns="urn:xmppgov:rooms:0" added="-1" removed="0" changed="0"/>',
    ],
)
def test_a_foreign_outcome_is_refused(wire: str) -> None:
    with pytest.raises(BadRequest):
        stanza.read_outcome(ET.fromstring(wire))


def test_a_bookmark_asks_for_privacy_and_names_the_room() -> None:
    wire = ET.tostring(stanza.bookmark("grp@rooms.example", "Groupe", "Alice"), "unicode")
    assert "whitelist" in wire
    assert 'autojoin="true"' in wire
    assert "grp@rooms.example" in wire


def test_an_invitation_says_nothing_in_clear() -> None:
    xml = stanza.invitation("grp@rooms.example")
    assert dict(xml.attrib) == {"jid": "grp@rooms.example"}
    assert not xml.text
    assert len(xml) == 0


def test_the_newest_payload_is_read() -> None:
    wire = (
        '<pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="n"><item id="1">'
        '<a xmlns="x"/></item><item id="2"><b xmlns="x"/></item><item id="3"/></items></pubsub>'
    )
    found = stanza.read_last_item(ET.fromstring(wire))
    assert found is not None
    assert found.tag == "{x}b"
    assert stanza.read_last_item(ET.fromstring('<pubsub xmlns="x"/>')) is None
