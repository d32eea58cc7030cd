"""Errors of the webhook: RFC 9457 problem details, in the reader's language (RFC 9110 §12.5.4)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from xmppgov.errors import (
    BadRequest,
    Conflict,
    NotAllowed,
    NotFound,
    TooMany,
    Unreachable,
    XmppgovError,
)
from xmppgov.i18n import DEFAULT_LANGUAGE, LANGUAGES, choose_language
from xmppgov_alerts.errors import (
    NoSuchMethod,
    TooLarge,
    TooSlow,
    Unauthorized,
    Unprocessable,
    UnsupportedType,
)

STATUSES: Mapping[type[XmppgovError], tuple[int, str]] = {
    Unauthorized: (401, "unauthorized"),
    Unprocessable: (422, "unprocessable"),
    TooLarge: (413, "too-large"),
    UnsupportedType: (415, "unsupported-type"),
    TooSlow: (408, "too-slow"),
    NoSuchMethod: (405, "no-such-method"),
    BadRequest: (400, "bad-request"),
    NotAllowed: (403, "out-of-scope"),
    NotFound: (404, "not-found"),
    Conflict: (409, "conflict"),
    TooMany: (429, "too-many"),
    Unreachable: (503, "directory-unreachable"),
}
HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'StandardWebhooks realm="xmppgov alerts"'},
    405: {"Allow": "GET, POST"},
    429: {"Retry-After": "10"},
    503: {"Retry-After": "10"},
}


def problem(error: XmppgovError, accept_language: str | None) -> web.Response:
    """Return `error` as an answer; what is no fault of the sender is a 500."""
    known = (kind for kind in type(error).__mro__ if kind in STATUSES)
    status, name = STATUSES.get(next(known, XmppgovError), (500, "internal"))
    language = preferred_language(accept_language)
    document = {
        "type": f"urn:xmppgov:problem:{name}",
        "title": name,
        "status": status,
        "detail": error.text.in_language(language),
    }
    return web.Response(
        status=status,
        body=json.dumps(document, ensure_ascii=False).encode(),
        content_type="application/problem+json",
        headers={"Content-Language": language, **HEADERS.get(status, {})},
    )


def preferred_language(accept_language: str | None) -> str:
    """Choose French or English by the weights of `Accept-Language`; French without one."""
    weights: dict[str, float] = {}
    for part in (accept_language or "").split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        language = DEFAULT_LANGUAGE if tag == "*" else tag.split("-")[0].strip().lower()
        if language in LANGUAGES:
            weights[language] = max(weights.get(language, 0.0), _weight(parameter))
    best = max(weights, key=lambda tag: weights[tag], default="")
    if best and weights[best] > 0:
        return best
    return choose_language((accept_language or "").split(",")[0].split(";")[0].strip())


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
