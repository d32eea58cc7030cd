"""Transfer packages for a public archive: SEDA 2.2 (NF Z 44-022), as VITAM takes them in.

A package is a ZIP with `manifest.xml` and `content/`: the export that verifies, the same as a table
for people, and the policy under which its checkpoint was cosigned. The manifest is in French.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from xmppgov.archive.exports.model import Manifest
from xmppgov.i18n import Text, Texts
from xmppgov_archive.exports import ndjson, table
from xmppgov_archive.exports.service import Export

texts = Texts("xmppgov_archive")
NS = "fr:gouv:culture:archivesdefrance:seda:v2.2"
DAY = 86_400_000  # ms
ROOT, RECORDS, TABLE, POLICY = "ID10", "ID20", "ID30", "ID40"


class Parties(NamedTuple):
    """Who transfers what to whom, under which agreement: identifiers of the archive service's."""

    agreement: str
    archive: str
    transferring: str
    originating: str


class Piece(NamedTuple):
    """A file of the package: its id, name, title, PRONOM format, SHA-512 and size in bytes."""

    id: str
    name: str
    title: Text
    format: str
    digest: str
    size: int

    @property
    def path(self) -> str:
        """Where it lies in the package."""
        return f"content/{self.id}{Path(self.name).suffix}"


async def package(export: Export, parties: Parties, path: Path) -> None:
    """Write the package to `path`; its files are never whole in memory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        pieces = [
            await _piece(
                archive,
                Piece(RECORDS, "enregistrements.ndjson", _records_title(), "x-fmt/111", "", 0),
                ndjson.lines(export),
            ),
            await _piece(
                archive,
                Piece(TABLE, "enregistrements.csv", _table_title(), "x-fmt/18", "", 0),
                table.lines(export),
            ),
            await _piece(
                archive,
                Piece(POLICY, "policy.txt", _policy_title(), "x-fmt/111", "", 0),
                _once(export.manifest.policy.encode()),
            ),
        ]
        archive.writestr("manifest.xml", manifest(export.manifest, parties, pieces))


def manifest(export: Manifest, parties: Parties, pieces: list[Piece]) -> bytes:
    """Return `manifest.xml`."""
    root = ET.Element("ArchiveTransfer", {"xmlns": NS})
    summary = texts(
        "Metadata of exchanges in the messenger: {records} records, of which the log {origin} has "
        "a commitment each. Nobody's content. People, rooms and units are pseudonyms.",
        records=export.records,
        origin=export.origin,
    )
    _add(root, "Comment", _french(summary))
    made = datetime.fromtimestamp(export.made / 1000, UTC)
    _add(root, "Date", made.isoformat(timespec="seconds").replace("+00:00", "Z"))
    _add(root, "MessageIdentifier", f"xmppgov-{export.watermark}")
    _add(root, "ArchivalAgreement", parties.agreement)
    ET.SubElement(root, "CodeListVersions")
    content = ET.SubElement(root, "DataObjectPackage")
    for piece in pieces:
        _add_object(content, piece)
    _add_units(ET.SubElement(content, "DescriptiveMetadata"), export, summary, pieces)
    management = ET.SubElement(content, "ManagementMetadata")
    _add(management, "OriginatingAgencyIdentifier", parties.originating)
    _add(management, "SubmissionAgencyIdentifier", parties.transferring)
    _add(ET.SubElement(root, "ArchivalAgency"), "Identifier", parties.archive)
    _add(ET.SubElement(root, "TransferringAgency"), "Identifier", parties.transferring)
    ET.indent(root)
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=True)
    return document


def _add_object(package: ET.Element, piece: Piece) -> None:
    group = ET.SubElement(package, "DataObjectGroup", {"id": f"{piece.id}-group"})
    data = ET.SubElement(group, "BinaryDataObject", {"id": piece.id})
    _add(data, "DataObjectVersion", "BinaryMaster_1")
    _add(data, "Uri", piece.path)
    _add(data, "MessageDigest", piece.digest, algorithm="SHA-512")
    _add(data, "Size", str(piece.size))
    _add(ET.SubElement(data, "FormatIdentification"), "FormatId", piece.format)
    _add(ET.SubElement(data, "FileInfo"), "Filename", piece.name)


def _add_units(metadata: ET.Element, export: Manifest, summary: Text, pieces: list[Piece]) -> None:
    first, last = _day(export.start), _day(export.end - 1)
    root = ET.SubElement(metadata, "ArchiveUnit", {"id": ROOT})
    title = texts("Register of exchanges from {first} to {last}", first=first, last=last)
    _add_content(root, "RecordGrp", title, summary, (first, last))
    for piece in pieces:
        unit = ET.SubElement(root, "ArchiveUnit", {"id": f"{piece.id}-unit"})
        _add_content(unit, "Item", piece.title, None, (first, last))
        reference = ET.SubElement(unit, "DataObjectReference")
        _add(reference, "DataObjectGroupReferenceId", f"{piece.id}-group")


def _add_content(
    unit: ET.Element, level: str, title: Text, description: Text | None, days: tuple[str, str]
) -> None:
    content = ET.SubElement(unit, "Content")
    _add(content, "DescriptionLevel", level)
    _add(content, "Title", _french(title))
    if description is not None:
        _add(content, "Description", _french(description))
    _add(content, "StartDate", days[0])
    _add(content, "EndDate", days[1])


async def _piece(archive: zipfile.ZipFile, piece: Piece, chunks: AsyncIterator[bytes]) -> Piece:
    """Write a file of the package; return it with its digest and size."""
    digest, size = hashlib.sha512(), 0
    with archive.open(piece.path, "w", force_zip64=True) as file:
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
    return piece._replace(digest=digest.hexdigest(), size=size)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _add(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = text


def _day(t: int) -> str:
    return (date(1970, 1, 1) + timedelta(t // DAY)).isoformat()


def _french(text: Text) -> str:
    return text.in_language("fr")


def _records_title() -> Text:
    return texts("Records with their proofs")


def _table_title() -> Text:
    return texts("Records as a table")


def _policy_title() -> Text:
    return texts("Policy of the log: keys and quorum")
