"""Any sequence of messages, days, holds, releases, erasures and crashes explains every record."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.archive.batches import batch
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.retention.world import (
    DAY,
    TWO,
    VISA,
    AtWork,
    at,
    at_work,
    message,
    nothing,
    short,
)
from xmppgov.archive.leaf import DataLeaf, Erase, parse_leaf
from xmppgov.archive.ranges import read
from xmppgov.archive.report import Report
from xmppgov.errors import RemoteFault
from xmppgov.storage.database import Database
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.proof import TlogProof
from xmppgov_archive.log import integrator
from xmppgov_archive.records.keys import KeyRing
from xmppgov_archive.records.service import Committed
from xmppgov_archive.retention import rounds
from xmppgov_archive.retention.folder import SlipFolder
from xmppgov_archive.retention.model import Hold, Traits
from xmppgov_archive.retention.policy import covers, day_of, is_due, month_of
from xmppgov_archive.retention.service import preview

PEOPLE = ("alice", "bob", "carol")
FAILURES = (OSError, sqlite3.Error)

send = st.tuples(st.just("send"), st.integers(0, 2), st.integers(0, 70), st.integers(1, 4))
wait = st.tuples(st.just("wait"), st.integers(20, 70))
hold = st.tuples(
    st.just("hold"),
    st.integers(0, 3),
    st.integers(0, 90),
    st.integers(0, 2),
    st.integers(0, 60),
)
release = st.tuples(st.just("release"), st.integers(0, 3))
erase = st.tuples(st.just("erase"), st.booleans())
crash = st.tuples(st.just("crash"), st.integers(0, 25), st.booleans())
resend = st.tuples(st.just("resend"), st.integers(0, 40))
chapters = st.tuples(
    send,
    st.lists(hold | send, max_size=2),
    wait,
    st.lists(crash, max_size=1),
    st.lists(erase | release | resend, max_size=3),
).map(lambda c: [c[0], *c[1], c[2], *c[3], *c[4]])
scripts = st.lists(chapters, min_size=1, max_size=4).map(lambda cs: [s for c in cs for s in c])


class Story:
    """An archive, what has been sent to it, and what its records have to be."""

    def __init__(self, folder: Path) -> None:
        self.place = short(Place(folder))
        self.place.now = at(2026, 1, 10)
        self.sent: list[Any] = []
        self.spool: list[Any] = []
        self.senders: dict[int, str] = {}
        """Pseudonyms of senders by number, as far as they mattered to a hold."""
        self.fault: tuple[int, bool] | None = None

    async def tell(self, script: list[tuple[Any, ...]]) -> None:
        todo = list(script)
        while todo:
            with suppress(*FAILURES):
                async with at_work(self.place) as parts:
                    while todo:
                        name, *details = todo.pop(0)
                        if name == "crash":
                            self.fault = (details[0], details[1])
                            break  # the next life of the archive is short
                        with self._faults():
                            await getattr(self, f"_{name}")(parts, *details)
        async with at_work(self.place) as parts:
            await self._flush(parts)
            await self._settled(parts)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Fail one durable step, before or after it was done, as long as a fault is due."""
        patch = pytest.MonkeyPatch()
        if self.fault is not None:
            left, persisted = self.fault
            counter = Steps(left, persisted)
            patch.setattr(Database, "_to_its_end", counter.commits(Database._to_its_end))
            patch.setattr(KeyRing, "destroy", counter.calls(KeyRing.destroy))
            patch.setattr(SlipFolder, "write", counter.calls(SlipFolder.write))
            patch.setattr(SlipFolder, "notify", counter.calls(SlipFolder.notify))
        try:
            yield
        finally:
            if self.fault is not None and counter.left < 0:
                self.fault = None
            patch.undo()

    async def _send(self, parts: AtWork, who: int, back: int, count: int) -> None:
        await self._flush(parts)
        first = len(self.sent) + 1
        t = max(self.place.now - back * DAY, at(2026, 1, 1))
        self.spool = [message(first + n, t + n, PEOPLE[who]) for n in range(count)]
        await self._flush(parts)

    async def _flush(self, parts: AtWork) -> None:
        """Send what is not acknowledged, as an emitter does after a failure."""
        if self.spool:
            answer = await parts.archive.commit(SERVER, batch(EPOCH, *self.spool))
            assert answer == Committed(self.spool[-1].seq)
            self.sent += self.spool
            self.spool = []

    async def _resend(self, parts: AtWork, start: int) -> None:
        rows = self.sent[start : start + 5]
        if rows:
            answer = await parts.archive.commit(SERVER, batch(EPOCH, *rows))
            assert answer == Committed(rows[-1].seq)

    async def _wait(self, parts: AtWork, days: int) -> None:
        self.place.now += days * DAY
        await parts.archive.close_what_is_due()
        await parts.retention.holds.end_what_is_over()

    async def _hold(self, parts: AtWork, id: int, back: int, people: int, lasts: int) -> None:
        first = max(self.place.now - back * DAY, at(2026, 1, 1))
        found = await self.place.records()
        self.senders |= {int(f.record["es"]): f.sender for f in found}
        names = sorted({f.sender for f in found if f.t >= first})[:people]
        if people and not names:
            return
        said = {
            "first": day(first),
            "last": day(first + 40 * DAY),
            "people": " ".join(names) or None,
        }
        until = day(self.place.now + lasts * DAY)
        with suppress(RemoteFault):
            extent = parts.retention.holds.extent(**said)
            await parts.retention.holds.make(
                f"hold-{id}", extent, "judicial", until, "dpo", nothing
            )

    async def _release(self, parts: AtWork, id: int) -> None:
        with suppress(RemoteFault):
            await parts.retention.holds.release(f"hold-{id}", TWO, nothing)

    async def _erase(self, parts: AtWork, everything: bool) -> None:
        due = [one.part for one in (await self._preview(parts)) if one.records]
        with suppress(RemoteFault):
            await parts.retention.promises.erase(due if everything else due[:1], VISA, TWO, nothing)
        parts.retention.rounds.wake()
        if everything:
            await self._settled(parts)

    async def _preview(self, parts: AtWork) -> list[Any]:
        retention = parts.retention
        holds = await retention.holds.lasting()
        found = await preview(retention.reading, retention.setting, retention.holds.today, holds)
        return found.due

    async def _settled(self, parts: AtWork) -> None:
        while await parts.retention.promises._store.undone():
            await asyncio.sleep(0.002)

    async def check(self) -> Report:
        """Check that each index is exactly one of present, erased by one entry; and the rest."""
        report = await self.place.verify()
        assert not report.total, report.findings
        async with self.place.inspected() as inspection:
            leaves = await inspection.store.indexed_leaves(0, 10**9)
            present = {row.idx for row in await inspection.store.rows(0, 10**9)}
            holds = await inspection.retention.store.holds()
        parsed = {index: parse_leaf(data) for index, data in leaves.items()}
        data = {index for index, leaf in parsed.items() if isinstance(leaf, DataLeaf)}
        erased: dict[int, int] = {}
        for index, leaf in parsed.items():
            if isinstance(leaf, Erase):
                for first, last in read(leaf.indexes):
                    for one in range(first, last + 1):
                        assert one not in erased
                        erased[one] = index
        assert present | erased.keys() == data
        assert not present & erased.keys()
        assert (report.records, report.erased) == (len(present), len(erased))
        assert len(data) == len(self.sent)
        await self._check_holds(holds, erased)
        await self._check_proofs(sorted(present)[:3] + sorted(erased)[:3])
        return report

    async def _check_holds(self, holds: list[Hold], erased: dict[int, int]) -> None:
        """What a hold covered was erased neither while it lasted nor before it was due."""
        by_number = dict(enumerate(self.sent, 1))
        period = self.place.section.classes["messages"].period
        async with self.place.inspected() as inspection:
            leaves = await inspection.store.indexed_leaves(0, 10**9)
        for index, entry in erased.items():
            leaf, promise = parse_leaf(leaves[index]), parse_leaf(leaves[entry])
            assert isinstance(leaf, DataLeaf)
            assert isinstance(promise, Erase)
            wire = by_number[leaf.seq]
            assert month_of(wire.t) == promise.month
            assert is_due(promise.month, period, day_of(promise.t))
            for hold in holds:
                lasted = hold.leaf < entry and (hold.ended is None or hold.ended > entry)
                traits = Traits(wire.t, "messages", self.senders.get(leaf.seq, ""), None, None, "")
                assert not (lasted and covers(hold.extent, traits))

    async def _check_proofs(self, indexes: list[int]) -> None:
        key = VerifierKey.parse(self.place.section.verifier_file.read_text())
        async with self.place.inspected() as inspection:
            for index in indexes:
                proof = TlogProof.parse(inspection.prove(index).file)
                proof.verify(leaf_hash(proof.extra), [key], self.place.section.origin)


class Steps:
    """Lets the durable step number `left` from now fail, `persisted` or not."""

    def __init__(self, left: int, persisted: bool) -> None:
        self.left, self.persisted = left, persisted

    def _now(self) -> bool:
        self.left -= 1
        return self.left == -1

    def commits(self, real: Any) -> Any:
        async def to_its_end(database: Database, sql: str) -> None:
            fails = sql == "COMMIT" and self._now()
            if fails and not self.persisted:
                raise sqlite3.OperationalError("disk I/O error")
            await real(database, sql)
            if fails:
                raise sqlite3.OperationalError("disk I/O error")

        return to_its_end

    def calls(self, real: Any) -> Any:
        def call(*args: Any) -> Any:
            fails = self._now()
            if fails and not self.persisted:
                raise OSError(5, "Input/output error")
            result = real(*args)
            if fails:
                raise OSError(5, "Input/output error")
            return result

        return call


def day(t: int) -> str:
    return day_of(t).isoformat()


@settings(
    max_examples=200 if os.environ.get("XMPPGOV_CHAOS") else 40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(scripts)
def test_every_record_is_present_or_erased_by_one_entry(
    tmp_path_factory: pytest.TempPathFactory, script: list[tuple[Any, ...]]
) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(rounds, "RETRY", 0.01)
    patch.setattr(integrator, "RETRY", 0.01)
    try:
        story = Story(tmp_path_factory.mktemp("story"))
        asyncio.run(story.tell(script))
        asyncio.run(story.check())
    finally:
        patch.undo()
