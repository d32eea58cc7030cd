"""JSON that others hand us: exactly the fields that it should have, hashes in base64.

Each object has each key once; bytes are standard base64 in its one form (RFC 4648 §4).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any, TypeVar

from xmppgov.errors import CheckFailed
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
HASH_SIZE = 32  # bytes
ValueT = TypeVar("ValueT")


class DocumentInvalid(CheckFailed):
    """It is no such document: another field, another type, or not in its one form."""


def read(data: bytes) -> dict[str, Any]:
    """Read one JSON object. Raises `DocumentInvalid`."""
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique)
        json.dumps(document, ensure_ascii=False).encode()  # half of a pair is no text
    except (ValueError, RecursionError) as error:
        raise malformed() from error
    if type(document) is not dict:
        raise malformed()
    return document


def write(document: dict[str, Any]) -> bytes:
    """Write one JSON object in one line, without the line's end."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def only(document: Any, names: Iterable[str]) -> None:
    """Refuse what is no object with exactly these fields."""
    if type(document) is not dict or document.keys() != set(names):
        raise malformed()


def take(document: Any, name: str, kind: type[ValueT]) -> ValueT:
    """Return a field, which has to be there and of this very type."""
    value = document.get(name) if type(document) is dict else None
    if type(value) is not kind:
        raise malformed()
    return value


def number(document: Any, name: str) -> int:
    """Return a field that is an integer from 0 to 2**63 - 1."""
    value = take(document, name, int)
    if not 0 <= value < 2**63:
        raise malformed()
    return value


def octets(text: Any) -> bytes:
    """Return the bytes that `text` is the base64 of."""
    if type(text) is not str:
        raise malformed()
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed() from error
    if base64.b64encode(data).decode() != text:
        raise malformed()
    return data


def digest(text: Any) -> bytes:
    """Return the 32 bytes that `text` is the base64 of."""
    data = octets(text)
    if len(data) != HASH_SIZE:
        raise malformed()
    return data


def digests(document: Any, name: str) -> tuple[bytes, ...]:
    """Return a field that is a list of hashes."""
    return tuple(map(digest, take(document, name, list)))


def base64_of(data: bytes) -> str:
    """Write bytes; the inverse of `octets`."""
    return base64.b64encode(data).decode()


def malformed() -> DocumentInvalid:
    """Return the error of what has another form."""
    return DocumentInvalid(texts("It is not of the form that docs/protocol/exports.md has."))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise malformed()
    return fields
