"""The archive's use cases: exactly once, in order, and what it says where it cannot."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.streams import read
from tests.unit.archive.batches import batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.test_tampering import tamper
from xmppgov.archive.batch import Batch, CountedMessage, Progress
from xmppgov.archive.leaf import Control, DataLeaf, Refusal, parse_leaf
from xmppgov.errors import NotFound, StorageError, Unreachable
from xmppgov.i18n import Text
from xmppgov_archive.log.folder import LogFolder
from xmppgov_archive.records.policy import conflict
from xmppgov_archive.records.service import Committed, Contradicted, Expected


async def bodies(place: Place) -> list[dict]:
    return [found.record for found in await place.records()]


async def test_a_batch_again_is_answered_like_new_and_kept_once(place: Place) -> None:
    first, second = batch(EPOCH, record(1), record(2)), batch(EPOCH, record(2), record(3))
    async with place.running() as archive:
        assert await archive.last(SERVER, Progress(EPOCH)) == 0
        for part, last in ((first, 2), (first, 2), (second, 3), (first, 2)):
            assert await archive.commit(SERVER, part) == Committed(last)
        assert await archive.last(SERVER, Progress(EPOCH)) == 3
        assert await archive.last("other.example", Progress(EPOCH)) == 0
    assert [body["es"] for body in await bodies(place)] == [1, 2, 3]


async def test_a_number_before_the_batch_is_asked_for(place: Place) -> None:
    async with place.running() as archive:
        assert await archive.commit(SERVER, batch(EPOCH, record(2))) == Expected(1)
        await archive.commit(SERVER, batch(EPOCH, record(1)))
        assert await archive.commit(SERVER, batch(EPOCH, record(4))) == Expected(2)
        lost = batch(EPOCH, hole(2, 3, "lost"), record(4))
        assert await archive.commit(SERVER, lost) == Committed(4)
        assert await archive.commit(SERVER, lost) == Committed(4)
    report = await place.verify()
    assert (report.total, report.records, report.missing) == (0, 2, 2)


CONTRADICTIONS = [
    batch(EPOCH, record(1, size=2)),
    batch(EPOCH, record(1), record(2, sender="eve@gov.localhost"), hole(3, 5), record(6)),
    batch(EPOCH, hole(1, 1)),
    batch(EPOCH, record(3)),
    batch(EPOCH, record(2), record(3), record(4)),
    batch(EPOCH, hole(3, 6)),
    batch(EPOCH, record(2), hole(3, 9)),
]


@pytest.mark.parametrize("wrong", CONTRADICTIONS)
async def test_a_contradiction_is_refused_and_counted(place: Place, wrong: Batch) -> None:
    async with place.running() as archive:
        good = batch(EPOCH, record(1), record(2), hole(3, 5), record(6))
        await archive.commit(SERVER, good)
        for _ in range(2):
            assert isinstance(await archive.commit(SERVER, wrong), Contradicted)
        assert await archive.last(SERVER, Progress(EPOCH)) == 6
        assert await archive.commit(SERVER, good) == Committed(6)
    async with place.inspected() as inspection:
        alarms = (await inspection.status()).alarms
        leaves = await inspection.store.indexed_leaves(0, 100)
    ((server, epoch, seq, *_, times, _, _),) = alarms
    assert (server, epoch, times) == (SERVER, EPOCH, 2)
    # Whoever deletes the alarm cannot delete what the log says of it.
    said = [parse_leaf(leaf) for leaf in leaves.values()]
    refusals = [leaf for leaf in said if isinstance(leaf, Refusal)]
    assert refusals == [conflict(f"1/{EPOCH}", seq, place.now)]
    assert (await place.verify()).total == 0
    tamper(place, "DELETE FROM alarms")
    assert [leaf for leaf in await entries(place) if leaf == refusals[0]] == refusals


async def entries(place: Place) -> list[Control | DataLeaf]:
    """What the public log says, however the database is."""
    size = 0
    async with place.inspected() as inspection:
        size = (await inspection.status()).checkpoint.size
    return [parse_leaf(data) for data in LogFolder(place.section.tiles_dir).bundle(0, size)]


async def test_contradictions_are_said_once_for_each_epoch_and_start(place: Place) -> None:
    wrong = [record(n, size=2) for n in (1, 2)]
    for _ in range(2):
        async with place.running() as archive:
            for epoch in (EPOCH, EPOCH + 1):
                await archive.commit(SERVER, batch(epoch, record(1), record(2)))
                for one in wrong:
                    answer = await archive.commit(SERVER, batch(epoch, one))
                    assert isinstance(answer, Contradicted)
    said = [leaf for leaf in await entries(place) if isinstance(leaf, Refusal)]
    assert [leaf.purpose for leaf in said] == ["batch.conflict"] * 4
    assert len({leaf.request for leaf in said}) == 2
    assert (await place.verify()).total == 0


async def test_a_resend_of_what_was_erased_is_answered_like_new(place: Place) -> None:
    items = [record(1), record(2), hole(3, 4), record(5)]
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, *items))
        database = archive._store.database
        await database.execute("DELETE FROM records WHERE seq BETWEEN 1 AND 2")
        await database.execute(f"INSERT INTO erased VALUES (1, {EPOCH}, 1, 2)")
        assert await archive.commit(SERVER, batch(EPOCH, *items)) == Committed(5)
        for wrong in (
            batch(EPOCH, hole(1, 2)),
            batch(EPOCH, CountedMessage(2, None)),
            batch(EPOCH, *items[:3], record(5, size=2)),
        ):
            assert isinstance(await archive.commit(SERVER, wrong), Contradicted), wrong


async def test_a_hole_that_reaches_over_what_is_known_is_cut(place: Place) -> None:
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(1), hole(2, 4)))
        longer = batch(EPOCH, hole(2, 9), record(10))
        assert await archive.commit(SERVER, longer) == Committed(10)
    report = await place.verify()
    assert (report.total, report.missing) == (0, 8)


async def test_servers_and_epochs_have_counters_of_their_own(place: Place) -> None:
    async with place.running() as archive:
        for server, epoch in ((SERVER, 1), ("b.example", 1), (SERVER, 2), (SERVER, 1)):
            last = await archive.last(server, Progress(epoch))
            answer = await archive.commit(server, batch(epoch, record(last + 1)))
            assert answer == Committed(last + 1)
    assert [body["em"] for body in await bodies(place)] == ["1/1", "2/1", "1/2", "1/1"]
    report = await place.verify()  # whoever goes back to an epoch is heard, and it is said
    assert [(f.code, f.where) for f in report.findings] == [("epoch-changed", "entry 6")]


async def test_many_batches_at_once_are_taken_one_after_the_other(place: Place) -> None:
    async with place.running() as archive:
        parts = [batch(EPOCH, *(record(n) for n in range(s, s + 10))) for s in range(1, 200, 10)]
        answers = await asyncio.gather(*(archive.commit(SERVER, part) for part in parts))
        assert [answer.last for answer in answers if isinstance(answer, Committed)][-1] == 200
    assert [body["es"] for body in await bodies(place)] == list(range(1, 201))


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 15)), min_size=1, max_size=12))
def test_any_resending_gives_each_number_once(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int]]
) -> None:
    async def run() -> None:
        place = Place(tmp_path_factory.mktemp("archive"))
        last = 0
        async with place.running() as archive:
            for first, count in parts:
                part = batch(EPOCH, *(record(n) for n in range(first, first + count)))
                answer = await archive.commit(SERVER, part)
                if first > last + 1:
                    assert answer == Expected(last + 1)
                else:
                    last = max(last, part.last)
                    assert answer == Committed(part.last)
        assert [body["es"] for body in await bodies(place)] == list(range(1, last + 1))
        assert (await place.verify()).total == 0

    asyncio.run(run())


async def test_the_record_keeps_what_the_page_says(place: Place) -> None:
    wire = [
        record(1),
        record(2, in_room=True, kind="subject", n=None, state="unconfirmed"),
        record(3, kind="muc-pm", room="grp-1@rooms.gov.localhost", path="component"),
        record(4, path="s2s-in", sender="eve@far.example", enc="none", oid=None, sid=None),
        record(5, path="s2s-out", to="eve@far.example", kind="bounce", size=0),
    ]
    await place.fill(batch(EPOCH, *wire))
    first, subject, private, incoming, outgoing = await bodies(place)
    assert first["kind"] == "msg.direct"
    assert (first["size"], first["enc"], first["scope"]) == (2048, "omemo:0", "internal")
    assert (first["org"], first["class"], first["basis"]) == ("unknown", "messages", "public-task")
    assert (subject["kind"], subject["state"]) == ("msg.subject", "unconfirmed")
    assert private["room"] == subject["room"]
    assert private["to"] == first["to"] != first["from"]
    assert (incoming["scope"], incoming["domain"]) == ("s2s-in", "far.example")
    assert "ref" not in incoming
    assert "oid" not in incoming
    assert (outgoing["domain"], outgoing["kind"], outgoing["size"]) == (
        "far.example",
        "msg.bounce",
        1,
    )
    assert incoming["from"] == outgoing["to"]


async def test_pseudonyms_change_with_the_month_and_message_ids_with_the_day(place: Place) -> None:
    day = 86_400_000
    times = (0, 1, day, 40 * day)
    records = [record(n + 1, t=t, sid="same", oid="same") for n, t in enumerate(times)]
    await place.fill(batch(EPOCH, *records))
    a, b, c, d = await bodies(place)
    assert a["from"] == b["from"] == c["from"] != d["from"]
    assert a["ref"] == b["ref"] != c["ref"] != d["ref"]
    assert a["ref"] != a["oid"]
    names = sorted(path.name for path in place.section.keys_dir.iterdir())
    months, days = ("01", "02"), ("01-01", "01-02", "02-10")
    wanted = {f"month-1970-{month}.key" for month in months}
    wanted |= {f"body-1970-{month}-messages.key" for month in months}
    assert set(names) == wanted | {f"day-1970-{name}.key" for name in days} | {
        "signing.key",
        "signing-mldsa44.key",
    }
    assert {path.stat().st_mode & 0o777 for path in place.section.keys_dir.iterdir()} == {0o600}
    assert (await place.verify()).total == 0


async def test_a_unit_is_asked_for_beforehand_and_never_waited_for(place: Place) -> None:
    asked: list[str] = []
    answer = asyncio.Event()

    async def ask(address: str) -> str | None:
        asked.append(address)
        await answer.wait()
        if address.startswith("bob"):
            raise NotFound(Text("xmppgov", "nobody"))
        if address.startswith("carol"):
            raise Unreachable(Text("xmppgov", "nothing"))
        return "grp-1"

    def senders(first: int) -> Batch:
        names = ("alice@gov.localhost", "bob@gov.localhost", "carol@gov.localhost")
        names += ("eve@far.example", "directory.gov.localhost")
        return batch(EPOCH, *(record(first + n, sender=name) for n, name in enumerate(names)))

    async with place.running(ask) as archive:
        await archive.commit(SERVER, senders(1))
        await archive.commit(SERVER, senders(6))
        answer.set()
        while len(asked) < 3:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        await archive.commit(SERVER, senders(11))
    assert sorted(asked) == ["alice@gov.localhost", "bob@gov.localhost", "carol@gov.localhost"]
    units = [body["org"] for body in await bodies(place)]
    assert units[:10] == ["unknown"] * 10
    assert units[10] != "unknown"
    assert units[11:] == ["unknown"] * 4


async def test_what_must_not_be_kept_is_nowhere(place: Place, capfd: pytest.CaptureFixture) -> None:
    canaries = {"oid": "canary-origin", "sid": "canary-stanza", "size": 987654}
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(1, **canaries)))
        await archive.commit(SERVER, batch(EPOCH, record(1, **{**canaries, "size": 987655})))
        every = read(place.folder)  # the write-ahead log included, which closing removes
    out, err = capfd.readouterr()
    for data in (every, read(place.folder), out.encode(), err.encode()):
        assert b"canary" not in data
        assert b"98765" not in data
        assert b"alice@" not in data
    assert "ALARM" in out + err


async def test_a_key_that_others_can_read_or_that_is_short_stops_the_commit(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    key = place.section.keys_dir / "month-2025-11.key"
    for damage in (lambda: key.chmod(0o644), lambda: (key.chmod(0o600), key.write_bytes(b"x"))):
        damage()
        async with place.running() as archive:
            with pytest.raises(StorageError):
                await archive.commit(SERVER, batch(EPOCH, record(2)))
            assert await archive.last(SERVER, Progress(EPOCH)) == 1


async def test_a_database_that_cannot_be_written_commits_nothing(place: Place) -> None:
    await place.fill(batch(EPOCH, record(1)))
    async with place.running() as archive:
        other = sqlite3.connect(place.section.database, isolation_level=None)
        other.execute("PRAGMA max_page_count").fetchone()
        database = archive._store._database
        pages = (await database.fetch_one("PRAGMA page_count"))[0]  # type: ignore[index]
        await database.execute(f"PRAGMA max_page_count={pages}")
        big = batch(EPOCH, *(record(n) for n in range(2, 600)))
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await archive.commit(SERVER, big)
        assert await archive.last(SERVER, Progress(EPOCH)) == 1
        await database.execute("PRAGMA max_page_count=1000000")
        assert await archive.commit(SERVER, big) == Committed(599)
        other.close()
    assert (await place.verify()).total == 0


def test_files_of_the_archive_are_where_the_configuration_says(place: Place) -> None:
    asyncio.run(place.fill(batch(EPOCH, record(1))))
    found = {path.relative_to(place.folder) for path in place.folder.rglob("*") if path.is_file()}
    assert {Path("log/verifier.vkey"), Path("log/tiles/checkpoint")} <= found
    assert Path("log/tiles/tile/entries/000.p/2") in found
