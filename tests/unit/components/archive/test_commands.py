"""The archivist's commands: what they print, for people and for scripts, and their exit status."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from tests.unit.archive.batches import START, batch, hole, record
from tests.unit.components.archive.conftest import EPOCH, Place
from xmppgov.config import load
from xmppgov.errors import CheckFailed, ConfigurationError, NotFound, StorageError, XmppgovError
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.proof import TlogProof
from xmppgov_archive.__main__ import build
from xmppgov_archive.commands import app
from xmppgov_archive.component import ArchiveComponent
from xmppgov_archive.config import Config
from xmppgov_archive.progress import progress_bar

MONTH = 31 * 86_400_000


@pytest.fixture
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, in English."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)


@pytest.fixture
def filled(place: Place, english: None) -> Place:
    later = [record(n, in_room=True, t=START + MONTH + n) for n in range(13, 20)]
    asyncio.run(place.fill(batch(EPOCH, *(record(n) for n in range(1, 11)), hole(11, 12), *later)))
    return place


def run(place: Place, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(place.config())])


def test_status(filled: Place) -> None:
    document = json.loads(run(filled, "status", "--json").stdout)
    assert (document["records"], document["entries"], document["size"]) == (17, 19, 19)
    assert document["holes"] == 2
    assert (
        document["emitters"][0] | {"server": "gov.localhost", "last": 19} == document["emitters"][0]
    )
    vkey = VerifierKey.parse(Path(document["verifier_key_file"]).read_text())
    assert vkey.name == document["origin"] == "archive.gov.localhost/2026"
    shown = run(filled, "status").stdout
    assert "gov.localhost" in shown
    assert "verifier.vkey" in "".join(shown.split())


def test_verify_is_silent_about_nothing(filled: Place) -> None:
    good = run(filled, "verify")
    assert good.exit_code == 0
    assert "17" in good.stdout
    with sqlite3.connect(filled.section.database) as database:
        database.execute("DELETE FROM records WHERE idx = 5")
    bad = run(filled, "verify")
    assert isinstance(bad.exception, CheckFailed)
    assert "entry 5" in bad.stdout
    assert "record-missing" in bad.stdout
    document = json.loads(run(filled, "verify", "--json").stdout)
    assert (document["ok"], document["counts"]) == (False, {"record-missing": 1})
    assert document["findings"][0]["where"] == "entry 5"


def test_verify_names_what_is_declared_missing(place: Place, english: None) -> None:
    """Who, which numbers, when and why; beyond twenty how many more; and each restart."""
    parts = [batch(EPOCH, record(2 * n + 1), hole(2 * n + 2, 2 * n + 2)) for n in range(23)]
    asyncio.run(place.fill(*parts, batch(EPOCH + 1, record(1))))
    shown = run(place, "verify").stdout.splitlines()
    holes = [line for line in shown if " missing, declared " in line]
    assert len(holes) == 20
    assert holes[0].startswith(f"gov.localhost, 1/{EPOCH}: 2 to 2 missing, declared 20")
    assert holes[0].endswith(" UTC: at most so many were lost when the machine stopped.")
    assert shown[20] == "… and 3 more."
    assert f"gov.localhost, 1/{EPOCH + 1}: began anew" in shown[21]
    assert f"after number 46 of 1/{EPOCH};" in shown[21]
    document = json.loads(run(place, "verify", "--json").stdout)
    assert (document["missing"], document["restarts"], len(document["holes"])) == (23, 1, 23)
    last, (begun,) = document["holes"][22], document["begun"]
    assert (last["first"], last["last"], last["reason"]) == (46, 46, "boot")
    assert (begun["last"], begun["previous"]) == (46, f"1/{EPOCH}")


def test_a_lost_file_is_one_finding(place: Place, english: None) -> None:
    """What follows of it is counted only; what stands whatever it held is found."""
    parts = [batch(EPOCH, *(record(n) for n in range(a, a + 100))) for a in range(1, 601, 100)]
    asyncio.run(place.fill(*parts))
    (place.section.tiles_dir / "tile" / "entries" / "000").unlink()
    document = json.loads(run(place, "verify", "--json").stdout)
    assert document["counts"] == {"bundle-invalid": 1}
    assert (document["lost"], document["unsure"]["counter-unopened"]) == (256, 1)
    bad = run(place, "verify")
    assert isinstance(bad.exception, CheckFailed)
    assert "Entries that cannot be read: 256." in bad.stdout
    with sqlite3.connect(place.section.database) as database:
        database.execute("UPDATE records SET seq = 9999 WHERE idx = 400")
    document = json.loads(run(place, "verify", "--json").stdout)
    assert document["counts"] == {"bundle-invalid": 1, "record-number": 1}


def test_verify_against_a_kept_checkpoint(filled: Place, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((filled.section.tiles_dir / "checkpoint").read_bytes())
    assert run(filled, "verify", "--since", str(kept)).exit_code == 0
    another = kept.read_bytes().replace(b"archive.gov.localhost/2026", b"archive.other/2026")
    for wrong, said in ((b"rubbish", "no checkpoint"), (another, "archive.other/2026")):
        kept.write_bytes(wrong)
        refused = run(filled, "verify", "--since", str(kept)).exception
        assert isinstance(refused, ConfigurationError)
        assert said in str(refused)
    assert isinstance(run(filled, "verify", "--since", "/nowhere").exception, NotFound)


def test_silence_is_not_tampering(filled: Place) -> None:
    assert isinstance(run(filled, "verify", "--witness", "temoin").exception, ConfigurationError)
    silent = run(filled, "verify", "--witness", "http://127.0.0.1:9/").exception
    assert isinstance(silent, CheckFailed)
    assert "could be asked" in str(silent)
    with sqlite3.connect(filled.section.database) as database:
        database.execute("DELETE FROM records WHERE idx = 5")
    both = run(filled, "verify", "--witness", "http://127.0.0.1:9/").exception
    assert "is not as it was signed" in str(both)


def test_a_percentage_is_written_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for language, said in (("fr_FR.UTF-8", "100\N{NO-BREAK SPACE}%"), ("en_US.UTF-8", "100%")):
        monkeypatch.setenv("LC_ALL", language)
        bar = progress_bar(quiet=False)
        bar.update(bar.add_task("x", total=1), completed=1)
        console = Console(width=80, file=StringIO())
        console.print(bar.get_renderable())
        assert said in console.file.getvalue()  # type: ignore[attr-defined]


def test_nothing_but_the_result_is_printed_without_a_terminal(filled: Place) -> None:
    done = run(filled, "verify")
    assert done.exit_code == 0
    assert done.stderr == ""
    assert not done.output.startswith("\n")


def test_nothing_found_is_said(filled: Place) -> None:
    assert "Nothing was found" in run(filled, "query", "--day", "2025-11-24").stdout
    assert "Nothing was found" not in run(filled, "query", "--day", "2025-11-23").stdout


def test_a_proof_is_its_owner_s_and_replaces_none(filled: Place, tmp_path: Path) -> None:
    out = tmp_path / "proof"
    assert run(filled, "prove", "3", "--out", str(out)).exit_code == 0
    assert out.stat().st_mode & 0o077 == 0
    assert isinstance(run(filled, "prove", "4", "--out", str(out)).exception, ConfigurationError)


def test_prove_gives_a_file_that_verifies_offline(filled: Place, tmp_path: Path) -> None:
    out = tmp_path / "record.tlog-proof"
    assert run(filled, "prove", "--id", record(3).id, "--out", str(out)).exit_code == 0
    assert out.stat().st_mode & 0o077 == 0
    proof = TlogProof.parse(out.read_bytes())
    key = VerifierKey.parse(filled.section.verifier_file.read_text())
    assert proof.verify(leaf_hash(proof.extra), [key], filled.section.origin).size == 19
    assert proof.index == 3
    assert run(filled, "prove", "3").stdout.encode() == out.read_bytes()
    document = json.loads(run(filled, "prove", "3", "--json").stdout)
    assert (document["index"], document["size"]) == (3, 19)
    for wrong, error in (
        (["prove", "19"], CheckFailed),
        (["prove", "--id", "019ab0c4-7d6e-7c55-8f0e-ffffffffffff"], NotFound),
        (["prove"], ConfigurationError),
        (["prove", "1", "--id", "x"], ConfigurationError),
    ):
        assert isinstance(run(filled, *wrong).exception, error), wrong


def rows(place: Place, *words: str) -> dict:
    return json.loads(run(place, "query", *words, "--json").stdout)


def test_query_by_day_and_room_leaves_people_unnamed(filled: Place) -> None:
    assert len(rows(filled, "--day", "2025-11-23")["records"]) == 10
    every = rows(filled, "--day", "2025-12-24")["records"]
    assert len(every) == 7
    assert every == sorted(every, key=lambda r: r["t"])
    assert rows(filled, "--day", "2025-11-24") == {"records": [], "more": False}
    named = ("--room", "grp-1@rooms.gov.localhost")
    room = rows(filled, *named, "--day", "2025-12-24")["records"]
    assert len({r["room"] for r in room}) == 1
    few = rows(filled, *named, "--limit", "1")
    assert (len(few["records"]), few["more"]) == (1, True)
    assert "@" not in json.dumps([every, room])
    assert rows(filled, "--room", "alice@gov.localhost")["records"] == []
    assert rows(filled, "--unit", "grp-1")["records"] == []


def test_query_s_table_fits_the_terminal(filled: Place) -> None:
    shown = run(filled, "query", "--day", "2025-11-23", "--limit", "9").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "2025-11-23" in shown
    assert "--limit" in shown


@pytest.mark.parametrize(
    "words", [["query"], ["query", "--day", "yesterday"], ["query", "--day", "2025-02-30"]]
)
def test_misuse_is_said(filled: Place, words: list[str]) -> None:
    assert isinstance(run(filled, *words).exception, ConfigurationError)


def document(result: Result) -> Any:
    """What a command has printed, behind lines that the archive logs into it meanwhile."""
    return json.loads(result.stdout[result.stdout.index("{\n") :])


def test_commands_read_beside_a_running_archive(place: Place) -> None:
    async def both() -> None:
        async with place.running() as archive:
            await archive.commit("gov.localhost", batch(EPOCH, record(1)))
            found = await asyncio.to_thread(run, place, "query", "--day", "2025-11-23", "--json")
            assert len(document(found)["records"]) == 1
            done = await asyncio.to_thread(run, place, "verify", "--json")
            assert document(done)["records"] == 1

    asyncio.run(both())


def test_an_archive_that_never_ran_is_said(place: Place) -> None:
    assert isinstance(run(place, "status").exception, StorageError)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tiles_dir", "tile_dir"),
        ("/keys'", "/records/keys'"),
        ("lock/lock.db", "records/records.db"),
        ("2026'", "20 26'"),
        ("= 0.05", "= 5"),
    ],
)
def test_a_wrong_setting_is_named(place: Place, old: str, new: str) -> None:
    file = place.config()
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError):
        load(Config, file)


async def test_the_configuration_builds_the_component(place: Place) -> None:
    async with build(load(Config, place.config())) as component:
        assert isinstance(component, ArchiveComponent)
    assert (place.section.tiles_dir / "checkpoint").exists()
    place.section.signing_key_file.write_text("PRIVATE+KEY+x")
    with pytest.raises(XmppgovError):
        async with build(load(Config, place.config())):
            pass
