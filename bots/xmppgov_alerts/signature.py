"""Signed requests as in Standard Webhooks 1.0.0 (symmetric): HMAC-SHA256 over `id.timestamp.body`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WINDOW = 300  # seconds, either way
SHORTEST_KEY = 24  # bytes
PREFIX = "whsec_"
MOST_SIGNATURES = 8
# No full stop in either: the three signed parts can be told apart in one way only.
_ID = re.compile(r"[!-\-/-~]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Key:
    """A webhook's key: its name in the configuration and its bytes."""

    name: str
    secret: bytes = field(repr=False)


def secret_bytes(secret: str) -> bytes:
    """Return the key of a secret file's text: base64 behind `whsec_`, else the text itself.

    Raises:
        ValueError: it is shorter than 24 bytes or no base64.
    """
    try:
        encoded = secret.removeprefix(PREFIX)
        key = base64.b64decode(encoded, validate=True) if encoded != secret else secret.encode()
    except binascii.Error as error:
        raise ValueError("no base64 behind whsec_") from error
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"shorter than {SHORTEST_KEY} bytes")
    return key


def sign(key: bytes, request_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a request."""
    digest = _digest(key, request_id, str(timestamp), body)
    return {
        ID: request_id,
        TIMESTAMP: str(timestamp),
        SIGNATURE: "v1," + base64.b64encode(digest).decode(),
    }


def verify(
    keys: tuple[Key, ...], headers: Mapping[str, str], body: bytes, now: float
) -> Key | None:
    """Return the key that signed a request, or None, in the same time whatever was wrong.

    `headers` maps lower-case names (or ignores case itself); `now` is in seconds since 1970.
    """
    request_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    given = _signatures(headers.get(SIGNATURE, ""))
    well_formed = bool(_ID.fullmatch(request_id) and _TIMESTAMP.fullmatch(timestamp))
    signer = None
    for key in keys:
        expected = _digest(key.secret, request_id, timestamp, body)
        matches = [hmac.compare_digest(expected, signature) for signature in given]
        signer = key if any(matches) else signer
    fresh = well_formed and abs(now - int(timestamp)) <= WINDOW
    return signer if fresh else None


def _digest(key: bytes, request_id: str, timestamp: str, body: bytes) -> bytes:
    head = f"{request_id}.{timestamp}.".encode("utf-8", "surrogateescape")
    return hmac.digest(key, head + body, "sha256")


def _signatures(header: str) -> list[bytes]:
    """Decode the `v1` signatures of a header; others, and what is no base64, count for nothing."""
    decoded = []
    for part in header.split(" ")[:MOST_SIGNATURES]:
        version, _, text = part.partition(",")
        try:
            raw = base64.b64decode(text, validate=True) if version == "v1" else b""
        except (binascii.Error, ValueError):
            raw = b""
        decoded.append(raw)
    return decoded
