"""Reads a stanza error (RFC 6120 §8.3) from the wire itself, whatever kind of stream it came by.

slixmpp's own error element has the clients' namespace, so on a component's stream it finds nothing
and reports `feature-not-implemented`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from slixmpp.exceptions import IqError

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the peer answered: its condition, its type, and its sentence (or nothing).

    `detail` is the application's own condition beside the XMPP one (RFC 6120 §8.3.2).
    """

    condition: str
    type: str
    text: str
    detail: ET.Element | None = None


def refusal(error: IqError) -> Refusal:
    """Return what the peer answered."""
    xml = error.iq.xml
    answer = next((child for child in xml if child.tag.rpartition("}")[2] == "error"), None)
    if answer is None:
        return Refusal("undefined-condition", "cancel", "")
    names = (c.tag.removeprefix(STANZAS) for c in answer if c.tag.startswith(STANZAS))
    condition = next((name for name in names if name != "text"), "undefined-condition")
    text = (answer.findtext(f"{STANZAS}text") or "").strip()
    detail = next((child for child in answer if not child.tag.startswith(STANZAS)), None)
    return Refusal(condition, answer.get("type") or "cancel", text, detail)
