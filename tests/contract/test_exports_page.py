"""docs/protocol/exports.md: its examples are what programs write and read.

`python -m tests.contract.test_exports_page` writes the examples anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.archive.exported import DAY, KEY, SmallLog, manifest_of
from tests.unit.archive.test_model import ROOM
from tests.unit.tlog.notes import COSIGNERS, LOG, TIME
from xmppgov.archive.day import locate, written
from xmppgov.archive.disclosure import PURPOSES
from xmppgov.archive.exports.member import MemberProof, Part, references
from xmppgov.archive.exports.model import EntryLine, RecordLine, write_line
from xmppgov.archive.exports.verify import ExportCheck
from xmppgov.tlog.note import Note
from xmppgov.tlog.policy import Group, Log, Policy, Witness
from xmppgov.tlog.proof import TlogProof

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "protocol" / "exports"
SHOWN = ("v", "kind", "t", "from", "to", "room", "em", "es")


class Example(SmallLog):
    """A log without ML-DSA-44, whose signatures would be other ones each time."""

    def note(self, *_names: str, **_more: object) -> bytes:
        text = self.checkpoint.text()
        cosigned = (COSIGNERS[name].sign(text, TIME) for name in ("w1", "w2"))
        return Note(text, (LOG.sign(text), *cosigned)).encode()


def rules() -> Policy:
    witnesses = tuple(Witness(name, COSIGNERS[name].verifier) for name in ("w1", "w2"))
    return Policy("both", (Log(LOG.verifier),), witnesses, (Group("both", 2, ("w1", "w2")),))


def example() -> tuple[Example, list[bytes], dict[str, int]]:
    """Two messages, of which one is erased, one in a room, one of another day, a closed day."""
    log = Example()
    log.start()
    named = references(KEY, "3f0c9a")
    indexes = {"message": log.record(1, oid=written(named["oid"]))}
    log.record(2)
    log.record(3, ROOM)
    log.record(4, t=1_763_600_000_000)
    log.erase("2", 1)
    there = sorted([named["oid"], bytes([7]) * 16, bytes([200]) * 16])
    indexes["day"] = log.day(there)
    return log, there, indexes


def export(log: Example) -> bytes:
    shown = {4: ("t",)}
    lines = [log.line(i, shown.get(i, SHOWN)) for i in range(len(log.leaves)) if i != 2]
    marked = [replace(x, outside=True) if x.index == 4 else x for x in lines]  # type: ignore[type-var]
    manifest = replace(
        manifest_of(log),
        policy=rules().encode().decode(),
        fields=SHOWN,
        records=2,
        outside=1,
        readable=3,
        covers=((0, 6),),
    )
    return write_line(manifest) + b"".join(map(write_line, marked))


def proof(id: str) -> bytes:
    log, there, indexes = example()
    entry = log.line(indexes["day"])
    assert isinstance(entry, EntryLine)
    sought = references(KEY, id)
    part = Part(entry, {sort: locate(there, value) for sort, value in sought.items()})
    line = log.line(indexes["message"], PURPOSES["member"])
    assert isinstance(line, RecordLine)
    records = (line,) if sought["oid"] in there else ()
    return MemberProof(DAY, id, KEY, log.note(), (part,), records).encode()


def files() -> dict[str, bytes]:
    """Every example by its name."""
    log, _, _ = example()
    lone = TlogProof(1, log.proof(1), log.note(), log.leaves[1]).encode()
    return {
        "policy": rules().encode(),
        "export.ndjson": export(log),
        "present.json": proof("3f0c9a"),
        "absent.json": proof("another"),
        "entry.tlog-proof": lone,
        "checkpoint": log.note(),
    }


@pytest.mark.parametrize("name", sorted(files()))
def test_an_example_is_what_the_program_writes(name: str) -> None:
    assert (FOLDER / name).read_bytes() == files()[name]


def test_the_log_of_the_examples_is_there(tmp_path: Path) -> None:
    log, _, _ = example()
    published = log.publish(tmp_path)
    for file in (file for file in published.rglob("*") if file.is_file()):
        assert (FOLDER / "log" / file.relative_to(published)).read_bytes() == file.read_bytes()


def test_both_verifiers_take_the_export() -> None:
    lines = (FOLDER / "export.ndjson").read_bytes().splitlines(keepends=True)
    outcome = ExportCheck(rules().open).run(lines)
    assert not outcome.report.total
    assert [(erased.part, erased.leaf) for erased in outcome.erased] == [((2, 2), 5)]


def test_the_page_s_lines_are_lines_of_the_example() -> None:
    page = (DOCS / "protocol" / "exports.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 4
    known = [json.loads(line) for line in (FOLDER / "export.ndjson").read_text().splitlines()]
    known += [json.loads((FOLDER / name).read_text()) for name in ("present.json", "absent.json")]
    for block in blocks:
        assert any(_is_like(json.loads(block), document) for document in known), block


def _is_like(shown: object, whole: object) -> bool:
    """Tell whether what a page shows is what there is, apart from what it leaves out (`…`)."""
    if isinstance(shown, str) and shown.endswith("…"):
        return isinstance(whole, str) and whole.startswith(shown[:-1])
    if isinstance(shown, dict) and isinstance(whole, dict):
        rest = "…" in shown
        names = shown.keys() - {"…"}
        same = names <= whole.keys() if rest else names == whole.keys()
        return same and all(_is_like(shown[name], whole[name]) for name in names)
    if isinstance(shown, list) and isinstance(whole, list):
        kept = [value for value in shown if value != "…"]
        short = len(kept) < len(shown)
        pairs = zip(kept, whole, strict=False)
        return (short or len(kept) == len(whole)) and all(_is_like(a, b) for a, b in pairs)
    return shown == whole


def main() -> None:
    """Write the examples."""
    FOLDER.mkdir(exist_ok=True)
    example()[0].publish(FOLDER / "log")
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
