"""What an emitter asks the server of its policy, as XML (docs/protocol/capture.md)."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from xmppgov.archive.emitter.verdicts.model import LEVELS, Verdict

POLICY = "{urn:xmppgov:archive:0}policy"


def write_question(place: str) -> ET.Element:
    """Ask what holds in a place (`xmppgov.archive.emitter.verdicts.model.place`)."""
    sender, blank, recipient = place.partition(" ")
    where = {"from": sender, "to": recipient} if blank else {"room": place}
    return ET.Element(POLICY, where)


def parse_verdict(xml: ET.Element | None) -> Verdict | None:
    """Read the answer; None where it is none."""
    level, archive = (xml.get("level", ""), xml.get("archive", "")) if xml is not None else ("", "")
    if xml is None or xml.tag != POLICY or level not in LEVELS or not archive:
        return None
    return Verdict(level, archive)
