"""The archivist's commands on retention: what is due, drafts, holds, slips, wrong settings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.retention.world import (
    at,
    at_work,
    commit,
    erase,
    hold,
    keys,
    message,
)
from xmppgov.config import load
from xmppgov.errors import CheckFailed, ConfigurationError, NotFound
from xmppgov_archive.commands import app
from xmppgov_archive.config import Config
from xmppgov_archive.retention.slip import Slip


@pytest.fixture
def filled(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Long ago, so that it is due whenever this runs: January 2020, and some of February."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)

    async def fill() -> None:
        place.now = at(2020, 2, 20)
        async with at_work(place) as parts:
            rows = [message(n, at(2020, 1, 1 + n % 28) + n) for n in range(1, 31)]
            await commit(parts, *rows, *(message(n, at(2020, 2, 5) + n) for n in range(31, 36)))
            await hold(parts, until="2999-12-31", first="2020-01-20", last="2020-01-31")
        place.now = at(2021, 6)

    asyncio.run(fill())
    return place


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(place.config())])


def test_preview_says_what_is_due_and_changes_nothing(filled: Place) -> None:
    before = keys(filled), asyncio.run(filled.records())
    document = json.loads(run(filled, "retention", "preview", "--json").stdout)
    january, february = document["due"]
    assert (january["class"], january["month"]) == ("messages", "2020-01")
    assert january["records"] + january["held"] == 30
    assert january["held"] == 9
    assert (january["first"], january["last"]) == ("2020-01-01", "2020-01-19")
    assert january["units"] == [{"unit": "unknown", "records": 21}]
    assert (february["month"], february["records"], february["held"]) == ("2020-02", 5, 0)
    (held,) = document["holds"]
    assert (held["hold"], held["until"], held["roles"]) == ("affaire-7", "2999-12-31", "archivist")
    shown = run(filled, "retention", "preview").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "26" in shown
    assert "affaire-7" in shown
    assert (keys(filled), asyncio.run(filled.records())) == before


def test_a_draft_asks_for_the_visa(filled: Place, tmp_path: Path) -> None:
    out = tmp_path / "drafts"
    files = run(filled, "retention", "draft", "--out", str(out)).stdout.split()
    assert {Path(file).suffix for file in files} == {".csv", ".html", ".xml"}
    slip = Slip.parse(next(out.glob("*.csv")).read_bytes())
    assert (slip.visa, slip.roles, slip.records) == ("", "", 26)
    nothing = run(filled, "retention", "draft", "--out", str(out), "--class", "governance")
    assert isinstance(nothing.exception, NotFound)
    wrong = run(filled, "retention", "draft", "--out", str(out), "--class", "nope").exception
    assert isinstance(wrong, ConfigurationError)
    assert "governance, messages" in str(wrong)
    assert not filled.section.slips.exists()


def test_holds_are_listed(filled: Place) -> None:
    (held,) = json.loads(run(filled, "retention", "holds", "--json").stdout)["holds"]
    assert held["extent"] == {"first": "2020-01-20", "last": "2020-01-31"}
    assert held["ended"] is None
    shown = run(filled, "retention", "holds").stdout
    assert "2020-01-20" in shown
    assert "at first" in " ".join(shown.split())


def erased(place: Place) -> Path:
    async def do() -> None:
        async with at_work(place) as parts:
            await erase(parts, "2020-01")

    asyncio.run(do())
    (slip,) = place.section.slips.glob("*.csv")
    return slip


def test_a_slip_is_looked_up_in_the_log(filled: Place, tmp_path: Path) -> None:
    slip = erased(filled)
    found = json.loads(run(filled, "retention", "slip", str(slip), "--json").stdout)
    assert found["records"] == 21
    (entry,) = found["entries"]
    verified = json.loads(run(filled, "verify", "--json").stdout)
    (erasure,) = verified["erasures"]
    assert (erasure["entry"], erasure["n"], erasure["held"]) == (entry, 21, 9)
    assert erasure["slip"] == found["sha256"]
    assert (verified["erased"], verified["erasing"], verified["ok"]) == (21, 0, True)
    assert "Records erased: 21" in run(filled, "verify").stdout
    other = tmp_path / "other.csv"
    other.write_bytes(slip.read_bytes().replace(b";21;", b";22;"))
    assert isinstance(run(filled, "retention", "slip", str(other)).exception, CheckFailed)
    missing = run(filled, "retention", "slip", str(tmp_path / "nope.csv")).exception
    assert isinstance(missing, ConfigurationError)
    other.write_bytes(b"rubbish")
    assert isinstance(run(filled, "retention", "slip", str(other)).exception, NotFound)


def test_status_shows_classes_what_is_due_next_and_holds(filled: Place) -> None:
    state = json.loads(run(filled, "status", "--json").stdout)["retention"]
    messages, governance = state["classes"]
    assert messages == {
        "class": "messages",
        "period": "cnil-1y",
        "months": 12,
        "oldest": "2020-01",
        "due": "2021-02-01",
    }
    assert (governance["oldest"], governance["due"]) == (None, None)
    assert [one["hold"] for one in state["holds"]] == ["affaire-7"]
    shown = run(filled, "status").stdout
    assert "2021-02-01" in shown
    assert "affaire-7" in shown
    erased(filled)
    state = json.loads(run(filled, "status", "--json").stdout)["retention"]
    assert state["classes"][0]["oldest"] == "2020-01"  # what is held is still there


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("period = 'forever'", "cnil-6m, cnil-1y, controle-interne-3y"),
        ("months = 0", "cnil-6m, cnil-1y, controle-interne-3y"),
        ("period = 'cnil-6m'\nmonths = 6", "keep one of them"),
    ],
)
def test_a_wrong_period_is_named_with_the_presets(place: Place, setting: str, said: str) -> None:
    file = place.config()
    classes = (
        f"[archive.classes.a]\nfamilies = ['msg', 'file']\n{setting}\n"
        "[archive.classes.b]\nfamilies = ['room', 'alert', 'dir']\n"
    )
    file.write_text(file.read_text() + classes)
    with pytest.raises(ConfigurationError, match=said):
        load(Config, file)


def test_periods_and_agencies_are_read(place: Place) -> None:
    file = place.config()
    classes = (
        "[archive.agencies]\noriginating = 'FR-AN'\n"
        "[archive.classes.a]\nfamilies = ['msg', 'file']\nmonths = 18\n"
        "[archive.classes.b]\nfamilies = ['room', 'alert', 'dir']\nperiod = 'controle-interne-3y'\n"
    )
    file.write_text(file.read_text() + classes)
    section = load(Config, file).archive
    assert {n: c.period.months for n, c in section.classes.items()} == {"a": 18, "b": 36}
    assert section.agencies.originating == "FR-AN"
    assert section.slips == place.folder / "archive-slips"
    inside = "[archive]\nslips_dir = 'log/tiles/x'\n"
    file.write_text(file.read_text().replace("[archive]\n", inside))
    with pytest.raises(ConfigurationError, match="slips_dir"):
        load(Config, file)
