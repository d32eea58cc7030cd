"""Each refusal names its element and its rule; each rule beyond the schema has its other side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.cap.alerts import DOCUMENT, SENT, alert, changed, info
from xmppgov.cap.errors import InvalidAlert, TooLarge, problems
from xmppgov.cap.model import Alert, Area
from xmppgov.cap.reading import Signature, read
from xmppgov.cap.shapes import Circle, Point, Polygon
from xmppgov.cap.words import MsgType, Scope, Severity
from xmppgov.cap.writing import write

ITSELF = "alertes@gov.example,7F3K,2026-11-24T17:00:00-00:00"
EARLIER = "alertes@gov.example,7F3J,2026-11-24T17:00:00-00:00"

BROKEN = [
    ("<identifier>.*?</identifier>", "", "identifier", "required"),
    ("7F3K", " ", "identifier", "empty"),
    ("7F3K", "7F 3K", "identifier", "name"),
    ("7F3K", "7" * 501, "identifier", "name"),
    ("alertes@gov.example", "alertes,gov", "sender", "name"),
    ("2026-11-24T18:00:00.01:00", "2026-11-24T18:00:00Z", "sent", "time"),
    ("2026-11-24T18:00:00.01:00", "2026-11-24T18:00:00", "sent", "time"),
    ("2026-11-24T18:00:00.01:00", "2026-11-24T18:00:00.5+01:00", "sent", "time"),
    ("2026-11-24T18:00:00.01:00", "2026-02-30T18:00:00+01:00", "sent", "time"),
    ("2026-11-24T18:00:00.01:00", "2026-11-24T18:00:00+14:01", "sent", "time"),
    ("2026-11-24T18:00:00.01:00", "1969-11-24T18:00:00+01:00", "sent", "time"),
    ("Exercise", "exercise", "status", "word"),
    ("<status>", "<!--x--><status>\n", "status", "word"),
    (">Alert<", ">Alarm<", "msgType", "word"),
    ("Public", "", "scope", "word"),
    ("Public", "Restricted", "restriction", "restriction-needed"),
    ("Public", "Private", "addresses", "addresses-needed"),
    ("</scope>", '</scope><addresses>"a b</addresses>', "addresses", "words"),
    ("</scope>", "</scope><references>a,b</references>", "references", "references"),
    ("</scope>", f"</scope><references>{ITSELF}</references>", "references", "references-itself"),
    ("<info>.*</info>", "", "info", "nothing-to-show"),
    ("<info>.*</info>", "<info/>", "info[1]/category", "required"),
    (">fr<", ">français<", "info[1]/language", "language"),
    ("<category>.*</category>", "", "info[1]/category", "required"),
    ("Met", "Meteo", "info[1]/category[1]", "word"),
    ("Crue", "<b>Crue</b>", "info[1]/event", "unknown"),
    ("Immediate", "Now", "info[1]/urgency", "word"),
    ("Severe", "severe", "info[1]/severity", "word"),
    ("Likely", "Very Likely", "info[1]/certainty", "word"),
    ("2026-11-24T20:00:00.01:00", "", "info[1]/expires", "time"),
    ("2026-11-24T20:00:00.01:00", "2026-11-24T17:00:00-00:00", "info[1]/expires", "expires-first"),
    ("<area>", "<web>a b</web><area>", "info[1]/web", "uri"),
    ("<area>", "<web>a{b}</web><area>", "info[1]/web", "uri"),
    ("<area>", "<web>http://[a</web><area>", "info[1]/web", "uri"),
    ("<area>", "<web>a%2</web><area>", "info[1]/web", "uri"),
    ("<area>", "<parameter/><area>", "info[1]/parameter[1]/valueName", "required"),
    ("<area>", "<area/><area>", "info[1]/area[1]/areaDesc", "required"),
    ("48.9,2.4 ", "", "info[1]/area[1]/polygon[1]", "polygon"),
    ("48.9,2.4 48.8,2.3", "48.9,2.4 48.8,2.4", "info[1]/area[1]/polygon[1]", "polygon"),
    ("48.9,2.4", "90.1,2.4", "info[1]/area[1]/polygon[1]", "earth"),
    ("48.9,2.4", "48.9,-180.5", "info[1]/area[1]/polygon[1]", "earth"),
    ("48.9,2.4", "48.9,2.4,1", "info[1]/area[1]/polygon[1]", "polygon"),
    ("48.9,2.4", "48.9,NaN", "info[1]/area[1]/polygon[1]", "polygon"),
    ("48.9,2.4", "48.9,1e1", "info[1]/area[1]/polygon[1]", "polygon"),
    ("48.85,2.35 1.5", "48.85,2.35", "info[1]/area[1]/circle[1]", "circle"),
    ("48.85,2.35 1.5", "48.85,2.35 -1", "info[1]/area[1]/circle[1]", "circle"),
    ("</circle>", "</circle><ceiling>1</ceiling>", "info[1]/area[1]/ceiling", "altitude-needed"),
    (
        "</circle>",
        "</circle><altitude>2</altitude><ceiling>1</ceiling>",
        "info[1]/area[1]/ceiling",
        "ceiling-below",
    ),
    ("</circle>", "</circle><altitude>1e9</altitude>", "info[1]/area[1]/altitude", "number"),
    ("</circle>", "</circle><altitude>1000000000</altitude>", "info[1]/area[1]/altitude", "number"),
    ("<scope>", "<password>x</password><scope>", "", "unknown"),
    ("<scope>", "<scope xmlns='a'>Public</scope><scope>", "", "unknown"),
    ("<event>", "<event lang='fr'>", "info[1]/event", "attribute"),
    ("<info>", "<info a='b'>", "info[1]", "attribute"),
    ("<scope>", "x<scope>", "", "text"),
    ("<scope>", "<scope>Public</scope><scope>", "", "twice"),
    ("<scope>", "<note>x</note><scope>", "", "order"),
    ("<info>", "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/><info>", "", "order"),
    (
        "<event>",
        "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/><event>",
        "info[1]",
        "unknown",
    ),
]


@pytest.mark.parametrize(("pattern", "replacement", "element", "rule"), BROKEN)
def test_a_refusal_names_the_element_and_the_rule(
    pattern: str, replacement: str, element: str, rule: str
) -> None:
    with pytest.raises(InvalidAlert) as refused:
        read(changed(pattern, replacement))
    assert [(p.element, p.rule) for p in refused.value.problems[:1]] == [(element, rule)]
    for language in ("fr", "en"):
        assert "{" not in refused.value.text.in_language(language)


def test_all_that_is_wrong_is_said_at_once() -> None:
    document = changed("Immediate.*Likely", "Now</urgency><severity>x</severity><certainty>y")
    with pytest.raises(InvalidAlert) as refused:
        read(document)
    assert [p.element for p in refused.value.problems] == [
        "info[1]/urgency", "info[1]/severity", "info[1]/certainty",
    ]  # fmt: skip
    assert "(And 2 more problems.)" in refused.value.text.in_language("en")
    assert "(Et 2 autres problèmes.)" in refused.value.text.in_language("fr")


@pytest.mark.parametrize("msg_type", ["Update", "Cancel", "Ack", "Error"])
def test_what_is_about_another_alert_names_it(msg_type: str) -> None:
    with pytest.raises(InvalidAlert) as refused:
        read(changed(">Alert<", f">{msg_type}<"))
    assert refused.value.problems[0].rule == "references-needed"
    document = changed(">Alert<", f">{msg_type}<").replace(
        b"</scope>", f"</scope><references>{EARLIER}\n {EARLIER}</references>".encode()
    )
    assert [str(r) for r in read(document).alert.references] == [EARLIER, EARLIER]


@pytest.mark.parametrize("msg_type", [MsgType.CANCEL, MsgType.ACK, MsgType.ERROR])
def test_an_answer_needs_no_info(msg_type: MsgType) -> None:
    earlier = alert(identifier="7F3J").reference
    assert alert(msg_type=msg_type, references=(earlier,), infos=()).infos == ()


def test_a_scope_has_what_it_needs() -> None:
    restricted = changed("Public</scope>", "Restricted</scope><restriction>SDIS</restriction>")
    assert read(restricted).alert.restriction == "SDIS"
    private = changed("Public</scope>", 'Private</scope><addresses>a@b "c d"</addresses>')
    assert read(private).alert.addresses == ("a@b", "c d")


def test_empty_texts_say_nothing_and_hints_are_ignored() -> None:
    empty = changed(
        "</scope>", "</scope><restriction/><addresses> </addresses><code/><note>\n</note>"
    )
    hint = (
        "xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:schemaLocation='http://127.0.0.1/'"
    )
    received = read(empty.replace(b"<alert", f"<alert {hint}".encode()))
    assert received.alert == read(DOCUMENT.encode()).alert
    assert received.signature is Signature.ABSENT


def test_a_signature_is_said_to_be_unchecked() -> None:
    signed = changed("</alert>", "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/></alert>")
    assert read(signed).signature is Signature.UNCHECKED


def test_the_language_is_american_where_none_is_said() -> None:
    for language in ("", "<language/>"):
        received = read(changed("<language>fr</language>", language))
        assert received.alert.infos[0].language == "en-US"


INEXACT: list[dict[str, Any]] = [
    {"sent": datetime(2026, 11, 24)},
    {"sent": SENT.replace(microsecond=1)},
    {"sent": SENT.replace(tzinfo=timezone(timedelta(seconds=30)))},
    {"sent": datetime(9999, 1, 1, tzinfo=UTC)},
    {"identifier": 7},
    {"identifier": "7F3K\ud800"},
    {"note": "\x00"},
    {"note": "\ufffe"},
    {"codes": ["a list"]},
    {"addresses": ('a b"',)},
    {"addresses": ("",)},
    {"unknown": "x"},
    {"infos": ()},
    {"msg_type": MsgType.UPDATE},
    {"scope": Scope.PRIVATE},
]


@pytest.mark.parametrize("fields", INEXACT, ids=str)
def test_code_cannot_make_an_alert_that_could_not_be_written(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        alert(**fields)
    assert problems(refused.value)
    assert "7F3K" not in str(refused.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1E+9", "1E-16", "-1E+999999"])
def test_a_number_has_few_digits(number: str) -> None:
    with pytest.raises(ValidationError):
        Area(description="x", altitude=Decimal(number))
    with pytest.raises(ValueError, match="it"):
        Circle(Point(Decimal(0), Decimal(0)), Decimal(number))


def test_a_polygon_is_closed() -> None:
    corner = Point(Decimal(0), Decimal(0))
    with pytest.raises(ValueError, match="four or more"):
        Polygon((corner, corner, corner))


def test_what_could_not_be_read_is_not_written() -> None:
    with pytest.raises(TooLarge):
        write(alert(note="a" * (1 << 20)))
    with pytest.raises(TooLarge):
        write(alert(codes=("a",) * 20_000))


def several(*languages: str) -> Alert:
    return alert(infos=tuple(info(language=tag, headline=tag) for tag in languages))


@pytest.mark.parametrize(
    ("spoken", "wanted", "found"),
    [
        (("en-US", "fr-FR"), "fr-FR", ["fr-FR"]),
        (("en-US", "fr-CA", "fr"), "FR", ["fr"]),
        (("en-US", "fr-CA"), "fr-FR", ["fr-CA"]),
        (("en-US", "fr-CA"), "de", ["fr-CA"]),
        (("de", "en-GB"), "it", ["en-GB"]),
        (("de", "it"), "es", ["de"]),
        (("fr", "en", "FR"), None, ["fr", "FR"]),
        (("de", "fr"), "", ["fr"]),
    ],
)
def test_a_reader_gets_their_language_then_french(
    spoken: tuple[str, ...], wanted: str | None, found: list[str]
) -> None:
    assert [i.language for i in several(*spoken).infos_for(wanted)] == found


def test_the_whole_is_as_grave_and_as_long_as_its_parts() -> None:
    early, late = SENT + timedelta(hours=1), SENT + timedelta(hours=2)
    minor = info(severity=Severity.MINOR, expires=late)
    both = alert(infos=(minor, info(severity=Severity.EXTREME, expires=early)))
    assert (both.severity, both.expires) == (Severity.EXTREME, late)
    assert alert(infos=(minor, info())).expires is None
    answer = alert(msg_type=MsgType.ACK, references=(both.reference,), infos=(), identifier="a")
    assert (answer.severity, answer.expires) == (Severity.UNKNOWN, None)
    assert answer.infos_for("fr") == ()
    assert Severity.EXTREME.exceeds(Severity.SEVERE)
    assert not Severity.MINOR.exceeds(Severity.MINOR)
