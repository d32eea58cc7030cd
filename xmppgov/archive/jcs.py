"""Canonical JSON: the subset of RFC 8785 that the archive commits to.

One object, not nested; ASCII keys in order; values are NFC strings or integers from 0 to 2**53 - 1.
Such a document has exactly one encoding, so bytes can be compared and hashed.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

LARGEST_INTEGER = 2**53 - 1
Value = str | int


class NotCanonical(ValueError):
    """Bytes or a value that canonical JSON of this subset does not have."""


def encode_value(value: Value) -> bytes:
    """Write one value."""
    if type(value) is int and 0 <= value <= LARGEST_INTEGER:
        return b"%d" % value
    if type(value) is not str:
        raise NotCanonical("a value is a string or an integer below 2**53")
    try:
        data: bytes = encode_basestring(value).encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a string has a lone surrogate") from error
    if not value.isascii() and not unicodedata.is_normalized("NFC", value):
        raise NotCanonical("a string is not in Unicode's form NFC")
    return data


def encode(fields: Mapping[str, Value]) -> bytes:
    """Write an object."""
    return join({name: encode_value(value) for name, value in fields.items()})


def join(encoded: Mapping[str, bytes]) -> bytes:
    """Write an object whose values `encode_value` has written already."""
    return b"{%b}" % b",".join(
        [b'"%b":%b' % (name.encode("ascii"), encoded[name]) for name in sorted(encoded)]
    )


def decode(data: bytes) -> dict[str, Value]:
    """Read an object; what it returns is written as the same bytes.

    Raises:
        NotCanonical: `data` is not what `encode` writes.
    """
    return decode_both(data)[0]


def decode_both(data: bytes) -> tuple[dict[str, Value], dict[str, bytes]]:
    """Read an object; return its values, and each as it is encoded. Raises as `decode`."""
    try:
        fields = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:  # also an integer of thousands of digits
        raise NotCanonical("not JSON") from error
    if type(fields) is not dict:
        raise NotCanonical("not an object")
    try:
        encoded = {name: encode_value(value) for name, value in fields.items()}
        if join(encoded) != data:
            raise NotCanonical("not in canonical form")
    except UnicodeError as error:
        raise NotCanonical("a key is not ASCII") from error
    return fields, encoded


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotCanonical("a key occurs twice")
    return fields
