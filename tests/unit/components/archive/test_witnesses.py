"""Cosignatures are collected from real witnesses; whatever these do, the log goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession, web
from typer.testing import CliRunner

from tests.unit.components.archive.conftest import SERVER, Place
from tests.unit.components.archive.cosigning import (
    PATIENCE,
    Fleet,
    One,
    command,
    only,
    restore_yesterday,
    size_of,
    some,
    until,
)
from tests.unit.components.archive.test_integrator import Disk
from xmppgov.tlog.note import Note
from xmppgov.tlog.witness import SIZE_TYPE
from xmppgov_archive.commands import app
from xmppgov_archive.log import client
from xmppgov_archive.records.service import Archive


async def test_every_checkpoint_is_cosigned_by_all(three: Fleet) -> None:
    async with three.place.running() as archive:
        await three.cosigned(0, "archive", "w1", "w2", "w3")
        for first in (1, 11, 21):
            await archive.commit(SERVER, some(first, first + 9))
            await three.cosigned(first + 10, "archive", "w1", "w2", "w3")
        for name in ("w1", "w2", "w3"):
            await three.state(name, "cosigning")
        newest = three.published()
        assert newest is not None
        assert set(newest.cosigned) == {"archive", "w1", "w2", "w3"}
    report = await three.place.verify()
    assert (report.total, report.size, report.cosigned) == (0, 31, 31)


async def test_two_of_three_are_enough_and_one_is_not(three: Fleet) -> None:
    await three.witnesses["w3"].stop()
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1", "w2")
        await three.state("w3", "unreachable")
        await three.witnesses["w2"].stop()
        await archive.commit(SERVER, some(10, 19))
        await until(
            lambda: bool(
                (p := three.published()) and "w1" in p.cosigned and p.checkpoint.size == 20
            )
        )
        assert size_of(three.place, "cosigned") == 10
        await three.witnesses["w3"].start()
        await three.cosigned(20, "w1", "w3")
        await three.witnesses["w2"].start()
        await three.cosigned(20, "w1", "w2", "w3")


async def _silence(_request: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def test_witnesses_that_hang_slow_nothing(
    three: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers and nobody gives up: whoever waited for one of them would wait for ever."""
    monkeypatch.setattr(client, "PATIENCE", 3600.0)
    asked: list[str] = []
    answered = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        asked.append(request.host)
        await answered.wait()
        return web.Response()

    for one in three.witnesses.values():
        await one.stop()
        await one.start(only(hang))
    async with three.place.running() as archive:
        await until(lambda: len(set(asked)) == len(three.witnesses))
        for n in range(1, 6):
            async with asyncio.timeout(PATIENCE):
                await archive.commit(SERVER, some(n, n))
            await until(lambda n=n: size_of(three.place, "checkpoint") == n + 1)  # type: ignore[misc]
        assert len(asked) == len(three.witnesses), "one was not hanging"
        assert not (three.place.section.tiles_dir / "cosigned").exists()
        answered.set()


async def test_witnesses_that_are_silent_are_unreachable(
    three: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.3)
    for one in three.witnesses.values():
        await one.stop()
        await one.start(only(_silence))
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 5))
        await until(lambda: size_of(three.place, "checkpoint") == 6)
        for name in three.witnesses:
            await three.state(name, "unreachable")
        assert not (three.place.section.tiles_dir / "cosigned").exists()
    # The place's clock stands at a day that is long over: nobody has cosigned since.
    assert (await three.place.verify()).counts == {"cosigned-behind": 1}


async def test_they_agree_while_the_log_grows(three: Fleet) -> None:
    """A quick witness is not asked for the next checkpoint before a slow one has the last."""
    asked: list[bytes] = []
    gate = asyncio.Event()

    async def note(body: bytes) -> None:
        asked.append(body.split(b"\n\n")[1].split(b"\n")[1])

    async def wait(_body: bytes) -> None:
        await gate.wait()

    await three.witnesses["w1"].stop()
    for name, before in (("w2", wait), ("w3", note)):
        await three.witnesses[name].stop()
        await three.witnesses[name].start(await _before(three.witnesses[name], before))
    async with three.place.running() as archive:
        await three.state("w3", "cosigning")
        await three.state("w1", "unreachable")
        for n in range(1, 6):
            await archive.commit(SERVER, some(n, n))
            await until(lambda n=n: size_of(three.place, "checkpoint") == n + 1)  # type: ignore[misc]
        assert set(asked) == {b"0"}
        gate.set()
        await three.cosigned(6, "w2", "w3")
        assert size_of(three.place, "checkpoint") == 6


async def _before(one: One, first: Callable[[bytes], Awaitable[None]]) -> web.Application:
    """A witness that does something first, and hands on to a real one."""
    behind = One(one.name, one._database.parent, one._log)
    await behind.start()
    session = ClientSession()

    async def hand_on(request: web.Request) -> web.Response:
        body = await request.read()
        await first(body)
        async with session.post(behind.url + "add-checkpoint", data=body) as answer:
            return web.Response(status=answer.status, body=await answer.read())

    async def end(_app: web.Application) -> None:
        await session.close()
        await behind.stop()

    app = only(hand_on)
    app.on_cleanup.append(end)
    return app


ANSWERS: dict[str, tuple[int, bytes, str]] = {
    "refused": (403, b"no\n", "refused"),
    "bad request": (400, b"", "refused"),
    "an unknown log": (404, b"", "unknown-log"),
    "another history": (422, b"", "fork"),
    "more than was signed": (409, b"4711\n", "rollback"),
    "another size again and again": (409, b"1\n", "odd-answer"),
    "no size": (409, b"many\n", "odd-answer"),
    "nothing": (200, b"", "odd-answer"),
    "a page": (200, b"<html>" * 100, "odd-answer"),
    "very much": (200, b"x" * 3_000_000, "odd-answer"),
    "a fault": (500, b"", "unreachable"),
    "a detour": (302, b"", "unreachable"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_one_that_answers_oddly_stops_nobody(three: Fleet, name: str) -> None:
    status, body, state = ANSWERS[name]

    async def answer(_request: web.Request) -> web.Response:
        headers = {"Content-Type": SIZE_TYPE, "Location": three.witnesses["w1"].url}
        return web.Response(status=status, body=body, headers=headers)

    odd = three.witnesses["w2"]
    await odd.stop()
    await odd.start(only(answer))
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.state("w2", state)
        await three.cosigned(10, "w1", "w3")
        await odd.stop()
        await odd.start()
        await three.cosigned(10, "w1", "w2", "w3")
        await three.state("w2", "cosigning")


async def test_a_cosignature_on_something_else_is_not_published(three: Fleet) -> None:
    liar = three.witnesses["w2"]

    async def answer(_request: web.Request) -> web.Response:
        other = "other.example\n1\nmzVpzCHK4roWAYZNal5qMi37G7TZuqRnGNC81XXqkh8=\n"
        return web.Response(body=liar.key.sign(other, 5).line().encode())

    await liar.stop()
    await liar.start(only(answer))
    async with three.place.running():
        await three.state("w2", "odd-answer")
        await three.cosigned(0, "w1", "w3")
        newest = three.published()
        assert newest is not None
        assert "w2" not in newest.cosigned


async def test_a_restart_learns_from_the_witnesses_what_they_have_seen(three: Fleet) -> None:
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 300))
        await three.cosigned(301, "w1", "w2", "w3")
    before = (three.place.section.tiles_dir / "checkpoint").read_bytes()
    await three.witnesses["w1"].stop()
    async with three.place.running() as archive:
        after = three.published()
        assert after is not None
        assert {s.name for s in Note.parse(before).signatures} <= {
            s.name for s in after.note.signatures
        }
        await archive.commit(SERVER, some(301, 700))
        await three.cosigned(701, "w2", "w3")
        await three.witnesses["w1"].start()
        await three.cosigned(701, "w1", "w2", "w3")


async def test_a_database_of_yesterday_is_refused_by_every_witness(three: Fleet) -> None:
    await restore_yesterday(three, 29)
    place = three.place
    async with place.running():
        for name in three.witnesses:
            await three.state(name, "rollback")
        assert size_of(place, "cosigned") == 10
    report = await place.verify((place.folder / "kept").read_bytes())
    assert report.counts == {"history": 1}
    assert (await place.verify()).total == 0  # in itself it is consistent
    document = await asyncio.to_thread(command, place, "status")
    assert [w["state"] for w in document["witnesses"]] == ["rollback"] * 3
    assert (document["cosigned"], document["size"]) == (10, 10)
    words = ["status", "--config", str(place.config())]
    shown = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert shown.stdout.count("(rollback)") == 3
    assert shown.stdout.count("ALARM") == 4  # of each witness, and of the archive: it is stopped


async def test_a_fork_is_refused_by_every_witness(three: Fleet) -> None:
    await restore_yesterday(three, 19)
    place = three.place
    async with place.running() as archive:
        await archive.commit(SERVER, some(10, 29, size=5))  # other content under the same numbers
        for name in three.witnesses:
            await three.state(name, "fork")
        assert size_of(place, "cosigned") == 10
        assert size_of(place, "checkpoint") == 30
        for one in three.witnesses.values():
            assert await one.size() == 20
    report = await place.verify((place.folder / "kept").read_bytes())
    assert report.counts == {"history": 1}


async def test_a_full_disk_loses_no_cosignature(three: Fleet) -> None:
    for one in three.witnesses.values():
        await one.stop()
    async with three.place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await until(lambda: size_of(three.place, "checkpoint") == 10)
        folder = _folder(archive)
        disk = Disk(0)
        folder._write, real = disk, folder._write
        for one in three.witnesses.values():
            await one.start()
        await until(lambda: disk.count > 0)
        folder._write = real
        await three.cosigned(10, "w1", "w2", "w3")


def _folder(archive: Archive):  # type: ignore[no-untyped-def]
    return archive._integrator._folder


async def test_another_policy_asks_for_other_cosignatures(three: Fleet) -> None:
    """What was enough is not, until the new witnesses have cosigned, too."""
    place = three.place
    every = place.section.witnesses
    place.section = place.section.model_copy(update={"witnesses": every[:1]})
    async with place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await three.cosigned(10, "w1")
    place.section = place.section.model_copy(update={"witnesses": every})
    await three.witnesses["w2"].stop()
    await three.witnesses["w3"].stop()
    async with place.running():
        assert not (place.section.tiles_dir / "cosigned").exists()
        document = await asyncio.to_thread(command, place, "status")
        assert document["cosigned"] is None
        await three.witnesses["w3"].start()
        await three.cosigned(10, "w1", "w3")
    assert (await place.verify()).total == 0


async def test_nobody_is_asked_where_nobody_is_configured(place: Place) -> None:
    async with place.running() as archive:
        await archive.commit(SERVER, some(1, 9))
        await until(lambda: size_of(place, "cosigned") == 10)
    report = await place.verify()
    assert (report.total, report.cosigned) == (0, 10)
