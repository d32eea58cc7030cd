"""Exports for others' programs: each is what its standard says, read by another reader."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.exports.exporting import SEDA, exported, filled, verdicts
from xmppgov.archive.batch import KINDS
from xmppgov.tlog.merkle import leaf_hash
from xmppgov_archive.exports import ecs, table
from xmppgov_archive.exports.seda import NS

# Names of the field list of ECS 9.4.0 (generated/csv/fields.csv), as far as an export has them.
ECS_FIELDS = {
    "@timestamp", "ecs.version", "labels.export", "event.kind", "event.module", "event.dataset",
    "event.sequence", "event.hash", "event.outcome", "event.action", "event.category",
    "event.type", "service.type", "service.name", "network.direction", "network.protocol",
    "network.bytes", "organization.id", "user.id", "user.target.id", "related.user",
    "source.domain", "destination.domain",
}  # fmt: skip
# `expected_event_types` of the categories that an export has (schemas/event.yml).
ECS_TYPES = {
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "file": {"access", "change", "creation", "deletion", "info"},
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "database": {"access", "change", "info", "error"},
}


@pytest.fixture
def full(place: Place) -> Place:
    return asyncio.run(filled(place))


def test_a_table_is_read_as_it_was_written(full: Place) -> None:
    data = exported(full, "--format", "csv", "--purpose", "evidence").decode()
    rows = list(csv.DictReader(io.StringIO(data, newline="")))
    records = {found.idx: found.record for found in asyncio.run(full.records())}
    assert len(rows) == 16
    assert "\r\n" in data
    for row in rows:
        record = records[int(row["index"])]
        assert row["size"] == str(record["size"])
        assert row["from"].removeprefix("'") == record["from"]
        assert row["time"].startswith("2025-11-23T02:13:32.")
    assert len({row["export"] for row in rows}) == 1
    assert len(rows[0]["export"]) == 32


@given(st.lists(st.text(st.characters(codec="utf-8")) | st.integers(0, 2**53), min_size=2))
def test_any_cells_are_read_back_and_none_is_a_formula(cells: list[Any]) -> None:
    line = table.row(cells).decode()
    read = next(csv.reader(io.StringIO(line, newline=""), strict=True))
    assert [cell.removeprefix("'") for cell in read] == [str(c).removeprefix("'") for c in cells]
    assert not any(cell.startswith(table.FORMULA) for cell in read)


def flat(document: dict[str, Any], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, value in document.items():
        names |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return names


def test_events_have_only_names_of_ecs_and_of_our_namespace(full: Place) -> None:
    data = exported(full, "--format", "ecs", "--purpose", "transfer")
    events = [json.loads(line) for line in data.splitlines()]
    assert len(events) == 16
    for event in events:
        names = {name for name in flat(event) if not name.startswith("xmpp.")}
        assert names <= ECS_FIELDS
        assert {"@timestamp", "ecs.version"} <= names
        assert set(event["event"]["type"]) <= ECS_TYPES[event["event"]["category"][0]]
    leaves = (full.section.tiles_dir / "tile/0/000.p/19").read_bytes()
    for event in events:
        index = event["event"]["sequence"]
        assert event["event"]["hash"] == leaves[32 * index : 32 * index + 32].hex()
    assert leaf_hash(b"")  # what the hash is of


def test_every_kind_has_a_category_and_type_that_ecs_allows() -> None:
    for kind in KINDS.values():
        category, type_ = ecs.CATEGORIES[kind.partition(".")[0]]
        assert type_ in ECS_TYPES[category]


def test_hidden_fields_are_in_no_event(full: Place) -> None:
    data = exported(full, "--format", "ecs", "--fields", "kind")
    names = flat(json.loads(data.splitlines()[0]))
    hidden = {"user.id", "event.outcome", "network.bytes", "organization.id", "xmpp.room"}
    assert not names & hidden
    assert "@timestamp" in names


def test_the_whole_field_list_of_ecs_where_it_is_at_hand() -> None:
    path = os.environ.get("XMPPGOV_ECS_FIELDS")
    if not path:
        pytest.skip("no field list of ECS; set XMPPGOV_ECS_FIELDS to its generated/csv/fields.csv")
    with Path(path).open(newline="", encoding="utf-8") as file:
        known = {row["Field"] for row in csv.DictReader(file)}
    assert {name.replace("labels.export", "labels") for name in ECS_FIELDS} <= known


def package(place: Place) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(exported(place, "--format", "seda", *SEDA)))


def test_a_package_s_files_are_what_its_manifest_says(full: Place) -> None:
    archive = package(full)
    root = ET.fromstring(archive.read("manifest.xml"))
    names = {"": NS}
    objects = root.findall(".//BinaryDataObject", names)
    assert {o.findtext("Uri", "", names) for o in objects} == set(archive.namelist()) - {
        "manifest.xml"
    }
    for found in objects:
        data = archive.read(found.findtext("Uri", "", names))
        assert found.findtext("Size", "", names) == str(len(data))
        assert found.findtext("MessageDigest", "", names) == hashlib.sha512(data).hexdigest()
    assert verdicts(full, archive.read("content/ID20.ndjson"))[0] == set()
    policy = full.section.tiles_dir.parent / "policy"
    assert archive.read("content/ID40.txt") == policy.read_bytes()


ORDER = [
    "Comment", "Date", "MessageIdentifier", "ArchivalAgreement", "CodeListVersions",
    "DataObjectPackage", "ArchivalAgency", "TransferringAgency",
]  # fmt: skip


def test_a_manifest_has_the_structure_of_a_transfer(full: Place) -> None:
    """The rules of the schema that a manifest of ours meets; the schema itself is not ours."""
    root = ET.fromstring(package(full).read("manifest.xml"))
    names = {"": NS}
    assert root.tag == f"{{{NS}}}ArchiveTransfer"
    assert [child.tag.removeprefix(f"{{{NS}}}") for child in root] == ORDER
    inner = root.find("DataObjectPackage", names)
    assert inner is not None
    tags = [child.tag.removeprefix(f"{{{NS}}}") for child in inner]
    assert tags == ["DataObjectGroup"] * 3 + ["DescriptiveMetadata", "ManagementMetadata"]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    groups = {group.get("id") for group in root.findall(".//DataObjectGroup", names)}
    references = root.findall(".//DataObjectGroupReferenceId", names)
    assert {reference.text for reference in references} == groups
    assert root.findtext("ArchivalAgency/Identifier", "", names) == "FR-AN"
    assert "enregistrements" in root.findtext("Comment", "", names)


def test_a_manifest_is_valid_where_the_schema_is_at_hand(full: Place, tmp_path: Path) -> None:
    folder = os.environ.get("XMPPGOV_SEDA_XSD")
    if not folder:
        pytest.skip("no schema of SEDA 2.2; set XMPPGOV_SEDA_XSD to its folder")
    schema = xmlschema.XMLSchema(f"{folder}/seda-2.2-main.xsd", allow="local")
    file = tmp_path / "manifest.xml"
    file.write_bytes(package(full).read("manifest.xml"))
    schema.validate(str(file))
