"""What a crash leaves: SIGKILL under load, an archive away, torn lines, a new boot, a bad disk."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import require_program
from tests.integration.archive_sink import Sink
from tests.integration.capture_world import Inbox, prepare, say, until
from tests.streams import connected, logged_in
from xmppgov.demo.prosody import Ports, Prosody
from xmppgov.errors import ConfigurationError

ALICE, BOB = "alice@gov.localhost", "bob@gov.localhost"
SMALL = """
xmppgov_capture_reserve = 100
xmppgov_capture_segment_size = 20000
xmppgov_capture_boot_id = ENV_XMPPGOV_STATE .. "/boot_id"
"""


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prosody]:
    """A server of one test's own, with small segments and a boot id that the test can change."""
    require_program(request.config, "prosody")
    new = Prosody(tmp_path, Ports.free(), modules="capture")
    new.prepare()
    prepare(new, SMALL)
    (tmp_path / "boot_id").write_text("first-boot\n")
    for jid in (ALICE, BOB):
        new.add_account(jid, "secret")
    yield new
    new.kill()


def spoken(oid: str) -> str:
    return f'<body>b</body><origin-id xmlns="urn:xmpp:sid:0" id="{oid}"/>'


async def exchange(server: Prosody, *oids: str) -> None:
    """Alice writes to Bob; returns when he has it all."""
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        inbox = Inbox(bob)
        for oid in oids:
            say(alice, BOB, inside=spoken(oid))
        for oid in oids:
            await inbox.get(f'id="{oid}"')


@asynccontextmanager
async def archive(server: Prosody, sink: Sink) -> AsyncIterator[None]:
    async with connected(sink.component(server)):
        yield


async def drained(server: Prosody, sink: Sink, *oids: str) -> None:
    """Connect the archive until it has these records."""
    async with archive(server, sink):
        for oid in oids:
            await sink.wait(lambda oid=oid: sink.find(oid=oid))


def numbers(sink: Sink, holes: bool = False) -> list[int]:
    """Return the numbers that the archive has a record for (or a hole)."""
    found = [int(r["seq"]) for r in sink.all()]
    for hole in sink.holes if holes else []:
        found += range(int(hole["first"]), int(hole["last"]) + 1)
    return sorted(found)


def spool(server: Prosody) -> list[Path]:
    return sorted((server.state / "spool").glob("*.spool"))


def log_of(server: Prosody) -> str:
    return (server.state / "log" / "prosody.log").read_text("utf-8")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sigkill_under_load(server: Prosody, seed: int) -> None:
    """No number twice, no number missing, and a record for every message that was delivered."""
    sink, chance = Sink(), random.Random(seed)
    delivered: set[str] = set()
    for round_number in range(2):
        server.start()
        await _load_until_killed(server, sink, delivered, chance.randint(60, 400), round_number)
    server.start()
    await exchange(server, "end")
    await drained(server, sink, "end")
    assert numbers(sink) == list(range(1, len(sink.all()) + 1))
    assert not sink.holes
    assert not sink.conflicts
    recorded = [r["oid"] for r in sink.all()]
    assert delivered <= set(recorded)
    assert len(recorded) == len(set(recorded))
    assert {r["state"] for r in sink.all()} <= {"accepted", "unconfirmed"}


async def _load_until_killed(
    server: Prosody, sink: Sink, delivered: set[str], kill_after: int, round_number: int
) -> None:
    async with (
        archive(server, sink),
        logged_in(server, ALICE) as alice,
        logged_in(server, BOB) as bob,
    ):
        inbox = Inbox(bob)
        for n in range(600):
            say(alice, BOB, inside=spoken(f"o-{round_number}-{n}"))
            if n % 20 == 0:
                await asyncio.sleep(0)
            if len(inbox.xml) >= kill_after:
                break
        await until(lambda: len(inbox.xml) >= kill_after)
        server.kill()
        await asyncio.sleep(0)
        delivered |= set(re.findall(r'id="(o-\d+-\d+)"', "".join(inbox.xml)))


async def test_a_record_whose_delivery_is_uncertain_is_unconfirmed(server: Prosody) -> None:
    """Without its confirming line, as after a kill between capture and the next sync."""
    server.start()
    await exchange(server, "sure")
    server.kill()
    (segment,) = spool(server)
    lines = segment.read_text().splitlines(keepends=True)
    record = next(n for n, line in enumerate(lines) if line.startswith("record "))
    segment.write_text("".join(lines[: record + 1]))
    sink = Sink()
    server.start()
    await exchange(server, "next")
    await drained(server, sink, "next")
    assert [r["state"] for r in sink.all()] == ["unconfirmed", "accepted"]
    assert numbers(sink) == [1, 2]


async def test_the_archive_goes_and_comes_back(server: Prosody) -> None:
    server.start()
    sink = Sink()
    async with archive(server, sink):
        await exchange(server, "a1")
        await sink.wait(lambda: sink.find(oid="a1"))
    many = [f"away-{n}" for n in range(450)]
    for n in (1, 2, 3):  # the spool grows while the archive is away
        await exchange(server, *many[n * 150 - 150 : n * 150])
        await until(lambda n=n: len(spool(server)) > n)
    await drained(server, sink, *many)
    assert numbers(sink) == list(range(1, 452))
    assert sink.waiting[-1] == 0
    assert sink.waiting[1:] == sorted(sink.waiting[1:], reverse=True)
    assert len(sink.doubled_batches()) == 0
    async with archive(server, sink):
        await until(lambda: len(spool(server)) == 1)


async def test_a_restart_sends_nothing_that_the_archive_has(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "before")
    await drained(server, sink, "before")
    server.stop()
    server.start()
    await exchange(server, "after")
    await drained(server, sink, "after")
    assert numbers(sink) == [1, 2]
    assert not sink.doubled_batches()


@pytest.mark.parametrize(
    "tail", ["record seq='2' torn", "record seq='2' id='x'\t00000000\n", "\0" * 50]
)
async def test_a_torn_last_line_is_cut(server: Prosody, tail: str) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "whole")
    server.kill()
    with spool(server)[-1].open("a") as file:
        file.write(tail)
    server.start()
    await exchange(server, "next")
    await drained(server, sink, "next")
    assert numbers(sink) == [1, 2]
    assert not sink.holes


async def test_a_new_boot_leaves_a_hole(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "one", "two")
    server.kill()
    (server.state / "boot_id").write_text("second-boot\n")
    server.start()
    await exchange(server, "three")
    await drained(server, sink, "three")
    assert sink.holes == [{"first": "3", "last": "100", "reason": "boot"}]
    assert numbers(sink) == [1, 2, 101]


async def test_a_clean_stop_leaves_no_hole_at_the_next_boot(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "one")
    server.stop()
    (server.state / "boot_id").write_text("second-boot\n")
    server.start()
    await exchange(server, "two")
    await drained(server, sink, "two")
    assert numbers(sink) == [1, 2]
    assert not sink.holes


async def test_a_damaged_line_is_a_hole(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "one", "two", "three")
    server.kill()
    (segment,) = spool(server)
    segment.write_text(re.sub(r"(record seq='2'.{20})..", r"\1zz", segment.read_text()))
    server.start()
    await exchange(server, "four")
    await drained(server, sink, "four")
    assert numbers(sink) == [1, 3, 4]
    assert sink.holes == [{"first": "2", "last": "2", "reason": "lost"}]


async def test_a_spool_that_cannot_be_opened_refuses_messages(server: Prosody) -> None:
    """And the server goes on by itself when the folder is there."""
    prepare(server, SMALL + 'xmppgov_capture_fail = "closed"\n')
    folder = server.state / "spool"
    folder.rmdir()
    folder.write_text("in the way")
    server.start()
    async with logged_in(server, ALICE) as alice, logged_in(server, BOB) as bob:
        refused, received = Inbox(alice), Inbox(bob)
        say(alice, BOB, inside=spoken("refused"))
        await refused.get("resource-constraint")
        assert "cannot be recorded" in "".join(refused.xml)
        say(alice, BOB, inside='<active xmlns="http://jabber.org/protocol/chatstates"/>')
        await received.get("chatstates")
        assert not [xml for xml in received.xml if "<body" in xml]
        folder.unlink()
        await until(lambda: "can be written again" in log_of(server))
        say(alice, BOB, inside=spoken("accepted"))
        await received.get('id="accepted"')
    sink = Sink()
    await drained(server, sink, "accepted")
    assert numbers(sink) == [1]


async def test_open_mode_lets_messages_pass_and_leaves_a_hole(server: Prosody) -> None:
    folder = server.state / "spool"
    folder.rmdir()
    folder.write_text("in the way")
    server.start()
    await exchange(server, "unrecorded-1", "unrecorded-2")
    folder.unlink()
    await until(lambda: "can be written again" in log_of(server))
    await exchange(server, "recorded")
    sink = Sink()
    await drained(server, sink, "recorded")
    assert sink.holes == [{"first": "1", "last": "2", "reason": "lost"}]
    assert numbers(sink) == [3]


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ('VirtualHost "oublie.localhost"\nmodules_disabled = { "xmppgov_capture" }', "oublie"),
        ('xmppgov_capture_archive = ""', "xmppgov_capture_archive"),
        ('xmppgov_capture_server = "ailleurs.example"', "ailleurs.example"),
        ('xmppgov_capture_fail = "perhaps"', "xmppgov_capture_fail is neither closed nor open"),
        ('xmppgov_capture_level = { ["class:Group"] = "full" }', "class:Group"),
        ('xmppgov_capture_level = { ["class:group"] = "some" }', "neither full, counts nor none"),
        ('xmppgov_capture_level = { ["ailleurs.example"] = "none" }', "no host of this server"),
        ('xmppgov_capture_archive = { ["class:group"] = "a.example" }', "is not set"),
        ('xmppgov_capture_archive = { ["*"] = "somebody@a.example" }', "not an archive's address"),
        ('xmppgov_capture_extra = { "typing" }', "neither chatstates, markers nor receipts"),
        ("xmppgov_capture_retention = 8784", "xmppgov_capture_retention is no period"),
        ('xmppgov_capture_retention = { ["autre.example"] = "6m" }', "names autre.example"),
        ('xmppgov_capture_sync_interval = "soon"', "xmppgov_capture_sync_interval"),
    ],
)
async def test_a_server_without_whole_capture_stops(
    server: Prosody, extra: str, names: str
) -> None:
    prepare(server, extra)
    with contextlib.suppress(ConfigurationError):
        server.start()
    process = server.process
    assert process is not None
    await until(lambda: process.poll() is not None)
    assert process.returncode == 1
    assert names in log_of(server)


async def test_a_number_with_other_content_alarms_and_stops_nothing(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "one", "two", "three")
    (epoch,) = {int(spool(server)[0].read_text().split("\t")[2])}
    sink.records[epoch] = {2: {"seq": "2", "kind": "chat", "from": "somebody@else.example"}}
    await drained(server, sink, "one", "three", "two")
    assert sink.conflicts == 1
    assert "ALARM" in log_of(server)
    assert sink.records[epoch][2]["from"] == "somebody@else.example"
    assert [r["oid"] for r in sink.all() if "oid" in r] == ["one", "three", "two"]
    assert numbers(sink) == [1, 2, 3, 4]


async def test_an_archive_that_lost_its_end_gets_it_again_or_a_hole(server: Prosody) -> None:
    sink = Sink()
    server.start()
    await exchange(server, "one", "two")
    await drained(server, sink, "two")
    (epoch,) = sink.last
    sink.last[epoch] = 1
    del sink.records[epoch][2]
    await exchange(server, "three")
    await drained(server, sink, "three", "two")
    assert numbers(sink) == [1, 2, 3]
    for segment in spool(server):
        segment.unlink()
    await _restart_behind(server, epoch, first=50)
    await exchange(server, "four")
    await drained(server, sink, "four")
    assert sink.holes[-1] == {"first": "4", "last": "49", "reason": "lost"}


async def _restart_behind(server: Prosody, epoch: int, first: int) -> None:
    """Give the server a spool whose beginning is gone."""
    from hashlib import md5

    def seal(text: str) -> str:
        return f"{text}\t{md5(text.encode(), usedforsecurity=False).hexdigest()[:8]}\n"

    server.kill()
    path = server.state / "spool" / f"{first:020d}.spool"
    path.write_text(
        seal(f"xmppgov-spool\t1\t{epoch}\t{first}") + seal(f"n\t{first + 99}\tfirst-boot")
    )
    server.start()


CLOCK = """
do
	local times, file = require "util.time", ENV_XMPPGOV_STATE .. "/clock"
	local now, time = times.now, os.time
	local function step()
		local found = io.open(file)
		local seconds = found and found:read("n") or 0
		if found then found:close() end
		return seconds
	end
	function times.now() return now() + step() end
	function os.time(date) return date and time(date) or time() + step() end
end
"""
"""The server's clock, set by as many seconds as the file `clock` says."""


async def test_a_clock_that_is_set_back_loses_nothing_and_gives_no_number_twice(
    server: Prosody,
) -> None:
    """While the server runs, over a kill, and where the spool begins anew at an earlier time."""
    prepare(server, CLOCK + SMALL)
    clock, sink = server.state / "clock", Sink()
    server.start()
    await exchange(server, "one", "two")
    clock.write_text("-3600")
    await exchange(server, "three")
    server.kill()
    clock.write_text("-7200")
    server.start()
    await exchange(server, "four")
    await drained(server, sink, "one", "two", "three", "four")
    server.kill()
    for file in spool(server):
        file.unlink()
    clock.write_text("-90000")
    server.start()
    await exchange(server, "five", "six")
    await drained(server, sink, "five", "six")
    first, second = sink.records.values()
    assert sorted(record["oid"] for record in first.values()) == ["four", "one", "three", "two"]
    assert sorted(record["oid"] for record in second.values()) == ["five", "six"]
    assert [min(epoch) for epoch in (first, second)] == [1, 1]
    times = [record["t"] for record in first.values()]
    assert times == sorted(times[:2]) + sorted(times[2:], reverse=True), "it was not set back"
    assert list(sink.records) == sorted(sink.records, reverse=True), "nor was it for the epoch"
    assert not sink.holes
    assert not sink.conflicts
