"""A request's life as a table: every event in every state, and who may do what."""

from __future__ import annotations

from itertools import product

import pytest

from xmppgov.archive.leaf import ROLES
from xmppgov.errors import Conflict, NotAllowed, Unexpected
from xmppgov_archive.officers import policy
from xmppgov_archive.officers.model import Event, Standing, State, Step
from xmppgov_archive.officers.policy import TRANSITIONS, after

LIFE = Standing(
    "ab" * 32, "access", "judicial", "17", "a@x", "requester", State.OPEN, 0, 10, None, ()
)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_event_in_every_state_is_decided(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert after(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Unexpected):
            after(state, event)


def test_nothing_leads_out_of_an_end_and_every_state_is_reached() -> None:
    ends = {State.ENDED, *policy.UNMET}
    assert not {state for state, _ in TRANSITIONS} & ends
    assert {State.OPEN, *TRANSITIONS.values()} == set(State)


def test_officers_approve_and_refuse_what_is_not_their_own() -> None:
    for role in ROLES:
        assert policy.check_officer(LIFE, role, "b@x") == role
    for standing, role, address in (
        (LIFE, None, "b@x"),
        (LIFE, "requester", "b@x"),
        (LIFE, "dpo", "a@x"),
        (LIFE._replace(role="dpo"), "dpo", "b@x"),
    ):
        with pytest.raises(NotAllowed):
            policy.check_officer(standing, role, address)


def test_a_role_counts_once() -> None:
    half = LIFE._replace(state=State.HALF, steps=(Step(1, Event.APPROVE, "dpo"),))
    policy.check_first(half, "archivist")
    with pytest.raises(Conflict):
        policy.check_first(half, "dpo")
    assert policy.missing(half) == ["archivist", "security"]
    assert policy.missing(half._replace(role="security")) == ["archivist"]
    assert policy.missing(half._replace(state=State.REFUSED)) == ()


def test_who_may_ask() -> None:
    assert policy.check_request("access", "requester") == "requester"
    assert policy.check_request("hold", "dpo") == "dpo"
    for kind, role in (("access", None), ("erase", "requester"), ("hold", "requester")):
        with pytest.raises(NotAllowed):
            policy.check_request(kind, role)
