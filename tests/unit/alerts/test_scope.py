"""A key reaches what its patterns say and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmppgov.cap.words import Severity
from xmppgov_alerts.scope import PATTERN, Scope

TARGET = st.from_regex(r"(group|room|body|person):[a-z0-9@.-]{1,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("patterns", "target", "reached"),
    [
        (("group:*",), "group:grp-1", True),
        (("group:*",), "body:grp-1", False),
        (("body:pref-*",), "body:pref-59", True),
        (("body:pref-*",), "body:min-1", False),
        (("body:pref-5",), "body:pref-59", False),
        (("person:*", "group:a"), "group:a", True),
        ((), "group:a", False),
    ],
)
def test_patterns(patterns: tuple[str, ...], target: str, reached: bool) -> None:
    assert Scope(patterns).reaches(target) is reached


@given(TARGET, TARGET)
def test_a_pattern_without_star_is_one_audience(one: str, other: str) -> None:
    assert Scope((one,)).reaches(other) == (one == other)


@given(TARGET, st.integers(0, 20))
def test_a_star_never_crosses_kinds(target: str, cut: int) -> None:
    kind, _, name = target.partition(":")
    scope = Scope((f"{kind}:{name[:cut]}*",))
    assert scope.reaches(target)
    assert not any(
        scope.reaches(f"{k}:{name}") for k in ("group", "room", "body", "person") if k != kind
    )


def test_every_audience_must_be_within() -> None:
    scope = Scope(("group:*",))
    assert scope.reaches_all(["group:a", "group:b"])
    assert not scope.reaches_all(["group:a", "body:b"])


@pytest.mark.parametrize(
    "pattern", ["*", "group:", "group:a*b", "group:**", "all:*", "group:a b", ""]
)
def test_what_is_no_pattern(pattern: str) -> None:
    assert not re.fullmatch(PATTERN, pattern)


def test_severities_are_ordered_as_in_cap() -> None:
    assert Severity.EXTREME.exceeds(Severity.SEVERE)
    assert Severity.MINOR.exceeds(Severity.UNKNOWN)
    assert not Severity.SEVERE.exceeds(Severity.SEVERE)
    assert not Severity.MODERATE.exceeds(Severity.SEVERE)
