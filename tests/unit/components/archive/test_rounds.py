"""Rounds: when one is over, and that whoever leads them can be stopped at every moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.components.archive.test_publication import publication, signed
from tests.unit.tlog.notes import cosigned
from xmppgov_archive.log.rounds import Round, Rounds
from xmppgov_archive.log.witnesses import Witnesses


def over(one: Round) -> bool:
    return one._over.is_set()


def test_a_round_is_over_when_nobody_is_awaited_or_enough_have_cosigned() -> None:
    assert over(Round(cosigned(), []))
    one = Round(cosigned(), ["w1", "w2"])
    one.heard("w1")
    one.heard("w1")
    one.heard("nobody")
    assert not over(one)
    one.heard("w2")
    assert over(one)
    other = Round(cosigned(), ["w1", "w2"])
    other.enough()
    assert over(other)


async def test_a_witness_waits_for_another_round() -> None:
    rounds, first, second = Rounds(), Round(cosigned(), []), Round(cosigned(), [])
    waiting = asyncio.create_task(rounds.other_than(None))
    await rounds.begin(first)
    assert await waiting is first
    assert await rounds.other_than(None) is first
    waiting = asyncio.create_task(rounds.other_than(first))
    await asyncio.sleep(0)
    assert not waiting.done()
    await rounds.begin(second)
    assert await waiting is second


@pytest.mark.parametrize("steps", range(12))
async def test_it_can_be_stopped_at_every_moment(tmp_path: Path, steps: int) -> None:
    published = publication(tmp_path)
    await published.publish(signed(1))
    leader = Witnesses(
        publication=published,
        witnesses=[],
        store=None,  # type: ignore[arg-type]
        read=lambda path: b"",
        interval=0.0,
        clock=lambda: 0,
        chance=lambda: 0.0,
    )
    task = asyncio.create_task(leader._lead([]))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.cancelled()
