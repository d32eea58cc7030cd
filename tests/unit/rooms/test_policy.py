"""A seat's tables: complete, in order, and always able to go back."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.rooms.model import Keys, Standing
from xmppgov.rooms.policy import (
    IN_ROOM,
    NEXT_STEP,
    TRANSITIONS,
    VACANT,
    Stage,
    Step,
    Wish,
    advance,
    standing,
    wish,
)

EVENTS = [*Wish, *Step]


def test_the_way_in_is_affiliation_then_bookmark_then_invitation() -> None:
    stage, steps = advance(Stage.WAITING, Wish.ADMIT), []
    while stage in NEXT_STEP:
        steps.append(NEXT_STEP[stage])
        stage = advance(stage, NEXT_STEP[stage])
    assert steps == [Step.SET, Step.BOOKMARK, Step.INVITE]
    assert stage is Stage.ADMITTED


def test_the_way_out_is_affiliation_then_bookmark() -> None:
    for start in IN_ROOM:
        stage, steps = advance(start, Wish.DROP), []
        while stage in NEXT_STEP:
            steps.append(NEXT_STEP[stage])
            stage = advance(stage, NEXT_STEP[stage])
        assert steps == [Step.SET, Step.RETRACT]
        assert stage in VACANT


def test_only_usable_keys_open_a_room() -> None:
    for stage, event in itertools.product(Stage, EVENTS):
        if stage not in IN_ROOM and advance(stage, event) in IN_ROOM:
            assert event is Wish.ADMIT
    assert [keys for keys in Keys if wish(True, keys) is Wish.ADMIT] == [Keys.USABLE]
    assert {wish(False, keys) for keys in Keys} == {Wish.DROP}


def test_unknown_keys_move_nobody_in_or_out() -> None:
    for stage in Stage:
        assert (advance(stage, Wish.KEEP) in IN_ROOM) == (stage in IN_ROOM)


def test_lost_keys_lead_out_from_every_stage_in_the_room() -> None:
    for stage in IN_ROOM:
        for event in (Wish.HOLD, Wish.NO_ACCOUNT, Wish.DROP):
            assert advance(stage, event) is Stage.LEAVING


def test_nothing_in_the_table_is_idle() -> None:
    assert all(after is not before for (before, _), after in TRANSITIONS.items())


def test_standings() -> None:
    assert {s for s in Stage if standing(s) is Standing.ADMITTED} == IN_ROOM
    assert [s for s in Stage if standing(s) is Standing.NO_ACCOUNT] == [Stage.NO_ACCOUNT]


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_happened_a_wish_is_fulfilled_by_doing_the_steps(events: list[object]) -> None:
    stage = Stage.WAITING
    for event in events:
        if not isinstance(event, Step) or NEXT_STEP.get(stage) is event:
            stage = advance(stage, event)
    for final, expected in (
        (Wish.ADMIT, {Stage.ADMITTED}),
        (Wish.HOLD, {Stage.WAITING}),
        (Wish.NO_ACCOUNT, {Stage.NO_ACCOUNT}),
        (Wish.DROP, VACANT),
    ):
        assert _settled(stage, final) in expected


def _settled(stage: Stage, final: Wish) -> Stage:
    for _ in range(10):
        stage = advance(stage, final)
        if stage not in NEXT_STEP:
            return advance(stage, final)
        stage = advance(stage, NEXT_STEP[stage])
    raise AssertionError("it never settles")
