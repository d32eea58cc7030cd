"""What fails is tried again, less and less often, and keeps nothing else from being done."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from xmppgov_archive.retention.rounds import LONGEST, RETRY, TICK, Rounds, pause


def test_the_pause_grows_until_it_is_long() -> None:
    assert pause(0) == TICK
    pauses = [pause(failed) for failed in range(1, 2000)]
    assert pauses[0] == RETRY
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


async def test_one_that_fails_holds_up_no_other() -> None:
    done, all_done = list[str](), asyncio.Event()

    async def end_what_is_over() -> None:
        raise OSError("the disk is full")

    async def undone() -> list[str]:
        return ["broken", "whole"]

    async def carry_out(erasure: str) -> None:
        if erasure == "broken":
            raise OSError("the disk is full")
        done.append(erasure)
        all_done.set()

    rounds = Rounds(
        holds=cast(Any, SimpleNamespace(end_what_is_over=end_what_is_over)),
        erasing=cast(Any, SimpleNamespace(carry_out=carry_out)),
        store=cast(Any, SimpleNamespace(undone=undone)),
    )
    async with rounds, asyncio.timeout(10):
        await all_done.wait()
    assert done == ["whole"]
