"""What a CAP message says, in a few lines for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from xmppgov.cap.model import Alert, Info
from xmppgov.cap.reading import Received, Signature
from xmppgov.cap.values import format_moment
from xmppgov.cap.words import Status
from xmppgov.i18n import Text, Texts

texts = Texts(__package__)
LONGEST_LINE = 200  # characters of somebody else's text
STATUSES = {
    Status.EXERCISE: texts("EXERCISE: this is not an actual alert."),
    Status.SYSTEM: texts("SYSTEM: this is for machines, not for people."),
    Status.TEST: texts("TEST: this is not an actual alert."),
    Status.DRAFT: texts("DRAFT: this is not an actual alert."),
}
"""What is said first of everything that is not actual."""


def summary(received: Received) -> Iterator[Text]:
    """Yield the lines that sum a message up, the most important first."""
    alert = received.alert
    if alert.status in STATUSES:
        yield STATUSES[alert.status]
    yield texts(
        "CAP {version}, {type}, scope {scope}",
        version=received.version,
        type=alert.msg_type.value,
        scope=alert.scope.value,
    )
    yield texts("Identifier: {identifier}", identifier=shown(alert.identifier))
    yield texts("From {sender}, {sent}", sender=shown(alert.sender), sent=format_moment(alert.sent))
    yield from _about(alert)
    for info in alert.infos:
        yield from _info(info)
    if received.signature is Signature.UNCHECKED:
        yield texts("It is signed. The signature was not checked.")


def _about(alert: Alert) -> Iterator[Text]:
    for reference in alert.references:
        yield texts("About: {reference}", reference=shown(str(reference)))
    if alert.restriction:
        yield texts("Restricted to: {restriction}", restriction=shown(alert.restriction))
    if alert.addresses:
        yield texts("Addresses: {count}", count=len(alert.addresses))


def _info(info: Info) -> Iterator[Text]:
    yield texts(
        "[{language}] {event}: severity {severity}, urgency {urgency}, certainty {certainty}",
        language=info.language,
        event=shown(info.event),
        severity=info.severity.value,
        urgency=info.urgency.value,
        certainty=info.certainty.value,
    )
    if info.headline:
        yield texts("  Headline: {headline}", headline=shown(info.headline))
    if info.expires:
        yield texts("  Expires: {expires}", expires=format_moment(info.expires))
    for area in info.areas:
        yield texts(
            "  Area: {area} (polygons: {polygons}, circles: {circles}, codes: {codes})",
            area=shown(area.description),
            polygons=len(area.polygons),
            circles=len(area.circles),
            codes=len(area.geocodes),
        )


def shown(text: str) -> str:
    """Return somebody else's text as one line that a terminal shows and does not obey."""
    plain = "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)
    line = " ".join(plain.split())
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
