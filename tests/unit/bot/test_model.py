"""The life cycle of a delivery, as a table and in the database."""

import itertools
from pathlib import Path

import pytest

from xmppgov.bot.outbox.model import TRANSITIONS, State, may_follow
from xmppgov.bot.outbox.store import OutboxStore
from xmppgov.bot.store import SCHEMAS
from xmppgov.storage.database import Database


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)
    assert set(itertools.chain(*TRANSITIONS.values())) | {State.QUEUED} == set(State)


def test_an_answer_is_the_end() -> None:
    assert TRANSITIONS[State.ACKNOWLEDGED] == ()
    assert State.ENCRYPTED not in itertools.chain(
        TRANSITIONS[State.SENT], TRANSITIONS[State.ENCRYPTED]
    )


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
async def test_the_store_obeys_the_table(old: State, new: State, tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "bot.sqlite", *SCHEMAS)
    store = OutboxStore(database)
    async with database.transaction() as tx:
        await store.add(tx, [("r", "a@x", "id")], 1.0, 100.0)
        await tx.execute("UPDATE outbox SET state = ?, stanza = 'cipher'", (str(old),))
        changed = await store.move(tx, new, {"id": {}}, 2.0)
    row = await database.fetch_one("SELECT state, stanza FROM outbox")
    assert row is not None
    allowed = old in may_follow(new)
    assert bool(changed) == allowed
    assert row["state"] == (new if allowed else old)
    if allowed:
        assert (row["stanza"] is None) == (new not in (State.ENCRYPTED, State.SENT))
    await database.close()


async def test_a_receipt_of_somebody_else_counts_for_nobody(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "bot.sqlite", *SCHEMAS)
    store = OutboxStore(database)
    async with database.transaction() as tx:
        await store.add(tx, [("r", "a@x", "id")], 1.0, 100.0)
        await store.move(tx, State.ENCRYPTED, {"id": {"stanza": "s"}}, 2.0)
        assert await store.move(tx, State.DELIVERED, {"id": {"by": "mallory@x"}}, 3.0) == []
        assert len(await store.move(tx, State.DELIVERED, {"id": {"by": "a@x"}}, 3.0)) == 1
    await database.close()
