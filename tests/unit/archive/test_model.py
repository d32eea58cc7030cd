"""Records, commitments and leaves: the documented vectors, round trips, refusals."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.archive import jcs, model
from xmppgov.archive import leaf as leaves
from xmppgov.archive.jcs import NotCanonical
from xmppgov.archive.leaf import EmitterStart, Gap
from xmppgov.archive.model import RecordInvalid
from xmppgov.tlog.merkle import leaf_hash, tree_hash

VECTORS = Path(__file__).parents[3] / "docs" / "protocol" / "archive-vectors.json"
RECORD: dict[str, Any] = {
    "v": 1,
    "kind": "msg.direct",
    "id": "019ab0c4-7d6e-7c55-8f0e-5a1f5be0c7aa",
    "t": 1763864012345,
    "from": "A" * 22,
    "to": "B" * 22,
    "org": "unknown",
    "class": "messages",
    "basis": "public-task",
    "scope": "internal",
    "enc": "omemo:0",
    "size": 2048,
    "em": "1/1763864000",
    "es": 42,
    "ref": "C" * 22,
    "state": "accepted",
}
ROOM = {**RECORD, "kind": "msg.room", "room": "R" * 22, "n": 12}
del ROOM["to"]
values = st.text(st.characters(codec="utf-8"), max_size=30) | st.integers(0, 2**53 - 1)


def definition(record: dict[str, Any], secret: bytes) -> bytes:
    """The commitment as docs/protocol/archive.md words it."""
    stream = hashlib.shake_256(b"xmppgov/salt/v1\0" + secret).digest(32 * 20)
    leaves = []
    for n, name in enumerate(model.FIELDS):
        value = jcs.encode_value(record[name]) if name in record else b""
        salt = stream[32 * n : 32 * n + 32]
        leaves.append(salt + bytes([len(name)]) + name.encode() + value)
    return tree_hash([leaf_hash(leaf) for leaf in leaves])


@pytest.mark.parametrize("record", [RECORD, ROOM])
@pytest.mark.parametrize("secret", [bytes(32), bytes(range(32))])
def test_the_commitment_is_its_definition(record: dict[str, Any], secret: bytes) -> None:
    fields = model.encode_fields(record)
    assert model.commitment(fields, secret) == definition(record, secret)
    assert model.canonical(fields) == jcs.encode(record)


def test_the_documented_vectors() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8"))["records"]:
        secret, record = bytes.fromhex(vector["secret"]), vector["record"]
        canonical = jcs.encode(record)
        assert canonical.decode() == vector["canonical"]
        assert model.parse_record(canonical) == record
        fields = model.encode_fields(record)
        assert [c.hex() for c in model.field_commitments(fields, secret)] == vector["fields"]
        root = model.commitment(fields, secret)
        assert root.hex() == vector["commitment"]
        numbers = (*model.emitter_numbers(record["em"]), record["es"])
        leaf = leaves.data_leaf(*numbers, root)
        assert leaf.hex() == vector["leaf"]
        assert leaf_hash(leaf).hex() == vector["leaf_hash"]
        assert leaves.parse_leaf(leaf) == (*numbers, root)


def test_the_documented_control_entries() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8"))["controls"]:
        leaf = bytes.fromhex(vector["leaf"])
        assert leaf == b"\1\2" + vector["canonical"].encode()
        control = leaves.parse_leaf(leaf)
        assert not isinstance(control, tuple)
        assert leaves.control_leaf(control) == leaf


def test_one_field_can_be_disclosed_without_the_others() -> None:
    secret = bytes(range(32))
    fields = model.encode_fields(RECORD)
    hidden = model.field_commitments(fields, secret)
    place = model.FIELDS.index("t")
    salt = model.salts(secret)[place]
    shown = model.field_commitment(salt, "t", jcs.encode_value(RECORD["t"]))
    assert model.fold([*hidden[:place], shown, *hidden[place + 1 :]]) == model.commitment(
        fields, secret
    )
    lie = model.field_commitment(salt, "t", b"1")
    assert lie != hidden[place]


@given(st.dictionaries(st.sampled_from(model.FIELDS), values))
def test_what_is_encoded_is_read_back_and_what_is_read_is_encoded_the_same(
    record: dict[str, Any],
) -> None:
    try:
        data = jcs.encode(record)
    except NotCanonical:
        return
    assert jcs.decode(data) == record
    assert jcs.encode(jcs.decode(data)) == data
    assert json.loads(data) == record


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_that_are_read_are_the_only_form(data: bytes) -> None:
    try:
        assert jcs.encode(jcs.decode(data)) == data
    except NotCanonical:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"x"',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-1}',
        b'{"a":true}',
        b'{"a":null}',
        b'{"a":{}}',
        b'{"a":9007199254740992}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        '{"a":"e\u0301"}'.encode(),
        b'{"a":NaN}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        jcs.decode(data)


def test_schema_v1_takes_its_records() -> None:
    for record in (RECORD, ROOM, {**RECORD, "kind": "msg.private", "room": "R" * 22}):
        assert model.parse_record(jcs.encode(record)) == record
    remote = {**RECORD, "scope": "s2s-in", "domain": "autre-état.example"}
    assert model.parse_record(jcs.encode(remote)) == remote


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "secret"},
        {"kind": "msg.other"},
        {"kind": "msg.room"},
        {"kind": "msg.private"},
        {"v": 2},
        {"id": "019ab0c4-7d6e-4c55-8f0e-5a1f5be0c7aa"},
        {"t": "1763864012345"},
        {"from": "alice@gov.example"},
        {"to": None},
        {"scope": "s2s-in"},
        {"domain": "x.example"},
        {"enc": "clear"},
        {"size": 1532},
        {"size": 0},
        {"em": "1"},
        {"es": 0},
        {"state": "lost"},
        {"n": "12"},
    ],
)
def test_schema_v1_is_closed(changes: dict[str, Any]) -> None:
    record = {k: v for k, v in {**RECORD, **changes}.items() if v is not None}
    with pytest.raises(RecordInvalid):
        model.parse_record(jcs.encode(record))


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_a_data_leaf_is_read_as_it_was_written(emitter: int, epoch: int, seq: int) -> None:
    leaf = leaves.data_leaf(emitter, epoch, seq, bytes(range(32)))
    assert len(leaf) == 48
    assert leaves.parse_leaf(leaf) == (emitter, epoch, seq, bytes(range(32)))


def test_control_entries_are_closed() -> None:
    start = EmitterStart(v=1, kind="emitter.start", em="1/7", emitter="gov.example", t=5)
    gap = Gap(v=1, kind="gap", em="1/7", first=3, last=9, reason="boot", t=6)
    for control in (start, gap):
        assert leaves.parse_leaf(leaves.control_leaf(control)) == control
    for wrong in (b"", b"\1", b"\1\3{}", b"\1\2{}", b"\2\1" + bytes(46), b"\1\1" + bytes(45)):
        with pytest.raises(RecordInvalid):
            leaves.parse_leaf(wrong)
    with pytest.raises(RecordInvalid):
        leaves.parse_leaf(leaves.control_leaf(gap).replace(b'"reason"', b'"person":"x","reason"'))


EVENTS = {
    "file.upload": {"to": "U" * 22, "enc": "none", "size": 1024},
    "room.joined": {"room": "R" * 22},
    "room.left": {"room": "R" * 22},
    "alert.sent": {"to": "B" * 22, "enc": "omemo:0", "size": 2048},
    "alert.ack": {"to": "B" * 22},
    "dir.access": {"to": "B" * 22},
}


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_records_of_their_own_form(kind: str) -> None:
    base = {k: v for k, v in RECORD.items() if k not in ("to", "enc", "size")}
    record = {**base, **EVENTS[kind], "kind": kind}
    assert model.parse_record(jcs.encode(record)) == record
    for wrong in ({"size": 1000}, {"enc": "clear"}, {"n": 2, "room": "R" * 22, "to": "B" * 22}):
        with pytest.raises(RecordInvalid):
            model.parse_record(jcs.encode({**record, **wrong}))
