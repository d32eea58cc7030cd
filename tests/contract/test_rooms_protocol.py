"""The examples of docs/protocol/rooms.md are what our code writes and reads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from xmppgov.rooms import stanza
from xmppgov.rooms.model import Listed, Member, Outcome, Room
from xmppgov.rooms.policy import Stage

PAGE = (Path(__file__).parents[2] / "docs" / "protocol" / "rooms.md").read_text("utf-8")
EXAMPLES = {
    (iq.attrib["id"], iq.attrib["type"]): iq[0]
    for iq in map(ET.fromstring, re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL))
}
ALICE, BOB = "alice@gov.example", "bob@gov.example"


def canonical(xml: ET.Element) -> str:
    return ET.canonicalize(ET.tostring(xml, "unicode"), strip_text=True)


def test_every_example_is_one_of_these() -> None:
    names = {id for id, _ in EXAMPLES}
    assert names == {"r1", "r2", "r3", "r4", "k1", "s1"}


def test_a_room_is_set() -> None:
    room = Room(
        "grp-1",
        "Groupe Horizon",
        (Member(ALICE, "Alice Durand", "chair"), Member(BOB, "Bob Petit")),
        "group",
    )
    assert canonical(stanza.room_request(room)) == canonical(EXAMPLES["r1", "set"])
    assert stanza.read_room_request(EXAMPLES["r1", "set"]) == room
    assert stanza.read_outcome(EXAMPLES["r1", "result"]) == Outcome(1, 0, 0)


def test_rooms_are_read() -> None:
    assert EXAMPLES["r2", "get"].tag == stanza.tag("rooms")
    assert stanza.read_rooms(EXAMPLES["r2", "result"]) == {"grp-1": 2}
    assert stanza.read_listed(EXAMPLES["r3", "result"]) == (
        Listed(ALICE, "Alice Durand", "member", "chair", True),
    )


def test_accounts_are_asked_for() -> None:
    asked = stanza.accounts_request([ALICE, "nobody@gov.example"])
    assert canonical(asked) == canonical(EXAMPLES["r4", "get"])
    assert stanza.read_accounts(EXAMPLES["r4", "result"]) == {
        ALICE: True,
        "nobody@gov.example": False,
    }


def test_notices() -> None:
    assert EXAMPLES["k1", "set"].tag == stanza.CHANGED
    assert stanza.read_changed(EXAMPLES["k1", "set"]) == ALICE
    assert EXAMPLES["s1", "set"].tag == stanza.SYNC


def test_the_page_names_every_stage() -> None:
    assert [s for s in Stage if f"| `{s}` |" not in PAGE] == []
