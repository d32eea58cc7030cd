"""CAP 1.2 as XML: UTF-8, indented, valid under the schema; what is read back is equal."""

from __future__ import annotations

from collections.abc import Iterator

from xmppgov.cap.model import NAMESPACE, Alert, Element
from xmppgov.cap.schema import Slot, slots
from xmppgov.cap.tree import LARGEST, MOST_ELEMENTS, too_large
from xmppgov.i18n import Texts

texts = Texts(__package__)
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
"""A carriage return would be read as a line feed (XML 1.0 §2.11)."""


def write(alert: Alert) -> bytes:
    """Return the alert as a CAP 1.2 document, without a signature.

    Raises:
        TooLarge: nobody who has our limits could read it.
    """
    lines = [DECLARATION, f'<alert xmlns="{NAMESPACE}">', *_inside(alert, "  "), "</alert>", ""]
    document = "\n".join(lines).encode()
    if len(document) > LARGEST:
        raise too_large("bytes", texts("it is larger than {most} bytes.", most=LARGEST))
    if document.count(b"</") > MOST_ELEMENTS:
        raise too_large("elements", texts("it has more than {most} elements.", most=MOST_ELEMENTS))
    return document


def _inside(element: Element, indent: str) -> Iterator[str]:
    for slot in slots(type(element)).values():
        held = getattr(element, slot.field)
        for value in held if slot.repeated else (held,):
            yield from _element(slot, value, indent)


def _element(slot: Slot, value: object, indent: str) -> Iterator[str]:
    if value is None or value == ():
        return
    if isinstance(value, Element):
        yield f"{indent}<{slot.element}>"
        yield from _inside(value, indent + "  ")
        yield f"{indent}</{slot.element}>"
    else:
        text = slot.format(value).translate(_ESCAPES)
        yield f"{indent}<{slot.element}>{text}</{slot.element}>"
