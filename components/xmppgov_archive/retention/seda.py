"""An elimination slip as messages of the standard d'échange de données pour l'archivage (SEDA 2.2).

The transaction "élimination" of https://francearchives.gouv.fr/seda/: a request to the authority
that gives the visa, and, when all is destroyed, the notice of it. Each class and month is one
archive unit, described and without an object.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from xmppgov_archive.retention.slip import Line, Slip

NAMESPACE = "fr:gouv:culture:archivesdefrance:seda:v2.2"
REASON = "ArchiveDestructionRequest"
Content = str | list[ET.Element]


def request(slip: Slip) -> bytes:
    """Return the request for the visa, an AuthorizationControlAuthorityRequest."""
    asked = [
        _element("AuthorizationReason", REASON),
        _element("RequestDate", slip.day),
        *_units(slip),
        _agency("Requester", slip.agencies.originating),
    ]
    return _message(
        slip,
        "AuthorizationControlAuthorityRequest",
        "demande",
        _element("AuthorizationRequestContent", asked),
        _agency("ArchivalAgency", slip.agencies.archival),
        _agency("ControlAuthority", slip.agencies.control),
    )


def notice(slip: Slip) -> bytes:
    """Return the notice of what was eliminated, an ArchiveDestructionNotification."""
    return _message(
        slip,
        "ArchiveDestructionNotification",
        "avis",
        _element("AuthorizationRequestReplyIdentifier", slip.visa),
        *_units(slip),
        _agency("ArchivalAgency", slip.agencies.archival),
        _agency("OriginatingAgency", slip.agencies.originating),
    )


def _message(slip: Slip, kind: str, suffix: str, *body: ET.Element) -> bytes:
    described = [_described(number, line) for number, line in enumerate(slip.lines, 1)]
    managed = [
        _element("LegalStatus", "Public Archive"),
        _element("OriginatingAgencyIdentifier", slip.agencies.originating),
    ]
    package = [
        _element("DescriptiveMetadata", described),
        _element("ManagementMetadata", managed),
    ]
    message = _element(
        kind,
        [
            _element("Comment", f"Bordereau d'élimination, SHA-256 : {slip.digest}"),
            _element("Date", f"{slip.day}T00:00:00Z"),
            _element("MessageIdentifier", f"{slip.name}-{suffix}"),
            _element("CodeListVersions", []),
            _element("DataObjectPackage", package),
            *body,
        ],
        xmlns=NAMESPACE,
    )
    ET.indent(message)
    return ET.tostring(message, "utf-8", xml_declaration=True) + b"\n"


def _described(number: int, line: Line) -> ET.Element:
    kept = f" {line.held} enregistrements gelés sont conservés." if line.held else ""
    description = (
        f"{line.records} enregistrements de {line.units} unités.{kept} "
        f"Durée de conservation : {line.months} mois. Base légale : {line.basis}."
    )
    content = [
        _element("DescriptionLevel", "File"),
        _element("Title", line.title),
        _element("OriginatingSystemId", line.unit),
        _element("Description", description),
        _element("StartDate", line.first),
        _element("EndDate", line.last),
    ]
    return _element("ArchiveUnit", [_element("Content", content)], id=f"unite-{number}")


def _units(slip: Slip) -> list[ET.Element]:
    return [_element("UnitIdentifier", line.unit) for line in slip.lines]


def _agency(name: str, identifier: str) -> ET.Element:
    return _element(name, [_element("Identifier", identifier)])


def _element(name: str, content: Content, **attributes: str) -> ET.Element:
    element = ET.Element(name, attributes)
    if isinstance(content, str):
        element.text = content
    else:
        element.extend(content)
    return element
