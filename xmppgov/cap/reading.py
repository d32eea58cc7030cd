"""CAP from bytes: 1.2, and 1.1 as if it were 1.2 (docs/decisions/0200-what-is-read-as-cap.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from xmppgov.cap.errors import InvalidAlert, NotCap, Problem, problems
from xmppgov.cap.model import NAMESPACE, Alert, Element
from xmppgov.cap.schema import Slot, slots
from xmppgov.cap.tree import SIGNATURES, Node, parse
from xmppgov.cap.values import XML_SPACE
from xmppgov.i18n import Text, Texts

texts = Texts(__package__)
VERSIONS = {NAMESPACE: "1.2", "urn:oasis:names:tc:emergency:cap:1.1": "1.1"}
LONGEST_QUOTE = 40  # characters of a foreign element's name
BEHIND = 1_000
"""The place of a signature: behind every element."""
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
HINTS = {_INSTANCE + "schemaLocation", _INSTANCE + "noNamespaceSchemaLocation"}
"""Attributes that say where a schema lies; nothing is fetched from there."""


class Signature(StrEnum):
    """Whether a message came with an XML signature; nobody here says that one is right."""

    ABSENT = "absent"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Received:
    """An alert, and how it came. Who wants to check the signature keeps the bytes."""

    alert: Alert
    version: str
    signature: Signature


def read(data: bytes) -> Received:
    """Read one CAP message, of 1 MiB at most, in the encoding that it declares.

    Raises:
        TooLarge, NotXml, DeclarationForbidden: it is not looked into.
        NotCap: its root is no `alert` of CAP 1.2 or 1.1.
        InvalidAlert: elements are missing, wrong or out of place, or a rule is broken.
    """
    root = parse(data)
    if root.name != "alert" or root.namespace not in VERSIONS:
        sentence = texts(
            "it is no CAP message: its root has to be alert in {name}.", name=NAMESPACE
        )
        raise NotCap(Problem("", "root", sentence))
    signed = any(child.namespace == SIGNATURES for child in root.children)
    values = _Reader(root.namespace).values(root, Alert, "")
    return Received(
        _validated(values),
        VERSIONS[root.namespace],
        Signature.UNCHECKED if signed else Signature.ABSENT,
    )


def _validated(values: Mapping[str, object]) -> Alert:
    try:
        return Alert.model_validate(values)
    except ValidationError as error:
        raise InvalidAlert(*problems(error)) from None


class _Reader:
    """Sorts the elements of one document into the model's fields."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def values(self, node: Node, kind: type[Element], path: str) -> dict[str, object]:
        """Return what `kind` is made of; an optional text that is empty says nothing."""
        _without_attributes(node, path)
        if node.text.strip(XML_SPACE):
            raise _refused(path, "text", texts("there is text between its elements; remove it."))
        found: dict[str, list[object]] = {}
        place = -1
        for child in node.children:
            if kind is Alert and child.namespace == SIGNATURES:
                place = BEHIND
                continue
            slot = self._slot(child, kind, path)
            _in_order(slot, place, path)
            place = slot.place
            contents = found.setdefault(slot.element, [])
            content = self._content(child, slot, _below(path, slot, len(contents)))
            if content is not None:
                contents.append(content)
        return _by_element(found, kind)

    def _slot(self, child: Node, kind: type[Element], path: str) -> Slot:
        slot = slots(kind).get(child.name) if child.namespace == self._namespace else None
        if slot is None:
            raise _refused(
                path,
                "unknown",
                texts(
                    "there is no element {name} here in CAP 1.2; remove it.",
                    name=quoted(child.name),
                ),
            )
        return slot

    def _content(self, node: Node, slot: Slot, path: str) -> object:
        if slot.child is not None:
            return self.values(node, slot.child, path)
        _without_attributes(node, path)
        for child in node.children:
            raise _refused(
                path,
                "unknown",
                texts("it holds text only; remove the element {name}.", name=quoted(child.name)),
            )
        text = node.text
        return None if slot.omissible and not text.strip() else text


def _by_element(found: Mapping[str, list[object]], kind: type[Element]) -> dict[str, object]:
    known = slots(kind)
    return {
        name: tuple(contents) if known[name].repeated else contents[0]
        for name, contents in found.items()
        if contents
    }


def _in_order(slot: Slot, place: int, path: str) -> None:
    """Refuse an element behind one that comes later, and a second one where one is allowed."""
    if slot.place < place:
        raise _refused(
            path,
            "order",
            texts(
                "{name} stands too far down; the order is that of the schema of CAP 1.2.",
                name=slot.element,
            ),
        )
    if slot.place == place and not slot.repeated:
        raise _refused(
            path, "twice", texts("{name} is there twice; once is allowed.", name=slot.element)
        )


def _without_attributes(node: Node, path: str) -> None:
    if not HINTS.issuperset(node.attributes):
        raise _refused(path, "attribute", texts("CAP has no attributes; remove them."))


def _below(path: str, slot: Slot, before: int) -> str:
    name = f"{slot.element}[{before + 1}]" if slot.repeated else slot.element
    return f"{path}/{name}" if path else name


def quoted(name: str) -> str:
    """Return an element's name, shortened: it is somebody else's text."""
    return name if len(name) <= LONGEST_QUOTE else f"{name[:LONGEST_QUOTE]}…"


def _refused(path: str, rule: str, sentence: Text) -> InvalidAlert:
    return InvalidAlert(Problem(path, rule, sentence))
