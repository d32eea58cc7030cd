"""Ids, numbers, audiences without doubles."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from xmppgov_alerts.model import (
    ALERT_ID,
    TRANSITIONS,
    AlertState,
    Person,
    alert_id,
    distinct,
    rfc3339,
)
from xmppgov_alerts.number import ALPHABET, BYTES, number_of, quoted, shown, typed

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


def test_times_are_told_in_utc() -> None:
    assert rfc3339(NOW.astimezone(timezone(timedelta(hours=11)))) == "2026-11-23T03:40:00Z"


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(AlertState)


@given(st.binary(min_size=BYTES, max_size=BYTES))
def test_a_number_is_what_is_typed_and_what_is_quoted(random: bytes) -> None:
    number = number_of(random)
    assert typed(number.lower()) == number
    assert typed(number.replace("0", "o").replace("1", "l")) == number
    for version in (1, 2, 30):
        assert quoted(f"n° {shown(number, version)} Texte") == (number, version)


def test_numbers_use_the_whole_alphabet_and_are_no_words() -> None:
    numbers = {number_of(n.to_bytes(BYTES, "big")) for n in range(2**20)}
    assert set("".join(numbers)) == set(ALPHABET)
    assert len(numbers) > 600_000
    assert [typed(word) for word in ("mais", "rien", "reçu", "2026x", "u234")] == [None] * 5


@given(st.text())
def test_no_text_whatever_is_misread(text: str) -> None:
    number = typed(text)
    assert number is None or set(number) <= set(ALPHABET)
    quoted(text)
