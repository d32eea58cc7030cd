"""What the public log says for publication: every figure, from when, of which log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.unit.archive.batches import batch, hole, record
from tests.unit.archive.exported import NOW, SmallLog
from tests.unit.components.archive.conftest import EPOCH, Place
from tests.unit.tlog.notes import ORIGIN, policy
from xmppgov.archive.day import day_text
from xmppgov.archive.leaf import Access, Counted, Counts, Erase, Hold, KeyChange, Refusal, Release
from xmppgov.errors import CheckFailed, ConfigurationError
from xmppgov.tlog.errors import NoteInvalid, TileInvalid
from xmppgov.tlog.note import SigningKey
from xmppgov_archive.commands import app

DAY = 86_400_000
OCTOBER, NOVEMBER = 1_759_881_600_000, 1_763_856_000_000  # 2025-10-08 and 2025-11-23, in ms
HASH = "0" * 64
SECOND = "1/1763950000"


def access(t: int, purpose: str, n: int) -> Access:
    fields = {"request": HASH, "purpose": purpose, "requester": "security", "n": n, "t": t}
    return Access.model_validate({"v": 1, "kind": "access", "roles": "archivist dpo", **fields})


def refusal(t: int, purpose: str, role: str) -> Refusal:
    fields = {"request": HASH, "purpose": purpose, "role": role, "t": t}
    return Refusal.model_validate({"v": 1, "kind": "refusal", **fields})


def hold(t: int, name: str, until: str, n: int) -> Hold:
    fields = {"hold": name, "scope": HASH, "reason": "judicial", "until": until, "n": n, "t": t}
    return Hold.model_validate({"v": 1, "kind": "hold", "roles": "dpo", **fields})


def release(t: int, name: str) -> Release:
    return Release(v=1, kind="release", t=t, hold=name, roles="archivist dpo")


def erase(t: int, indexes: str, n: int, held: int) -> Erase:
    fields = {"indexes": indexes, "n": n, "held": held, "slip": HASH, "visa": "DAF 7", "t": t}
    named = {"class": "messages", "month": "2024-10", "roles": "archivist dpo"}
    return Erase.model_validate({"v": 1, "kind": "erase", **named, **fields})


def key(t: int, name: str, fate: str) -> KeyChange:
    return KeyChange.model_validate(
        {"v": 1, "kind": "key", "t": t, "name": name, "fate": fate, "public": ""}
    )


def year() -> SmallLog:
    """Some of everything: in October, then in November."""
    log = SmallLog()
    log.start(t=OCTOBER)
    log.record(1)
    log.record(2)
    log.gap(3, 5, t=OCTOBER)
    log.control(access(OCTOBER, "judicial", 40))
    log.control(refusal(OCTOBER, "judicial", "dpo"))
    log.control(hold(OCTOBER, "h1", "2025-10-20", 4))
    log.control(hold(OCTOBER, "h2", "2026-10-20", 9))
    log.control(hold(OCTOBER, "h3", "2026-10-20", 1))
    log.control(release(OCTOBER + DAY, "h3"))
    log.control(erase(OCTOBER + DAY, "1", 1, 4))
    for number in range(OCTOBER // DAY, NOVEMBER // DAY):
        log.day([], day=day_text(number), t=NOVEMBER)
    log.control(key(NOVEMBER, "month-2025-10", "sealed"))
    log.record(6)
    log.control(Counted(v=1, kind="counted", t=NOVEMBER, em="1/1763864000", ranges="7-10", n=4))
    log.control(Counts(v=1, kind="counts", t=NOVEMBER, day="2025-11-23", sums="-:1 a:3", n=4))
    log.day([bytes(16), bytes([1]) * 16])
    log.day([bytes([2]) * 16], part=2)
    log.start(SECOND, NOW, previous="1/1763864000", last=10)
    log.record(1, em=SECOND)
    log.control(access(NOW, "audit", 5))
    log.control(access(NOW, "judicial", 2))
    log.control(access(NOW, "judicial", 3))
    log.control(refusal(NOW, "judicial", "nobody"))
    log.control(release(NOW, "h2"))
    log.control(key(NOW, "body-2024-10-messages", "destroyed"))
    log.control(key(NOW, "body2-2024-10-messages", "destroyed"))
    return log


@pytest.fixture
def tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    (tmp_path / "policy").write_bytes(policy().encode())
    return year().publish(tmp_path / "log")


def run(tiles: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["transparency", "--tiles", str(tiles), *words])


def read(tiles: Path, *words: str) -> dict[str, Any]:
    result = run(tiles, "--policy", str(tiles.parent / "policy"), "--json", *words)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return dict(json.loads(result.stdout))


def test_of_a_real_archive_by_its_configuration(place: Place) -> None:
    asyncio.run(place.fill(batch(EPOCH, *(record(n) for n in range(1, 6)), hole(6, 8))))
    words = ["transparency", "--json", "--config", str(place.config())]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.stderr) == (0, "")
    [emitter] = json.loads(result.stdout)["emitters"]
    assert (emitter["emitter"], emitter["records"]) == ("gov.localhost", 5)
    assert (emitter["gaps"], emitter["missing"]) == (1, 3)


def requests(month: str, purpose: str, *figures: int) -> dict[str, Any]:
    names = ("granted", "refused", "expired", "rows")
    return {"month": month, "purpose": purpose, **dict(zip(names, figures, strict=True))}


def test_every_figure_of_the_whole_log(tiles: Path) -> None:
    found = read(tiles)
    assert (found["origin"], found["size"], found["ok"]) == (ORIGIN, len(year().leaves), True)
    assert found["requests"] == [
        requests("2025-10", "judicial", 1, 1, 0, 40),
        requests("2025-11", "audit", 1, 0, 0, 5),
        requests("2025-11", "judicial", 2, 0, 1, 5),
    ]
    assert found["erasures"] == [
        {
            "entry": 10, "day": "2025-10-09", "class": "messages", "month": "2024-10",
            "records": 1, "held": 4, "visa": "DAF 7", "roles": "archivist dpo",
        }
    ]  # fmt: skip
    holds = [(h["hold"], h["day"], h["until"], h["records"], h["released"]) for h in found["holds"]]
    assert holds == [
        ("h1", "2025-10-08", "2025-10-20", 4, None),
        ("h2", "2025-10-08", "2026-10-20", 9, "2025-11-24"),
        ("h3", "2025-10-08", "2026-10-20", 1, "2025-10-09"),
    ]
    assert found["emitters"] == [
        {
            "emitter": "gov.example", "records": 4, "counted": 4, "gaps": 1, "missing": 3,
            "restarts": 1,
        }
    ]  # fmt: skip
    assert found["missing"] == {"boot": 3}
    assert found["keys"] == [
        {"sort": "body", "fate": "destroyed", "n": 2},
        {"sort": "month", "fate": "sealed", "n": 1},
    ]
    assert found["days"] == {
        "closed": 47, "first": "2025-10-08", "last": "2025-11-23", "references": 3,
    }  # fmt: skip


def test_since_a_day_counts_what_came_then(tiles: Path) -> None:
    found = read(tiles, "--since", "2025-11-01")
    assert found["since"] == "2025-11-01"
    assert {r["month"] for r in found["requests"]} == {"2025-11"}
    assert (found["erasures"], found["missing"]) == ([], {})
    assert [h["hold"] for h in found["holds"]] == ["h2"]  # h1 and h3 had ended
    emitter = found["emitters"][0]
    assert (emitter["records"], emitter["counted"], emitter["missing"]) == (2, 4, 0)


def test_tables_fit_the_screen_and_name_no_room(tiles: Path) -> None:
    shown = run(tiles, "--policy", str(tiles.parent / "policy")).stdout
    assert max(map(len, shown.splitlines())) <= 80
    for text in ("judicial", "DAF 7", "gov.example", "h2", "Destroyed", "2025-11-23"):
        assert text in shown
    assert "Days closed: 47, 2025-10-08 to 2025-11-23; message references: 3." in shown


def test_french(tiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "Demandes aux officiers" in run(tiles).stdout


def test_without_a_policy_it_says_that_the_signature_was_not_checked(tiles: Path) -> None:
    result = run(tiles, "--json")
    assert result.exit_code == 0
    assert "not checked" in result.stderr
    assert json.loads(result.stdout)["size"] == len(year().leaves)


def test_another_s_signature_is_refused(tiles: Path) -> None:
    other = SigningKey(ORIGIN, bytes(32))
    (tiles / "checkpoint").write_bytes(year().note(log=other))
    result = run(tiles, "--policy", str(tiles.parent / "policy"))
    assert isinstance(result.exception, NoteInvalid)


def test_a_changed_entry_is_refused_before_a_figure_is_shown(tiles: Path) -> None:
    [bundle] = (tiles / "tile" / "entries" / "000.p").iterdir()
    bundle.write_bytes(bundle.read_bytes().replace(b'"n":40', b'"n":41'))
    result = run(tiles)
    assert isinstance(result.exception, CheckFailed)
    assert not result.stdout


@pytest.mark.parametrize("cut", ["missing", "short"])
def test_a_log_that_is_not_whole_is_refused(tiles: Path, cut: str) -> None:
    [bundle] = (tiles / "tile" / "entries" / "000.p").iterdir()
    data = bundle.read_bytes()
    bundle.unlink()
    if cut == "short":
        first = 2 + int.from_bytes(data[:2], "big")
        bundle.write_bytes(data[:first])
    assert isinstance(run(tiles).exception, TileInvalid)


def test_what_is_not_counted_has_no_number_and_a_conflict_is_a_refusal(tmp_path: Path) -> None:
    log = SmallLog()
    log.start(t=OCTOBER)
    log.control(hold(OCTOBER, "of-somebody", "2026-10-20", 0))
    log.control(refusal(OCTOBER, "batch.conflict", "nobody"))
    tiles = log.publish(tmp_path / "log")
    (line,) = (line for line in run(tiles).stdout.splitlines() if "of-somebody" in line)
    assert line.split() == ["of-somebody", "2025-10-08", "judicial", "2026-10-20", "-"]
    (requests,) = json.loads(run(tiles, "--json").stdout)["requests"]
    assert (requests["purpose"], requests["refused"], requests["expired"]) == (
        "batch.conflict",
        1,
        0,
    )


def test_numbers_out_of_order_are_said(tmp_path: Path) -> None:
    log = year()
    log.record(1, em=SECOND)
    result = run(log.publish(tmp_path / "log"), "--json")
    assert isinstance(result.exception, CheckFailed)
    assert json.loads(result.stdout)["ok"] is False


def test_a_partial_bundle_may_have_become_full(tmp_path: Path) -> None:
    log = SmallLog()
    log.start()
    for seq in range(1, 300):
        log.record(seq)
    early = SmallLog()
    early.leaves = log.leaves[:200]
    folder = log.publish(tmp_path / "log")
    (folder / "checkpoint").write_bytes(early.note())
    assert json.loads(run(folder, "--json").stdout)["emitters"][0]["records"] == 199


@pytest.mark.parametrize("words", [[], ["--tiles", "x", "--config", "y"]])
def test_one_source_is_named(words: list[str]) -> None:
    result = CliRunner().invoke(app, ["transparency", *words])
    assert isinstance(result.exception, ConfigurationError)
