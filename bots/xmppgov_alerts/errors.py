"""Faults that only the webhook knows; each has its HTTP status in `problem.py`."""

from __future__ import annotations

from xmppgov.errors import BadRequest, RemoteFault


class Unauthorized(RemoteFault):
    """No configured key signed this request now; which part was wrong is not told."""

    condition = "not-authorized"
    type = "auth"


class Unprocessable(BadRequest):
    """The JSON is well-formed and what it asks for is not."""


class TooLarge(BadRequest):
    """The body is over the limit."""


class TooSlow(BadRequest):
    """The body did not come in time."""


class UnsupportedType(BadRequest):
    """The body is not declared as plain JSON."""


class NoSuchMethod(BadRequest):
    """The resource exists and does not know this method."""
