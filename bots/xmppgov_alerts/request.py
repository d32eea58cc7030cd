"""From the bytes of a request to what they ask for; each refusal names the member."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import ValidationError

from xmppgov.errors import BadRequest
from xmppgov.i18n import Text, Texts
from xmppgov_alerts.errors import Unprocessable
from xmppgov_alerts.model import LONGEST_LIFE, LONGEST_TEXT, MOST_TARGETS, Body

texts = Texts("xmppgov_alerts")

MEMBERS = {
    "to": texts(
        "to: between 1 and {most} audiences, each group:, room:, body: or person: and an "
        "identifier.",
        most=MOST_TARGETS,
    ),
    "severity": texts("severity: one of Extreme, Severe, Moderate, Minor, Unknown."),
    "text": texts(
        "text: between 1 and {most} characters, all of a kind that a message can carry.",
        most=LONGEST_TEXT,
    ),
    "lang": texts("lang: a BCP 47 language tag, as fr or en-GB."),
    "expires": texts(
        "expires: an RFC 3339 time with its offset, in the future and within {days} days.",
        days=LONGEST_LIFE.days,
    ),
    "status": texts("status: Actual, Exercise or Test; people get no other ones."),
}
Request = TypeVar("Request", bound=Body)


def parse(kind: type[Request], body: bytes) -> Request:
    """Read the body of a request of a kind.

    Raises:
        BadRequest: it is no JSON object in UTF-8, or names a member twice.
        Unprocessable: a member is missing, unknown or wrong.
    """
    try:
        document = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadRequest(texts("The body is not a JSON object in UTF-8, each member once."))
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise Unprocessable(_explain(kind, error)) from None


def wrong(member: str) -> Unprocessable:
    """Return the refusal of one member."""
    return Unprocessable(MEMBERS[member])


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _explain(kind: type[Body], error: ValidationError) -> Text:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    member = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        shown = member[:40].encode("ascii", "replace").decode()
        known = ", ".join(kind.model_fields)
        return texts("{member}: unknown member; known are {known}.", member=shown, known=known)
    return MEMBERS[member]
