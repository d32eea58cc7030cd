"""The wire: the documented example, round trips, and every way to be malformed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.archive.batches import batch, hole, record
from xmppgov.archive.batch import (
    EVENTS,
    KINDS,
    Batch,
    CountedMessage,
    Hole,
    Item,
    Progress,
    WireRecord,
)
from xmppgov.archive.stanza import (
    NS,
    committed,
    parse_batch,
    parse_seq,
    parse_status,
    write_batch,
    write_status,
)
from xmppgov.errors import BadRequest

PAGE = Path(__file__).parents[3] / "docs" / "protocol" / "archive.md"
TWO = batch(7, record(1), record(2, in_room=True))
addresses = st.from_regex(r"\A([a-zé0-9._-]{1,20}@)?[a-z0-9.-]{1,20}\Z")
ids = st.none() | st.from_regex(r"\A[A-Za-z0-9_.:-]{1,64}\Z") | st.just("sha256:" + "0f" * 32)


def parse(xml: str) -> Batch:
    return parse_batch(ET.fromstring(xml))


def test_the_page_s_example_is_read() -> None:
    example = re.search(r"<batch.*?</batch>", PAGE.read_text("utf-8"), re.DOTALL)
    assert example is not None
    found = parse(example[0].replace("3f0c…", "3f0c").replace("1763…", "1763"))
    assert found[:3] == (1763864000, 41, 44)
    assert found.waiting == 0
    assert found.items[0] == Hole(41, 41, "boot")
    assert [type(item) for item in found.items[1:]] == [WireRecord, WireRecord, CountedMessage]
    assert committed(1763864000, 44) in PAGE.read_text("utf-8")


def test_the_page_s_examples_of_other_emitters_are_read_and_written() -> None:
    page = PAGE.read_text("utf-8").partition("# Emitters that are no servers")[2]
    found = [parse(xml) for xml in re.findall(r"<batch.*?</batch>", page, re.DOTALL)]
    records = [item for one in found for item in one.items if isinstance(item, WireRecord)]
    assert {record.kind for record in records} == EVENTS
    assert all(int(r.id.replace("-", "")[:12], 16) == r.t for r in records)
    assert [parse(write_batch(one)) for one in found] == found
    (asked,) = re.findall(r"<status .*?/>", page)
    assert parse_status(ET.fromstring(asked)) == Progress(1763864002, 0)
    assert write_status(Progress(1763864002, 0)) == asked


def test_a_refusal_names_its_number() -> None:
    seen = ET.fromstring(f'<known xmlns="{NS}" seq="42"/>')
    assert parse_seq(seen, "known") == 42
    for detail, name in (
        (None, "known"),
        (seen, "expected"),
        (ET.fromstring('<known xmlns="other" seq="42"/>'), "known"),
        (ET.fromstring(f'<known xmlns="{NS}" seq="x"/>'), "known"),
        (ET.fromstring(f'<known xmlns="{NS}"/>'), "known"),
    ):
        assert parse_seq(detail, name) is None


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    seq = draw(st.integers(1, 2**40))
    items: list[Item] = []
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            items.append(CountedMessage(seq, draw(st.none() | addresses)))
            seq += 1
            continue
        if draw(st.booleans()):
            wide = draw(st.integers(0, 1000))
            items.append(Hole(seq, seq + wide, draw(st.sampled_from(["boot", "lost"]))))
            seq += wide + 1
            continue
        kind = draw(st.sampled_from(sorted(KINDS)))
        in_room = kind in ("groupchat", "subject", "joined", "left")
        membership = kind in ("joined", "left")
        room = draw(addresses) if in_room or kind == "muc-pm" else None
        event = membership or (kind in EVENTS and draw(st.booleans()))
        items.append(
            record(
                seq,
                kind=kind,
                room=room,
                to=None if in_room else draw(addresses),
                n=draw(st.none() | st.integers(0, 500)) if room and not membership else None,
                sender=draw(addresses),
                size=None if event else draw(st.integers(0, 10**6)),
                enc=None if event else "none",
                oid=draw(ids),
                sid=draw(ids),
                path=draw(st.sampled_from(["c2s", "s2s-in", "s2s-out", "component", "local"])),
            )
        )
        seq += 1
    waiting = draw(st.none() | st.integers(0, 10**6))
    return batch(draw(st.integers(0, 2**32 - 1)), *items, waiting=waiting)


@given(batches())
def test_a_batch_is_read_as_it_was_written(value: Batch) -> None:
    assert parse(write_batch(value)) == value


def test_content_tells_records_apart() -> None:
    base = record(1)
    seen = {base.content()}
    changes = (
        {"id": "019ab0c4-7d6e-7c55-8f0e-ffffffffffff", "t": 1, "kind": "normal", "path": "local"}
        | {"sender": "x@y", "to": "x@y", "room": "x@y", "n": 1, "size": 1, "enc": "none"}
        | {"oid": None, "sid": None, "state": "unconfirmed"}
    )
    for name, value in changes.items():
        seen.add(base._replace(**{name: value}).content())
    assert len(seen) == len(changes) + 1


CHANGES = [
    (' epoch="7"', ""),
    (' epoch="7"', ' epoch="4294967296"'),
    (' epoch="7"', ' epoch="-7"'),
    (' epoch="7"', ' epoch="07"'),
    (' epoch="7"', ' epoch="٧"'),
    (' epoch="7"', ' epoch="7" body="x"'),
    (' first="1"', ' first="0"'),
    (' last="2"', ' last="3"'),
    (' seq="2"', ' seq="3"'),
    (' seq="2"', ' seq="1"'),
    (' kind="chat"', ' kind="other"'),
    (' kind="chat"', ""),
    (' kind="chat"', ' kind="groupchat"'),
    (' kind="chat"', ' kind="muc-pm"'),
    (' kind="groupchat"', ' kind="chat" to="a@b/resource"'),
    (' to="bob@gov.localhost"', ""),
    (' from="alice@gov.localhost"', ' from="alice@gov.localhost/phone"'),
    (' from="alice@gov.localhost"', ' from=""'),
    (' from="alice@gov.localhost"', ' from="a@b@c"'),
    (' from="alice@gov.localhost"', ' from="a b"'),
    (' enc="omemo:siacs"', ' enc="clear"'),
    (' state="accepted"', ' state="accepted" nick="Bob"'),
    (' state="accepted"', ' state="sent"'),
    (' oid="origin-1"', ' oid="a b"'),
    (' oid="origin-1"', f' oid="{"x" * 65}"'),
    (' sid="stanza-1"', ' sid=""'),
    (' n="12"', ' n="many"'),
    (' to="bob@gov.localhost"', ' to="bob@gov.localhost" n="2"'),
    ("<record", "text<record"),
    ("<record", "<other/><record"),
    ("<record", '<record xmlns="other"'),
    ("</batch>", "text</batch>"),
    (' path="c2s"', ' path="wire"'),
    ("-7c55-", "-4c55-"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_what_the_protocol_does_not_name_is_refused(old: str, new: str) -> None:
    xml = write_batch(TWO)
    assert old in xml
    with pytest.raises(BadRequest):
        parse(xml.replace(old, new, 1))


def test_a_record_holds_nothing_inside() -> None:
    xml = write_batch(TWO).replace('from="alice@gov.localhost"/>', 'from="a@b"><x/></record>', 1)
    with pytest.raises(BadRequest):
        parse(xml)
    with pytest.raises(BadRequest):
        parse(f'<batch xmlns="{NS}" epoch="1" first="1" last="0"/>')
    with pytest.raises(BadRequest):
        parse(write_batch(batch(7, hole(3, 2))))


def test_a_status_names_an_epoch() -> None:
    assert parse_status(ET.fromstring(f'<status xmlns="{NS}" epoch="9"/>')) == Progress(9)
    for wrong in ("<status/>", '<status epoch="x"/>', '<status epoch="1" a="b"/>'):
        with pytest.raises(BadRequest):
            parse_status(ET.fromstring(wrong))
