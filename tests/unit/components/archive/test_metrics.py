"""The archive's figures: what Prometheus reads, and that nobody is in it."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from tests.unit.archive.batches import batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from tests.unit.components.archive.cosigning import fleet, size_of, until
from xmppgov.archive.batch import Progress
from xmppgov.config import ListenSection
from xmppgov.demo.prosody import Ports
from xmppgov_archive.log.store import WitnessState
from xmppgov_archive.metrics import service
from xmppgov_archive.metrics.exposition import Figures, exposition
from xmppgov_archive.metrics.store import EmitterFigures

Samples = dict[tuple[str, ...], float]
FIGURES = Figures(
    records=7,
    entries=9,
    checkpoint=8,
    checkpoint_age=1.5,
    cosigned=6,
    unsigned_age=0.25,
    alarms=2,
    emitters=[
        EmitterFigures("gov.example", 5, 11, 3, 40, 990_000, 999_000),
        EmitterFigures("b.example", 6, 1, 0, None, None, None),
        EmitterFigures("c.example", 7, 1, 0, 0, None, 1_001_000),
        EmitterFigures("d.example", None, None, 0, 0, None, 1_000_000),
    ],
    witnesses=[
        WitnessState("w1", "https://w1.example/", 6, 940_000, "cosigning", 0),
        WitnessState("w2", "https://w2.example/", 0, 0, "rollback", 0),
    ],
    now=1000.0,
)


def samples(text: bytes) -> Samples:
    """Values by name without the prefix, then by the values of the labels."""
    return {
        (sample.name.removeprefix("xmppgov_archive_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_every_figure_has_its_name() -> None:
    assert samples(exposition(FIGURES)) == {
        ("records",): 7,
        ("entries",): 9,
        ("checkpoint_entries",): 8,
        ("checkpoint_age_seconds",): 1.5,
        ("cosigned_entries",): 6,
        ("unsigned_entries",): 1,
        ("unsigned_age_seconds",): 0.25,
        ("alarms_total",): 2,
        ("emitter_last", "gov.example", "5"): 11,
        ("emitter_last", "b.example", "6"): 1,
        ("emitter_last", "c.example", "7"): 1,
        ("emitter_missing", "gov.example"): 3,
        ("emitter_missing", "b.example"): 0,
        ("emitter_missing", "c.example"): 0,
        ("spool_records", "gov.example"): 40,
        ("spool_records", "c.example"): 0,
        ("spool_records", "d.example"): 0,
        ("spool_age_seconds", "d.example"): 0,
        ("emitter_silence_seconds", "d.example"): 0,
        ("spool_age_seconds", "gov.example"): 10,
        ("spool_age_seconds", "c.example"): 0,
        ("emitter_silence_seconds", "gov.example"): 1,
        ("emitter_silence_seconds", "c.example"): 0,
        ("witness_entries", "w1"): 6,
        ("witness_entries", "w2"): 0,
        ("witness_age_seconds", "w1"): 60,
        ("witness_cosigning", "w1"): 1,
        ("witness_cosigning", "w2"): 0,
        ("witness_alarm", "w1"): 0,
        ("witness_alarm", "w2"): 1,
    }


def test_the_protocol_page_names_every_figure() -> None:
    page = (Path(__file__).parents[4] / "docs" / "protocol" / "log.md").read_text("utf-8")
    assert {name for name, *_ in samples(exposition(FIGURES)) if f"`{name}`" not in page} == set()


def ask(port: int, path: str = "metrics", method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=")
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


async def asked(port: int, holds: Callable[[Samples], bool]) -> Samples:
    """The figures, once they hold what they are to: the archive notes them behind its files."""
    async with asyncio.timeout(20):
        while not holds(found := samples((await asyncio.to_thread(ask, port))[1])):
            await asyncio.sleep(0.02)
    return found


async def test_a_running_archive_shows_its_figures(place: Place) -> None:
    port = Ports.free().c2s
    async with fleet(place) as three:
        section = place.section.model_copy(update={"metrics": ListenSection(port=port)})
        place.section = section
        async with place.running() as archive:
            part = batch(EPOCH, *(record(n) for n in range(1, 8)), hole(8, 9))
            await archive.commit(SERVER, part)
            await archive.last("silent.example", Progress(1, 0))
            await three.cosigned(9, "w1", "w2", "w3")
            status, text = await asyncio.to_thread(ask, port)
            for path, method in (("", "GET"), ("checkpoint", "GET"), ("metrics", "POST")):
                assert (await asyncio.to_thread(ask, port, path, method))[0] in (404, 405)
    assert status == 200
    found = samples(text)
    assert found["records",] == 7
    assert found["entries",] == found["checkpoint_entries",] == found["cosigned_entries",] == 9
    assert found["unsigned_entries",] == found["unsigned_age_seconds",] == 0
    assert found["emitter_last", SERVER, str(EPOCH)] == 9
    assert found["emitter_missing", SERVER] == 2
    assert found["spool_records", "silent.example"] == 0
    assert found["witness_cosigning", "w2"] == 1
    for somebody in ("alice", "bob", "@"):
        assert somebody not in text.decode()


async def test_what_no_checkpoint_covers_has_an_age(place: Place) -> None:
    port = Ports.free().c2s
    place.section = place.section.model_copy(update={"metrics": ListenSection(port=port)})
    async with place.running() as archive:
        await archive.commit(SERVER, batch(EPOCH, record(1)))
        await until(lambda: size_of(place, "checkpoint") == 2)
        folder = archive._integrator._folder
        real = folder._write

        def full(_path: Path, _data: bytes) -> None:
            raise OSError(28, "No space left on device")

        folder._write = full
        await archive.commit(SERVER, batch(EPOCH, record(2)))
        first = await asked(port, lambda figures: figures["unsigned_age_seconds",] > 0)
        assert first["unsigned_entries",] == 1
        second = samples((await asyncio.to_thread(ask, port))[1])
        assert second["unsigned_age_seconds",] > first["unsigned_age_seconds",]
        folder._write = real
        await until(lambda: size_of(place, "checkpoint") == 3)
        third = await asked(port, lambda figures: not figures["unsigned_age_seconds",])
        assert third["unsigned_entries",] == 0


async def test_records_are_counted_once_a_minute(place: Place) -> None:
    class Store:
        counted = 0

        async def records(self) -> int:
            self.counted += 1
            return 4

    store, moments = Store(), iter((0.0, 30.0, 59.0, 60.0, 61.0))
    gauge = service.Gauge(
        store=store,  # type: ignore[arg-type]
        witnesses=None,  # type: ignore[arg-type]
        log=None,  # type: ignore[arg-type]
        clock=lambda: 0,
        elapsed=lambda: next(moments),
    )
    assert [await gauge._count() for _ in range(5)] == [4] * 5
    assert store.counted == 2


def test_it_listens_on_this_machine_alone_unless_that_is_meant() -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        assert ListenSection(host=host, port=1).host == host
    for host in ("0.0.0.0", "::", "192.0.2.1", "metrics.example", ""):
        with pytest.raises(ValidationError):
            ListenSection(host=host, port=1)
        assert ListenSection(host=host, port=1, beyond_loopback=True).host == host
