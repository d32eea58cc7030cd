"""Sealed codes: an officer's share on its way to the archive, for one request and nothing else.

A code is HPKE to the request's own key, bound to the request's hash and the officer's role. Only
the archive that made the request opens it, and only for this request. It is written in Crockford's
base 32 with a check value, so that it survives chats, forms, capitals and being read aloud.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from xmppgov.archive.leaf import ROLES
from xmppgov.archive.sealing import KEY_SIZE, PrivateKey, PublicKey, SealBroken
from xmppgov.archive.shares import Share
from xmppgov.errors import BadRequest
from xmppgov.i18n import Texts

texts = Texts("xmppgov")
VERSION = 1
GROUP, GROUPS_A_LINE = 5, 7
CHECK_SIZE = 4  # bytes
LONGEST = 4000  # characters
_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_WRITE = str.maketrans(_RFC4648, _CROCKFORD)
_READ = str.maketrans(_CROCKFORD + "OIL", _RFC4648 + "ABB")


class CodeInvalid(BadRequest):
    """It is no sealed code, or not one for this request."""


class Code(NamedTuple):
    """A sealed code as it travels: whose share it holds, and the box."""

    role: str
    box: bytes


def seal_code(shares: Sequence[Share], role: str, request: str, key: PublicKey) -> str:
    """Return the code that hands the shares of `role` to the request with a hash and a key.

    `shares` are in the order of the request's resolving keys.
    """
    plaintext = b"".join(bytes([share.x]) + share.data for share in shares)
    head = bytes([VERSION, ROLES.index(role) + 1])
    body = head + key.seal(plaintext, _info(role, request))
    return _written(body + _check(body))


def read_code(text: str) -> Code:
    """Read a code.

    Raises:
        CodeInvalid: a character is missing or wrong.
    """
    data = _bytes(text)
    body, check = data[:-CHECK_SIZE], data[-CHECK_SIZE:]
    if not hmac.compare_digest(_check(body), check) or body[:1] != bytes([VERSION]):
        raise _misspelt()
    if not 1 <= body[1] <= len(ROLES):
        raise _misspelt()
    return Code(ROLES[body[1] - 1], body[2:])


def open_code(code: Code, request: str, key: PrivateKey) -> list[Share]:
    """Return the shares in a code, given the request's private key.

    Raises:
        CodeInvalid: it is for another request, or was changed.
    """
    size = 1 + KEY_SIZE
    try:
        plaintext = key.open(code.box, _info(code.role, request))
    except SealBroken as error:
        raise CodeInvalid(texts("This code is for another request.")) from error
    if not plaintext or len(plaintext) % size:
        raise CodeInvalid(texts("This code is for another request."))
    parts = (plaintext[start : start + size] for start in range(0, len(plaintext), size))
    return [Share(part[0], part[1:]) for part in parts]


def _info(role: str, request: str) -> bytes:
    return b"xmppgov/code/v1\0" + role.encode() + b"\0" + bytes.fromhex(request)


def _check(body: bytes) -> bytes:
    return sha256(b"xmppgov/code/v1\0" + body).digest()[:CHECK_SIZE]


def _written(data: bytes) -> str:
    letters = base64.b32encode(data).decode().rstrip("=").translate(_WRITE)
    groups = [letters[start : start + GROUP] for start in range(0, len(letters), GROUP)]
    lines = [groups[n : n + GROUPS_A_LINE] for n in range(0, len(groups), GROUPS_A_LINE)]
    return "\n".join(" ".join(line) for line in lines)


def _bytes(text: str) -> bytes:
    """Return what letters say; whatever is neither letter nor digit is passed over."""
    kept = "".join(c for c in text[:LONGEST].upper() if c.isascii() and c.isalnum())
    if "U" in kept or len(kept) % 8 in (1, 3, 6):
        raise _misspelt()
    letters = kept.translate(_READ) + "=" * (-len(kept) % 8)
    data = base64.b32decode(letters)
    # A code has one spelling: unused bits of the last letter are zero.
    if len(data) < 2 + KEY_SIZE + CHECK_SIZE or base64.b32encode(data).decode() != letters:
        raise _misspelt()
    return data


def _misspelt() -> CodeInvalid:
    return CodeInvalid(texts("A character of the code is missing or wrong; copy it again, whole."))
