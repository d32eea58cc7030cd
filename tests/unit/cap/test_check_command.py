"""`xmppgov cap check`: what it says of a file, in both languages, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cap.alerts import DOCUMENT, changed
from xmppgov.cap.model import Alert
from xmppgov.cap.reading import read
from xmppgov.cap.summary import LONGEST_LINE, shown


def check(
    *arguments: str, language: str = "en_GB.UTF-8", given: bytes = b""
) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "xmppgov.cli.main", "cap", "check", *arguments],
        input=given,
        capture_output=True,
        timeout=60,
        env={"LC_ALL": language, "PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "crue.cap").write_text(DOCUMENT, "utf-8")
    return tmp_path / "crue.cap"


def test_a_message_is_summed_up_with_its_status_first(file: Path) -> None:
    status, said, errors = check(str(file))
    assert (status, errors) == (0, "")
    assert said.splitlines()[0] == "EXERCISE: this is not an actual alert."
    assert "[fr] Crue: severity Severe, urgency Immediate, certainty Likely" in said
    assert "Area: Quais (polygons: 1, circles: 1, codes: 0)" in said
    assert check(str(file), language="fr_FR.UTF-8")[1].splitlines()[0].startswith("EXERCICE : ")


def test_a_refusal_lists_what_is_wrong() -> None:
    document = changed("Immediate.*Likely", "Now</urgency><severity>x</severity><certainty>Likely")
    status, said, errors = check("-", given=document)
    assert (status, said) == (1, "")
    assert [line.split(":")[0] for line in errors.splitlines()] == [
        "info[1]/urgency", "info[1]/severity",
    ]  # fmt: skip
    french = check("-", given=document, language="fr_FR.UTF-8")[2]
    assert french.startswith("info[1]/urgency : ce doit être")


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    assert check(str(tmp_path / "none.cap"))[0] == 2
    assert check()[0] == 2


def test_json_is_the_alert(file: Path) -> None:
    status, said, _ = check("--json", str(file))
    assert status == 0
    assert json.loads(said)["msgType"] == "Alert"
    assert Alert.model_validate_json(said) == read(file.read_bytes()).alert


def test_what_somebody_wrote_does_not_command_the_terminal() -> None:
    assert shown("a\x9b2Jb\u202ec\nd") == "a 2Jb c d"
    assert len(shown("a" * 1000)) == LONGEST_LINE + 1
