from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from xmppgov.bot.turns import Progress, Turns

SENDERS = st.lists(st.sampled_from("abc"), max_size=40)


async def _all(turns: Turns[int], count: int) -> list[tuple[str, int]]:
    return [await turns.get() for _ in range(count)]


@given(SENDERS, st.integers(1, 20))
def test_each_in_order_and_everybody_in_turn(senders: list[str], depth: int) -> None:
    turns: Turns[int] = Turns(depth)
    taken = [(sender, n) for n, sender in enumerate(senders) if turns.put(sender, n)]
    served = asyncio.run(_all(turns, len(taken)))
    for sender in "abc":
        mine = [item for item in taken if item[0] == sender]
        assert [item for item in served if item[0] == sender] == mine
        assert len(mine) == min(depth, senders.count(sender))
        assert turns.settled(sender) == senders.count(sender) - len(mine)
        assert turns.dropped(sender) == 0
    for turn in range(len(served)):
        given_to = Counter(sender for sender, _ in served[:turn])
        waiting = {sender for sender, _ in served[turn:]}
        assert all(given_to[sender] >= max(given_to.values(), default=0) - 1 for sender in waiting)


async def test_what_comes_later_wakes_who_waits() -> None:
    turns: Turns[int] = Turns(1)
    waiting = asyncio.ensure_future(turns.get())
    await asyncio.sleep(0)
    assert turns.put("a", 1)
    assert not turns.put("a", 2)
    assert turns.dropped("a") == 1
    assert turns.settled("a") == 0
    assert await waiting == ("a", 1)
    assert turns.settled("a") == 1


@given(st.permutations(range(8)))
def test_no_mark_passes_what_is_open(order: list[int]) -> None:
    progress, done, mark = Progress(), set[int](), -1
    for identity in range(8):
        progress.begin(str(identity))
    for identity in order:
        reached = progress.reached(str(identity))
        progress.end(str(identity))
        done.add(identity)
        if reached is not None:
            assert int(reached) > mark
            mark = int(reached)
        assert set(range(mark + 1)) <= done
    assert mark == 7


def test_what_did_not_begin_reaches_nothing() -> None:
    progress = Progress()
    assert progress.reached("x") is None
    progress.begin("a")
    progress.begin("a")
    progress.end("x")
    assert progress.reached("a") == "a"
    progress.end("a")
    progress.end("a")
    assert progress.reached("a") is None
