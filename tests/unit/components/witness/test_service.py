"""The compare and swap: two forks race, writes fail, evidence is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from tests.unit.components.witness.conftest import KEYS, served, witness
from tests.unit.components.witness.histories import FORK, LOG, MAIN, ORIGIN, History
from xmppgov.tlog.note import open_note
from xmppgov.tlog.witness import parse_cosignatures
from xmppgov_witness.errors import Inconsistent, OldSizeWrong
from xmppgov_witness.store import Seen, WitnessStore


async def ask(client: TestClient, history: History, old: int, size: int) -> int:
    body = history.request(old, size)
    response = await client.post("/add-checkpoint", data=body)
    if response.status == 200:
        parse_cosignatures(history.checkpoint(size).text(), await response.read(), KEYS)
    return response.status


async def latest(database: Path) -> tuple[int, bytes]:
    store = await WitnessStore.open_read_only(database)
    seen = await store.latest(ORIGIN)
    await store.close()
    assert seen is not None
    return seen.size, seen.root


async def test_of_two_forks_that_race_exactly_one_is_signed(tmp_path: Path) -> None:
    """Over two processes' worth of connections to one database, twenty times."""
    for turn in range(20):
        path = tmp_path / str(turn) / "witness.db"
        async with served(path) as first, served(path) as second:
            assert await ask(first, MAIN, 0, 5) == 200
            sides = [(MAIN, 8), (FORK, 8), (FORK, 7), (MAIN, 9)] * 3
            answers = await asyncio.gather(
                *(
                    ask((first, second)[n % 2], history, 5, size)
                    for n, (history, size) in enumerate(sides)
                )
            )
            assert answers.count(200) == 1
            assert set(answers) <= {200, 409}
            history, size = sides[answers.index(200)]
            assert await latest(path) == (size, history.checkpoint(size).root)
            other = FORK if history is MAIN else MAIN
            assert await ask(first, other, size, 12) == 422


async def test_two_first_checkpoints_race(tmp_path: Path) -> None:
    path = tmp_path / "witness.db"
    async with served(path) as first, served(path) as second:
        answers = await asyncio.gather(
            *(ask((first, second)[n % 2], (MAIN, FORK)[n % 2], 0, 7) for n in range(12))
        )
        assert answers.count(200) == 1


class Faulty(WitnessStore):
    """A store whose next swap fails, before or after it was done."""

    fault: str | None = None

    async def swap(self, origin: str, old: Seen | None, new: Seen) -> bool:
        fault, Faulty.fault = Faulty.fault, None
        if fault == "before":
            raise sqlite3.OperationalError("disk I/O error")
        done = await super().swap(origin, old, new)
        if fault == "after":
            raise sqlite3.OperationalError("disk I/O error")
        return done


@pytest.mark.parametrize(("fault", "kept"), [("before", 5), ("after", 8)])
async def test_without_a_durable_swap_nothing_is_answered(
    tmp_path: Path, fault: str, kept: int
) -> None:
    async with served(tmp_path / "witness.db", Faulty) as client:
        assert await ask(client, MAIN, 0, 5) == 200
        Faulty.fault = fault
        response = await client.post("/add-checkpoint", data=MAIN.request(5, 8))
        assert response.status == 500
        assert "—" not in await response.text()
        other = await client.post("/add-checkpoint", data=FORK.request(4, 8))
        assert await other.text() == f"{kept}\n"
        assert await ask(client, MAIN, kept, 8) == 200
        assert await ask(client, FORK, 8, 8) == 422


async def test_a_second_history_is_kept_as_evidence(tmp_path: Path) -> None:
    store = await WitnessStore.open(tmp_path / "witness.db")
    one = witness(store)
    await one.add_checkpoint(MAIN.request(0, 9))
    for _ in range(2):
        with pytest.raises(Inconsistent):
            await one.add_checkpoint(FORK.request(9, 9))
    with pytest.raises(Inconsistent):  # a wrong proof is anybody's, and proves nothing
        await one.add_checkpoint(FORK.request(9, 12))
    with pytest.raises(OldSizeWrong):
        await one.add_checkpoint(FORK.request(5, 9))
    forks = await store.forks(ORIGIN)
    [(fork, against)] = forks
    assert (fork.size, fork.root) == (9, FORK.checkpoint(9).root)
    for note, history in ((fork.note, FORK), (against, MAIN)):
        assert open_note(note, [LOG.verifier]).text == history.checkpoint(9).text()
    await store.close()


async def test_a_refusal_stands_where_evidence_cannot_be_kept(tmp_path: Path) -> None:
    class Full(WitnessStore):
        async def keep_fork(self, origin: str, fork: Seen, latest: Seen) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    async with served(tmp_path / "witness.db", Full) as client:
        assert await ask(client, MAIN, 0, 9) == 200
        assert await ask(client, FORK, 9, 9) == 422
