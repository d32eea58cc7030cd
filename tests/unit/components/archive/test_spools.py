"""What `archive status` says of the emitters' spools, and when it raises the alarm."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from tests.unit.archive.batches import START, batch, record
from tests.unit.components.archive.conftest import EPOCH, SERVER, Place
from xmppgov.archive.batch import Progress
from xmppgov_archive.commands import app
from xmppgov_archive.inspection.spools import PATIENCE, SpoolRow, age, is_late, lateness

NOW = START + 10 * PATIENCE


def row(waiting: int, oldest: int | None, heard: int, *, expected: bool = True) -> SpoolRow:
    """A spool that spoke `heard` ms ago, with a record that is `oldest` ms old."""
    since = None if oldest is None else NOW - oldest
    return SpoolRow("a.example", 7, waiting, since, NOW - heard, expected)


@pytest.mark.parametrize(
    ("spool", "alarm"),
    [
        (row(0, None, 99 * PATIENCE, expected=False), ""),
        (row(0, None, PATIENCE), ""),
        (row(0, None, PATIENCE + 1), "nothing was heard for 5 min."),
        (row(0, 99 * PATIENCE, 1000), ""),
        (row(3, None, PATIENCE), ""),
        (row(3, 1000, PATIENCE), ""),
        (
            row(3, None, PATIENCE + 1, expected=False),
            "3 records wait, and nothing was heard for 5 min.",
        ),
        (row(3, None, PATIENCE + 1), "3 records wait, and nothing was heard for 5 min."),
        (row(3, 1000, 4 * PATIENCE), "3 records wait, and nothing was heard for 20 min."),
        (row(3, PATIENCE + 1, 1000), "3 records wait, the oldest for 5 min."),
    ],
)
def test_what_waits_too_long_is_an_alarm(spool: SpoolRow, alarm: str) -> None:
    said = [text.in_language("en") for text in lateness([spool], NOW)]
    assert said == ([f"ALARM: a.example: {alarm}"] if alarm else [])
    assert is_late(spool, NOW) == bool(alarm)


def test_an_age_is_told_in_the_unit_that_tells_most() -> None:
    seconds = (-5, 0, 119.9, 120, 7199, 7200, 172_799, 172_800)
    told = [age(int(n * 1000)).in_language("fr") for n in seconds]
    assert told == ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 j"]


@pytest.fixture
def filled(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Two emitters: one has told everything; of the other, records wait since `START`."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)

    async def fill() -> None:
        async with place.running() as archive:
            await archive.commit(SERVER, batch(EPOCH, record(1), record(2), waiting=41))
            await archive.last("governance.gov.localhost", Progress(EPOCH, 0))

    asyncio.run(fill())
    return place


def status(place: Place, *words: str) -> str:
    done = CliRunner().invoke(app, ["status", *words, "--config", str(place.config())])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_status_shows_each_emitter_s_spool(filled: Place) -> None:
    spools = json.loads(status(filled, "--json"))["spools"]
    assert [(s["server"], s["last"], s["waiting"], s["late"]) for s in spools] == [
        (SERVER, 2, 41, True),
        ("governance.gov.localhost", 0, 0, False),
    ]
    assert (spools[0]["oldest"], spools[0]["heard"]) == (START + 1, START)
    shown = status(filled)
    assert max(map(len, shown.splitlines())) <= 80
    line = next(text for text in shown.splitlines() if "governance" in text)
    assert line.split()[:3] == ["governance.gov.localhost", "0", "0"]
    assert "ALARM: gov.localhost: 41 records wait, and nothing was heard" in " ".join(shown.split())
    assert "ALARM: governance" not in shown
