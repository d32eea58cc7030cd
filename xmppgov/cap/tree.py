"""From bytes to a small tree of elements, within limits, with nothing fetched or expanded."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from xmppgov.cap.errors import DeclarationForbidden, NotXml, Problem, TooLarge
from xmppgov.i18n import Text, Texts

texts = Texts(__package__)
LARGEST = 1 << 20  # bytes
DEEPEST = 20  # elements inside each other
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 50  # of one element
ENCODINGS = (
    "UTF-8", "UTF-16", "UTF-16LE", "UTF-16BE", "ISO-8859-1", "ISO-8859-15", "US-ASCII",
    "windows-1252",
)  # fmt: skip
"""What a declaration may name; without one it is UTF-8, or UTF-16 with its mark."""
SIGNATURES = "http://www.w3.org/2000/09/xmldsig#"


@dataclass(slots=True)
class Node:
    """An element: its namespace and name, its attributes, its own text, its elements."""

    namespace: str
    name: str
    attributes: dict[str, str]
    pieces: list[str] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class _Builder:
    """What the parser calls. Counts everything; keeps of a signature only that it is there."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self._open: list[Node] = []
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS:
            raise too_large(
                "elements", texts("it has more than {most} elements.", most=MOST_ELEMENTS)
            )
        if len(self._open) >= DEEPEST:
            sentence = texts(
                "its elements are more than {most} deep inside each other.", most=DEEPEST
            )
            raise too_large("depth", sentence)
        if len(attributes) > MOST_ATTRIBUTES:
            sentence = texts("an element has more than {most} attributes.", most=MOST_ATTRIBUTES)
            raise too_large("attributes", sentence)
        self._place(_node(tag, attributes))

    def _place(self, node: Node) -> None:
        if not self._open:
            self._root = node
        elif self._open[-1].namespace != SIGNATURES:
            self._open[-1].children.append(node)
        self._open.append(node)

    def data(self, text: str) -> None:
        if self._open and self._open[-1].namespace != SIGNATURES:
            self._open[-1].pieces.append(text)

    def end(self, tag: str) -> None:
        self._open.pop()

    def close(self) -> Node | None:
        return self._root


def _node(tag: str, attributes: dict[str, str]) -> Node:
    namespace, _, name = tag.rpartition("}")
    return Node(namespace.removeprefix("{"), name, attributes)


def parse(data: bytes) -> Node:
    """Return the root of a document.

    Raises:
        TooLarge: more bytes, elements, depth or attributes than the limits.
        DeclarationForbidden: a document type declaration.
        NotXml: not well-formed, or in an encoding that is not read.
    """
    if len(data) > LARGEST:
        raise too_large("bytes", texts("it is larger than {most} bytes.", most=LARGEST))
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=True)
    parser.parser.XmlDeclHandler = _known_encoding
    try:
        parser.feed(data)
        root: Node = parser.close()
    except DefusedXmlException:
        sentence = texts("it has a document type declaration (<!DOCTYPE …>); remove it.")
        raise DeclarationForbidden(Problem("", "doctype", sentence)) from None
    except ParseError as error:
        raise _malformed(*error.position) from None
    return root


def _known_encoding(version: str, encoding: str | None, standalone: int) -> None:
    """Let no declaration choose among all the codecs of Python."""
    if encoding is not None and encoding.lower() not in {name.lower() for name in ENCODINGS}:
        names = ", ".join(ENCODINGS)
        raise NotXml(
            Problem(
                "",
                "encoding",
                texts(
                    "its encoding is not read here; write it in one of: {encodings}.",
                    encodings=names,
                ),
            )
        )


def _malformed(line: int, column: int) -> NotXml:
    return NotXml(
        Problem(
            "",
            "xml",
            texts(
                "it is not well-formed XML: see line {line}, column {column}.",
                line=line,
                column=column + 1,
            ),
        )
    )


def too_large(rule: str, sentence: Text) -> TooLarge:
    """Return the refusal of what goes beyond a limit."""
    return TooLarge(Problem("", rule, sentence))
