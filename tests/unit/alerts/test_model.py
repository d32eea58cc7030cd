"""Ids, audiences without doubles, the order of a report."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from xmppgov_alerts.model import (
    ALERT_ID,
    TRANSITIONS,
    Alert,
    AlertState,
    Person,
    RecipientState,
    Report,
    Severity,
    alert_id,
    distinct,
    rfc3339,
    troubled_first,
)

NOW = datetime(2026, 11, 23, 3, 40, tzinfo=UTC)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ids_are_distinct_and_can_be_typed(one: bytes, other: bytes) -> None:
    assert ALERT_ID.fullmatch(alert_id(one))
    assert (alert_id(one) == alert_id(other)) == (one == other)


def test_a_person_named_twice_is_alerted_once() -> None:
    alice, bob = Person("p1", "Alice", "alice@gov"), Person("p2", "Bob", None)
    again = Person("p9", "Alice bis", "ALICE@gov")
    assert distinct([alice, bob, alice, again, bob]) == [alice, bob]


def test_people_without_account_are_kept_apart() -> None:
    people = [Person("p1", "A", None), Person("p2", "A", None)]
    assert distinct(people) == people


def test_a_report_counts_every_state_and_puts_trouble_first() -> None:
    alert = Alert("x" * 16, "k", ("group:a",), Severity.MINOR, "fr", NOW, NOW + timedelta(hours=1))
    states = [
        RecipientState("Alice", "alice@gov", "acknowledged", None, NOW),
        RecipientState("Adam", None, "no-account", None, NOW),
        RecipientState("Bob", "bob@gov", "unreachable", "no-device", NOW),
    ]
    document = Report(alert, troubled_first(states)).as_json()
    assert [r["name"] for r in document["recipients"]] == ["Bob", "Adam", "Alice"]  # type: ignore[attr-defined]
    counts = document["counts"]
    assert isinstance(counts, dict)
    assert (counts["acknowledged"], counts["no-account"], counts["queued"]) == (1, 1, 0)
    assert sum(counts.values()) == 3
    assert (document["state"], document["expires"]) == ("open", "2026-11-23T04:40:00Z")


def test_times_are_told_in_utc() -> None:
    assert rfc3339(NOW.astimezone(timezone(timedelta(hours=11)))) == "2026-11-23T03:40:00Z"


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(AlertState)
