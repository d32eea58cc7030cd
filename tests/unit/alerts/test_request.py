"""The JSON of a request: what is taken, and the sentence for what is not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.cap.words import Severity
from xmppgov.errors import BadRequest
from xmppgov_alerts.errors import Unprocessable
from xmppgov_alerts.model import AlertRequest
from xmppgov_alerts.request import parse

GOOD: dict[str, Any] = {"to": ["group:grp-1"], "severity": "Severe", "text": "Évacuez."}


def body(**members: Any) -> bytes:
    return json.dumps({**GOOD, **members}).encode()


def test_the_smallest_request() -> None:
    request = parse(AlertRequest, json.dumps(GOOD).encode())
    assert request == AlertRequest(to=["group:grp-1"], severity=Severity.SEVERE, text="Évacuez.")
    assert (request.lang, request.expires) == ("fr", None)


@given(
    st.lists(
        st.from_regex(r"(group|room|body|person):[a-z0-9@.-]{1,40}", fullmatch=True),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(list(Severity)),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip),
    st.sampled_from(["fr", "en", "en-GB", "br", "zh-Hant"]),
    st.datetimes(timezones=st.just(UTC), min_value=datetime(2001, 1, 1)),
)
def test_every_good_request_is_read_back(
    to: list[str], severity: Severity, text: str, lang: str, expires: datetime
) -> None:
    written = body(
        to=to, severity=severity.value, text=text, lang=lang, expires=expires.isoformat()
    )
    request = parse(AlertRequest, written)
    assert (request.to, request.severity, request.text) == (to, severity, text)
    assert (request.lang, request.expires) == (lang, expires)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", b"{", b'{"a": NaN}', b'{"to": [], "to": []}', b"\xff", b"1" * 5000,
        b"[" * 60_000, b'{"a":' * 20_000, "{}".encode("utf-16"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="not a JSON object"):
        parse(AlertRequest, raw)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("to", []), ("to", "group:a"), ("to", ["group:"]), ("to", ["a"]), ("to", ["group:a b"]),
        ("to", ["group:*"]), ("to", [1]), ("to", ["group:a"] * 51), ("to", None),
        ("severity", "severe"), ("severity", "Actual"), ("severity", 1), ("severity", None),
        ("text", ""), ("text", " \n"), ("text", "x" * 8001), ("text", "a\x00b"),
        ("text", "\x1b[2J"),
        ("text", "\ud800"), ("text", "\uffff"), ("text", 1),
        ("lang", ""), ("lang", "f"), ("lang", "fr_FR"), ("lang", 1), ("lang", "fr\n"),
        ("expires", 1_900_000_000), ("expires", "1900000000"), ("expires", "2030-01-01"),
        ("expires", "2030-01-01T00:00:00"), ("expires", "2030-13-01T00:00:00Z"), ("expires", ""),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(member: str, value: object) -> None:
    with pytest.raises(Unprocessable, match=f"^{member}:"):
        parse(AlertRequest, body(**{member: value}))


@pytest.mark.parametrize("member", ["to", "severity", "text"])
def test_a_missing_member_is_named(member: str) -> None:
    members = {name: value for name, value in GOOD.items() if name != member}
    with pytest.raises(Unprocessable, match=f"^{member}:"):
        parse(AlertRequest, json.dumps(members).encode())


def test_an_unknown_member_is_refused_and_named() -> None:
    with pytest.raises(Unprocessable, match=r"^urgency: unknown member"):
        parse(AlertRequest, body(urgency="Immediate"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.sampled_from([*GOOD, "lang", "expires"]), inner)
        ),
    )
)
def test_no_json_whatever_raises_anything_else(document: object) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(AlertRequest, json.dumps(document).encode())
    assert refused.value.text.in_language("fr") != refused.value.text.in_language("en")


@given(st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_else(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(AlertRequest, raw)


def test_a_refusal_never_quotes_the_text() -> None:
    with pytest.raises(Unprocessable) as refused:
        parse(AlertRequest, body(text="SECRET" + "\x00"))
    assert "SECRET" not in str(refused.value) + str(refused.value.text.params)
    assert refused.value.__cause__ is None
