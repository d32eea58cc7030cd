"""What a CAP document means, found out without our reader: nested values that can be compared."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime
from decimal import Decimal
from typing import Any

TIMES = {"sent", "effective", "onset", "expires"}
NUMBERS = {"altitude", "ceiling", "size"}
SHAPES = {"polygon", "circle"}
URIS = {"web", "uri"}


def meaning(document: bytes) -> Any:
    """Return (name, contents) of the root: no namespace, comments, signature or empty options."""
    return _meaning(ET.fromstring(document))


def _meaning(element: ET.Element) -> Any:
    name = element.tag.rpartition("}")[2]
    if len(element):
        inside = [_meaning(child) for child in element if "xmldsig" not in child.tag]
        contents = [pair for pair in inside if pair[1] != "" or pair[0] == "value"]
        if name == "info" and contents[0][0] != "language":
            contents.insert(0, ("language", "en-US"))  # CAP 1.2 §3.2.2
        return name, contents
    return name, _value(name, element.text or "")


def _value(name: str, text: str) -> Any:
    if not text.strip():
        return ""
    if name in TIMES:
        return datetime.fromisoformat(text)
    if name in NUMBERS:
        return Decimal(text)
    if name in SHAPES:
        return [Decimal(number) for number in text.replace(",", " ").split()]
    if name == "references":
        return [
            (sender, identifier, datetime.fromisoformat(sent))
            for sender, identifier, sent in (part.split(",") for part in text.split())
        ]
    return text.strip() if name in URIS else text
