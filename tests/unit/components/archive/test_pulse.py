"""Whether the archive runs, as `archive status` sees it beside it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.archive.batches import batch, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov_archive.commands import app
from xmppgov_archive.inspection.pulse import PATIENCE, absence, beating, last_beat, runs


def status(place: Place, *words: str) -> str:
    done = CliRunner().invoke(app, ["status", *words, "--config", str(place.config())])
    assert done.exit_code == 0, done.output
    return done.stdout


def facts(place: Place) -> dict[str, object]:
    text = status(place, "--json")
    return json.loads(text[text.index("{\n") :])  # type: ignore[no-any-return]


async def test_it_beats_as_long_as_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "records.alive"
    async with beating(file, 0.01), asyncio.timeout(10):
        while last_beat(file) is None:
            await asyncio.sleep(0.01)
        os.utime(file, (1, 1))
        while last_beat(file) == 1000:
            await asyncio.sleep(0.01)
    assert last_beat(file) is None


@pytest.mark.parametrize(
    ("beat", "said"),
    [
        (None, "ALARM: the archive does not run. What waits"),
        (1, "ALARM: the archive does not run, or hangs: nothing from it for 60 s. What waits"),
        (2, ""),
        (PATIENCE + 2, ""),
    ],
)
def test_who_is_silent_for_a_minute_does_not_run(beat: int | None, said: str) -> None:
    now = PATIENCE + 2
    text = absence(beat, now)
    assert (text.in_language("en") if text else "").startswith(said)
    assert runs(beat, now) == (not said) == (text is None)


async def test_status_says_when_the_archive_is_away(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    async with place.running() as archive:
        await archive.commit("gov.localhost", batch(EPOCH, record(1)))
        async with asyncio.timeout(20):
            while not (await asyncio.to_thread(facts, place))["running"]:
                await asyncio.sleep(0.05)
        assert "does not run" not in await asyncio.to_thread(status, place)
        hung = time.time() - 120
        os.utime(place.section.pulse_file, (hung, hung))
        shown = " ".join((await asyncio.to_thread(status, place)).split())
        assert "ALARM: the archive does not run, or hangs: nothing from it for 2 min." in shown
        assert "Alarms 1" in shown
    assert (await asyncio.to_thread(facts, place))["running"] is False
    shown = " ".join((await asyncio.to_thread(status, place)).split())
    assert "ALARM: the archive does not run. What waits" in shown
