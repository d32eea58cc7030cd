"""Exports with proofs: complete, verified by both verifiers, and they tell what is not there."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from tests.unit.components.archive.conftest import Place
from tests.unit.components.archive.exports.exporting import (
    DAY,
    ROOM,
    SEDA,
    erase,
    export,
    exported,
    filled,
    hidden_in,
    private,
    secrets,
    verdicts,
)
from xmppgov.archive.disclosure import PURPOSES
from xmppgov.archive.exports.model import RecordLine, parse_line, parse_manifest
from xmppgov.errors import CheckFailed, ConfigurationError
from xmppgov_archive.commands import app
from xmppgov_archive.exports import service
from xmppgov_archive.exports.store import windows

pytestmark = pytest.mark.usefixtures("terminal")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture
def full(place: Place) -> Place:
    return asyncio.run(filled(place))


def tamper(place: Place, statement: str) -> None:
    with sqlite3.connect(place.section.database) as database:
        assert database.execute(statement).rowcount != 0


def test_every_index_of_the_day_has_a_line(full: Place) -> None:
    data = exported(full)
    lines = data.splitlines()
    manifest = parse_manifest(lines[0])
    assert (manifest.records, manifest.outside, manifest.readable) == (16, 1, 2)
    assert manifest.covers == ((0, 18),)
    found = [parse_line(line) for line in lines[1:]]
    assert [line.index for line in found] == list(range(19))
    codes, fact = verdicts(full, data)
    assert codes == set()
    assert fact | {"1-10": "present", "17": "present, of another day"} == fact


def test_a_purpose_shows_its_fields_and_hides_the_others(full: Place) -> None:
    for purpose, names in PURPOSES.items():
        line = exported(full, "--purpose", purpose).splitlines()[2]
        shown = parse_line(line)
        assert isinstance(shown, RecordLine)
        assert set(shown.disclosure.shown) == set(names), purpose
    data = exported(full, "--fields", "to")
    assert set(json.loads(data.splitlines()[2])["shown"]) == {"v", "t", "to", "em", "es"}
    assert verdicts(full, data)[0] == set()


def test_no_secret_and_no_address_leaves_in_any_format(full: Place) -> None:
    kept = asyncio.run(secrets(full))
    assert len(kept) == 17
    for form in ("ndjson", "csv", "ecs", "seda"):
        data = exported(full, "--format", form, "--purpose", "transfer", *SEDA)
        assert all(hidden_in(data, secret) for secret in kept), form
        if form != "seda":
            assert b"@gov" not in data
            assert b"grp-1" not in data
            assert b"stanza-" not in data
            assert b"origin-" not in data


def test_a_room_s_export_holds_that_room_only_and_claims_nothing(full: Place) -> None:
    data = exported(full, "--room", ROOM, "--purpose", "evidence")
    manifest = parse_manifest(data.splitlines()[0])
    assert (manifest.records, manifest.covers) == (5, ())
    assert len(manifest.rooms) == 1
    assert verdicts(full, data)[0] == set()
    other = exported(full, "--room", "alice@gov.localhost")
    assert parse_manifest(other.splitlines()[0]).records == 0
    assert verdicts(full, other)[0] == set()
    assert parse_manifest(exported(full, "--unit", "grp-1").splitlines()[0]).records == 0


def test_a_room_s_export_of_a_sealed_month_is_refused_and_not_empty(full: Place) -> None:
    (full.section.keys_dir / "month-2025-11.key").unlink()
    done = export(full, "--room", ROOM)
    assert isinstance(done.exception, CheckFailed)
    assert "2025-11" in str(done.exception)
    assert parse_manifest(exported(full).splitlines()[0]).records == 16
    quiet = export(full, "--room", ROOM, days=("2025-01-01", "2025-02-10"))
    assert isinstance(quiet.exception, CheckFailed)  # nobody can say which room that would be


@pytest.mark.parametrize(
    ("days", "covers"),
    [
        (("2025-11-24", "2025-11-30"), ((18, 18),)),
        (("2025-11-21", "2025-11-22"), ((17, 18),)),
        (("2025-01-01", "2025-01-02"), ((0, 1),)),
    ],
)
def test_a_day_with_nothing_lies_between_two_others(
    full: Place, days: tuple[str, str], covers: tuple[tuple[int, int]]
) -> None:
    data = exported(full, days=days)
    manifest = parse_manifest(data.splitlines()[0])
    assert (manifest.records, manifest.covers) == (0, covers)
    assert verdicts(full, data)[0] == set()


def test_a_late_record_s_own_day_begins_with_the_log_where_nothing_is_older(full: Place) -> None:
    data = exported(full, days=("2025-11-20", "2025-11-20"))
    manifest = parse_manifest(data.splitlines()[0])
    assert (manifest.records, manifest.outside, manifest.covers) == (1, 16, ((0, 18),))
    codes, fact = verdicts(full, data)
    assert codes == set()
    assert (fact["begins"][:11], fact["ends"][:11]) == ("at entry 0", "at entry 18")


def test_what_was_erased_is_said_to_be(full: Place) -> None:
    asyncio.run(erase(full, "2-3 7", 3))
    tamper(full, "DELETE FROM records WHERE idx IN (2, 3)")
    data = exported(full)  # entry 7 is to be erased and its row still there
    codes, fact = verdicts(full, data)
    assert codes == set()
    assert fact["2-3"] == fact["7"]
    assert fact["7"].startswith("erased by leaf")
    assert parse_manifest(data.splitlines()[0]).records == 13


def test_a_row_that_is_gone_is_unexplained(full: Place) -> None:
    tamper(full, "DELETE FROM records WHERE idx = 5")
    codes, fact = verdicts(full, exported(full))
    assert codes == {"record-missing"}
    assert fact["5"] == "UNEXPLAINED"


def test_rows_that_were_swapped_or_changed_are_found(full: Place) -> None:
    tamper(full, "UPDATE records SET sealed = zeroblob(60) WHERE idx = 5")
    done = export(full)
    assert isinstance(done.exception, CheckFailed)
    assert "entry 5" in str(done.exception)
    assert not list(full.folder.glob("*export*"))
    assert not list(full.folder.glob(".export*"))


def test_it_waits_for_the_witnesses_and_says_when_they_do_not_come(full: Place) -> None:
    cosigned = full.section.tiles_dir / "cosigned"
    note = cosigned.read_bytes()
    cosigned.unlink()
    done = export(full, "--wait", "0.3")
    assert isinstance(done.exception, CheckFailed)
    assert "0 of 19" in str(done.exception)
    assert len(done.stderr.splitlines()) == 1  # said once, while it waits
    assert "0 s" in done.stderr
    assert not (full.folder / "export").exists()

    async def later() -> None:
        running = asyncio.create_task(asyncio.to_thread(export, full, "--wait", "30"))
        await asyncio.sleep(0)
        cosigned.write_bytes(note)
        await running

    asyncio.run(later())
    assert (full.folder / "export").exists()


def test_its_file_is_the_owner_s_and_replaces_none(full: Place) -> None:
    left = full.folder / ".export.new"
    left.touch(mode=0o644)
    left.chmod(0o644)  # what an attempt has left that was killed
    assert export(full).exit_code == 0
    assert private(full.folder / "export")
    assert isinstance(export(full).exception, ConfigurationError)
    document = json.loads(export(full, "--json", out="other").stdout)
    assert document["records"] == 16
    assert document["format"] == "xmppgov-export/1"


@pytest.mark.parametrize(
    "words",
    [
        ("--purpose", "curiosity"),
        ("--fields", "body"),
        ("--format", "seda"),
        ("--from", "yesterday"),
        ("--to", "2025-11-01"),
    ],
)
def test_misuse_is_said(full: Place, words: tuple[str, ...]) -> None:
    assert isinstance(export(full, *words).exception, ConfigurationError)
    assert not (full.folder / "export").exists()


def test_a_transfer_names_the_agencies_of_the_configuration(
    full: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("export", "--format", "seda", "--from", "2025-11-23", "--to", "2025-11-23")
    words = (*words, "--agreement", "AV-1", "--config", str(full.config()))
    out = full.folder / "transfer.zip"
    assert isinstance(
        CliRunner().invoke(app, [*words, "--out", str(out)]).exception, ConfigurationError
    )
    monkeypatch.setenv("XMPPGOV_ARCHIVE__AGENCIES__ORIGINATING", "FR-AN-7")
    monkeypatch.setenv("XMPPGOV_ARCHIVE__AGENCIES__ARCHIVAL", "FR-AD75-8")
    done = CliRunner().invoke(app, [*words, "--out", str(out), "--agency", "FR-AD92"])
    assert done.exit_code == 0, done.output
    with ZipFile(out) as package:
        manifest = package.read("manifest.xml").decode()
    assert "FR-AN-7" in manifest
    assert "FR-AD92" in manifest
    assert "FR-AD75-8" not in manifest


def test_an_export_is_of_one_moment(full: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = service.Exporter._export

    async def meanwhile(*arguments: object) -> object:
        tamper(full, "DELETE FROM records WHERE idx = 5")
        return await opened(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(service.Exporter, "_export", meanwhile)
    assert verdicts(full, exported(full))[0] == set()


def test_windows_are_all_of_a_part() -> None:
    assert list(windows((0, 2500))) == [(0, 999), (1000, 1999), (2000, 2500)]
    assert list(windows((7, 7))) == [(7, 7)]
    assert DAY


def test_the_archive_checks_what_it_has_handed_out(full: Place) -> None:
    file, config = full.folder / "export", ("--config", str(full.config()))
    data = exported(full)
    file.write_bytes(data)
    runner = CliRunner()
    proof = full.folder / "proof"
    assert runner.invoke(app, ["prove", "3", "--out", str(proof), *config]).exit_code == 0
    done = runner.invoke(app, ["check", str(file), str(proof), "--json", *config])
    checked = json.loads(done.stdout)["checked"]
    assert [document["ok"] for document in checked] == [True, True]
    assert (checked[0]["present"], checked[0]["outside"]) == ("1-10 12-16 18", "17")
    shown = runner.invoke(app, ["check", str(file), *config])
    assert "1-10" in shown.stdout
    assert "as the archive has handed it out" in " ".join(shown.stdout.split())
    french = runner.invoke(app, ["check", str(file), *config], env={"LANG": "fr_FR.UTF-8"})
    assert "Enregistrements montrés : 1-10" in french.stdout
    nowhere = runner.invoke(app, ["check", str(full.folder / "nope"), *config])
    assert isinstance(nowhere.exception, ConfigurationError)
    lines = data.splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:4] + lines[5:]))
    done = runner.invoke(app, ["check", str(file), *config])
    assert isinstance(done.exception, CheckFailed)
    assert "record-missing" in done.stdout
    proof.write_bytes(proof.read_bytes().replace(b"index 3", b"index 4"))
    assert isinstance(runner.invoke(app, ["check", str(proof), *config]).exception, CheckFailed)
