"""Alerts for tests: any that the model allows, and one document to break."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from xmppgov.cap.model import Alert, Area, Info, NamedValue, Resource
from xmppgov.cap.policy import REFERRING, SHOWN
from xmppgov.cap.references import Reference
from xmppgov.cap.shapes import Circle, Point, Polygon
from xmppgov.cap.words import (
    Category,
    Certainty,
    MsgType,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
)

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SENT = datetime(2026, 11, 24, 18, 0, tzinfo=timezone(timedelta(hours=1)))
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>7F3K</identifier>
  <sender>alertes@gov.example</sender>
  <sent>2026-11-24T18:00:00+01:00</sent>
  <status>Exercise</status>
  <msgType>Alert</msgType>
  <scope>Public</scope>
  <info>
    <language>fr</language>
    <category>Met</category>
    <event>Crue</event>
    <urgency>Immediate</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <expires>2026-11-24T20:00:00+01:00</expires>
    <headline>La Seine déborde</headline>
    <area>
      <areaDesc>Quais</areaDesc>
      <polygon>48.8,2.3 48.9,2.3 48.9,2.4 48.8,2.3</polygon>
      <circle>48.85,2.35 1.5</circle>
    </area>
  </info>
</alert>
"""


def changed(pattern: str, replacement: str) -> bytes:
    """Return the document with the one place that `pattern` matches replaced."""
    text, count = re.subn(pattern, lambda _: replacement, DOCUMENT, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


def info(**fields: Any) -> Info:
    """Return an info with these fields, and the least beside them."""
    least = {
        "categories": (Category.MET,),
        "event": "Flood",
        "urgency": Urgency.IMMEDIATE,
        "severity": Severity.SEVERE,
        "certainty": Certainty.LIKELY,
    }
    return Info(**{**least, **fields})


def alert(**fields: Any) -> Alert:
    """Return an alert with these fields, and the least beside them."""
    least = {
        "identifier": "7F3K",
        "sender": "alertes@gov.example",
        "sent": SENT,
        "status": Status.ACTUAL,
        "msg_type": MsgType.ALERT,
        "scope": Scope.PUBLIC,
        "infos": (info(),),
    }
    return Alert(**{**least, **fields})


characters = st.characters(
    min_codepoint=0x20, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff"
) | st.sampled_from("\t\n\r&<>\"']\x85\xa0\u2028")
raw = st.text(characters, max_size=30)
filled = raw.filter(str.strip)
names = st.text(characters, min_size=1, max_size=20).filter(
    lambda text: not re.search(r"[\s,<&]", text)
)
words = filled.filter(lambda text: '"' not in text) | st.sampled_from(['5"', 'a"b"'])
languages = st.sampled_from(["fr", "en-US", "fr-CA", "FR", "br", "zh-Hant-TW", "en"])
uris = st.builds(
    "https://gov.example/{}".format, st.text("aé0/?=%.:;&+-~()'*", max_size=12)
).filter(lambda uri: not re.search("%(?![0-9a-fA-F]{2})", uri)) | st.sampled_from(
    ["mailto:alertes@gov.example", "crue.png", "urn:isbn:1", "https://[::1]:8443/a#b", "a%20b"]
)
moments = st.builds(
    lambda naive, minutes: naive.replace(
        microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)) if minutes else UTC
    ),
    st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)),
    st.integers(-840, 840),
)


def numbers(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(least, most, allow_nan=False, places=4) | st.just(Decimal(0))


points = st.builds(Point, numbers(-90, 90), numbers(-180, 180))
polygons = st.lists(points, min_size=3, max_size=6).map(lambda p: Polygon((*p, p[0])))
circles = st.builds(Circle, points, numbers(0, 20_000))
named_values = st.builds(lambda name, value: NamedValue(name=name, value=value), filled, raw)
references = st.builds(Reference, names, names, moments)
resources = st.fixed_dictionaries(
    {
        "description": filled,
        "mime_type": filled,
        "size": st.none() | st.integers(0, 2**63 - 1),
        "uri": st.none() | uris,
        "content": st.none() | filled,
        "digest": st.none() | filled,
    }
).map(lambda fields: Resource(**fields))


def few(one: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, min_size=least, max_size=3).map(tuple)


@st.composite
def areas(draw: st.DrawFn) -> Area:
    heights = sorted(draw(st.lists(numbers(-1000, 100_000), max_size=2)))
    return Area(
        description=draw(filled),
        polygons=draw(few(polygons)),
        circles=draw(few(circles)),
        geocodes=draw(few(named_values)),
        altitude=heights[0] if heights else None,
        ceiling=heights[1] if len(heights) > 1 else None,
    )


@st.composite
def infos(draw: st.DrawFn, sent: datetime) -> Info:
    effective = draw(st.none() | moments)
    begins = effective or sent
    expires = draw(st.none() | moments.filter(lambda moment: moment > begins))
    return Info(
        language=draw(languages),
        categories=draw(few(st.sampled_from(Category), 1)),
        event=draw(filled),
        response_types=draw(few(st.sampled_from(ResponseType))),
        urgency=draw(st.sampled_from(Urgency)),
        severity=draw(st.sampled_from(Severity)),
        certainty=draw(st.sampled_from(Certainty)),
        audience=draw(st.none() | filled),
        event_codes=draw(few(named_values)),
        effective=effective,
        onset=draw(st.none() | moments),
        expires=expires,
        sender_name=draw(st.none() | filled),
        headline=draw(st.none() | filled),
        description=draw(st.none() | filled),
        instruction=draw(st.none() | filled),
        web=draw(st.none() | uris),
        contact=draw(st.none() | filled),
        parameters=draw(few(named_values)),
        resources=draw(few(resources)),
        areas=draw(few(areas())),
    )


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    msg_type = draw(st.sampled_from(MsgType))
    scope = draw(st.sampled_from(Scope))
    sent = draw(moments.filter(lambda moment: moment.year < 9000))
    identifier = draw(names)
    others = references.filter(lambda reference: reference.identifier != identifier)
    return Alert(
        identifier=identifier,
        sender=draw(names),
        sent=sent,
        status=draw(st.sampled_from(Status)),
        msg_type=msg_type,
        source=draw(st.none() | filled),
        scope=scope,
        restriction=draw(filled if scope is Scope.RESTRICTED else st.none() | filled),
        addresses=draw(few(words, scope is Scope.PRIVATE)),
        codes=draw(few(filled)),
        note=draw(st.none() | filled),
        references=draw(few(others, msg_type in REFERRING)),
        incidents=draw(few(words)),
        infos=draw(few(infos(sent), msg_type in SHOWN)),
    )
