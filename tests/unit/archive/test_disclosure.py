"""Some fields shown and the others hidden: it verifies, tells nothing else, and is one form."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.archive.exported import manifest_of, small
from tests.unit.archive.test_model import RECORD, ROOM
from xmppgov.archive import model
from xmppgov.archive.disclosure import PUBLIC, PURPOSES, Disclosure, disclose
from xmppgov.archive.document import DocumentInvalid, read, write
from xmppgov.archive.exports.model import (
    EntryLine,
    RecordLine,
    leads,
    parse_line,
    parse_manifest,
    write_line,
)
from xmppgov.archive.model import FIELDS

SECRET = bytes(range(100, 132))
RECORDS = st.sampled_from([RECORD, ROOM, {**RECORD, "scope": "s2s-out", "domain": "é.example"}])
NAMES = st.sets(st.sampled_from(FIELDS))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def disclosed(record: dict[str, Any], names: set[str]) -> Disclosure:
    return disclose(record, model.encode_fields(record), SECRET, names)


@given(RECORDS, NAMES)
def test_whatever_is_shown_it_is_the_record_s_commitment(
    record: dict[str, Any], names: set[str]
) -> None:
    found = disclosed(record, names)
    assert found.commitment() == model.commitment(model.encode_fields(record), SECRET)
    assert found.fields() == {n: v for n, v in record.items() if n in names | set(PUBLIC)}
    assert Disclosure.parse(json.loads(json.dumps(found.document()))) == found
    text = json.dumps(found.document(), ensure_ascii=False)
    assert base64.b64encode(SECRET).decode() not in text
    assert SECRET.hex() not in text
    for name in set(FIELDS) - names - set(PUBLIC):
        assert base64.b64encode(model.salts(SECRET)[model.FIELDS.index(name)]).decode() not in text


@given(RECORDS, NAMES, st.sampled_from(FIELDS))
def test_another_value_or_salt_is_another_commitment(
    record: dict[str, Any], names: set[str], name: str
) -> None:
    found = disclosed(record, {*names, name})
    value, salt = found.shown[name]
    for other in ((7 if value != 7 else 8, salt), (value, bytes(32)), (None, salt)):
        if other != (value, salt):
            changed = Disclosure({**found.shown, name: other}, found.hidden)
            assert changed.commitment() != found.commitment()


def test_each_purpose_shows_what_it_needs_and_knows_its_fields() -> None:
    for names in PURPOSES.values():
        assert set(PUBLIC) <= set(names) <= set(FIELDS)
    for purpose in ("audit", "statistics", "member"):
        assert not {"from", "to", "room"} & set(PURPOSES[purpose]), purpose


@given(JSON)
def test_what_is_no_disclosure_is_refused(document: Any) -> None:
    with pytest.raises(DocumentInvalid):
        Disclosure.parse(document)
    with pytest.raises(DocumentInvalid):
        parse_line(json.dumps(document).encode())
    with pytest.raises(DocumentInvalid):
        parse_manifest(json.dumps(document).encode())


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        document = read(data)
    except DocumentInvalid:
        return
    assert read(write(document)) == document or document != document  # NaN is no other


def test_the_lines_of_an_export_are_read_as_they_were_written() -> None:
    log = small()
    manifest = manifest_of(log)
    assert parse_manifest(write_line(manifest)) == manifest
    root = log.checkpoint.root
    for index in (0, 1, 3, 4, 6, 7):
        line = log.line(index)
        assert isinstance(line, RecordLine if index in log.records else EntryLine)
        assert parse_line(write_line(line)) == line
        assert leads(line, len(log.leaves), root)
        assert not leads(line, len(log.leaves), bytes(32))
    outside = RecordLine(1, log.line(1).disclosure, (), outside=True)  # type: ignore[union-attr]
    assert parse_line(write_line(outside)) == outside
