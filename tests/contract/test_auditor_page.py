"""docs/auditor.md: its commands print what it shows, and it has every finding of the verifier.

`python -m tests.contract.test_auditor_page` writes the shown output anew, and beside the examples
of docs/protocol/exports the two that are wrong: an export that was cut, the log's old backup.
"""

from __future__ import annotations

import re
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import xmppgov_verify
from tests.contract.test_exports_page import FOLDER, example, files
from xmppgov.tlog.tiles import tile_path, tiles_of

PAGE_FILE = Path(__file__).parents[2] / "docs" / "auditor.md"
PAGE = PAGE_FILE.read_text("utf-8")
BLOCK = re.compile(r"```console\n\$ (xmppgov-verify [^\n]*)\n(.*?)```", re.DOTALL)
COMMANDS = BLOCK.findall(PAGE)


def lay_out(folder: Path) -> None:
    """Write the log, what it has handed out, an export that was cut, and the log's old backup."""
    whole = files()
    for name, data in whole.items():
        (folder / name).write_bytes(data)
    example()[0].publish(folder / "log")
    lay_out_wrong(folder)


def lay_out_wrong(folder: Path) -> None:
    """Write the export that was cut, and the log's old backup."""
    lines = files()["export.ndjson"].splitlines(keepends=True)
    (folder / "cut.ndjson").write_bytes(b"".join(x for x in lines if b'"index":3,' not in x))
    log, _, _ = example()
    del log.leaves[5:]
    log.publish(folder / "old")


def run(command: str) -> tuple[int, str]:
    with redirect_stdout(StringIO()) as out:
        status = xmppgov_verify.main(command.split()[1:])
    return status, out.getvalue()


@pytest.mark.parametrize(("command", "shown"), COMMANDS)
def test_a_command_prints_what_is_shown(command: str, shown: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    with chdir(tmp_path):
        status, printed = run(command)
    assert printed == shown
    assert status == ("all is as was signed" not in shown)


@pytest.mark.parametrize(("command", "shown"), COMMANDS)
def test_a_command_runs_as_it_stands_beside_the_examples(command: str, shown: str) -> None:
    with chdir(FOLDER):
        assert run(command)[1] == shown


def test_what_is_shown_is_enough() -> None:
    text = "".join(shown for _, shown in COMMANDS)
    for word in ("present", "erased by leaf", "UNEXPLAINED", "absent", "[history]"):
        assert word in text
    assert len(COMMANDS) == PAGE.count("```console") >= 6


def test_it_has_every_finding() -> None:
    source = Path(xmppgov_verify.__file__).read_text("utf-8")
    codes = set(re.findall(r'"([a-z]+-[a-z]+|history)"', source)) - {"xmppgov-verify", "utf-8"}
    table = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.M))))
    assert len(codes) > 20
    assert codes - table == set()
    assert {name for name in table if "-" in name} - codes == set()


def test_the_mirrored_files_are_those_of_the_log() -> None:
    mirrored = re.findall(r"curl .* -o log/(tile/\S+) \S+/log/(\S+)$", PAGE, re.MULTILINE)
    assert {path for path, _ in mirrored} == {tile_path(*tile) for tile in tiles_of(301)}
    assert all(here == there for here, there in mirrored)


def test_a_witness_is_asked_by_the_hash_of_the_origin(tmp_path: Path) -> None:
    log, _, _ = example()
    log.publish(tmp_path / "log")
    alone = files()["policy"].replace(b"quorum both", b"quorum w1")
    (tmp_path / "one-witness").write_bytes(alone)
    note = log.note().decode()
    kept = [line for line in note.splitlines() if "w2" not in line]
    (tmp_path / "witness.note").write_text("\n".join([*kept, ""]), "utf-8")
    [command] = re.findall(r"^    (xmppgov-verify .*witness.*)$", PAGE, re.MULTILINE)
    with chdir(tmp_path):
        assert run(command)[0] == 0


def main() -> None:
    """Write what the commands print into the page."""

    def written(match: re.Match[str]) -> str:
        return f"```console\n$ {match[1]}\n{run(match[1])[1]}```"

    with TemporaryDirectory() as folder, chdir(folder):
        lay_out(Path(folder))
        PAGE_FILE.write_text(BLOCK.sub(written, PAGE), "utf-8")
    lay_out_wrong(FOLDER)


if __name__ == "__main__":
    main()
