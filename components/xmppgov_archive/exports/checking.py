"""Checks what an archive has handed out: exports, members' proofs, tlog-proofs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xmppgov.archive.exports.member import MemberProof
from xmppgov.archive.exports.verify import Erased, ExportCheck, Outcome
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.ranges import Range, read, write
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.proof import HEADER, TlogProof
from xmppgov.tlog.tiles import TiledTree
from xmppgov_archive.exports.store import ExportStore
from xmppgov_archive.inspection.service import Inspection


async def check(archive: Inspection, path: Path) -> dict[str, Any]:
    """Check a file under the archive's policy; return what was found, for scripts.

    Raises:
        CheckFailed: it is a proof that proves nothing.
    """
    with path.open("rb") as file:
        first = file.readline(1_000_000)
    if first.startswith(HEADER.encode()):
        proof = TlogProof.parse(path.read_bytes())
        proof.verify_under(archive.policy, leaf_hash(proof.extra))
        return {"file": str(path), "ok": True, "index": proof.index}
    if first.startswith(b'{"format":"xmppgov-member-proof'):
        member = MemberProof.parse(path.read_bytes())
        logged = member.verify(archive.opens)
        return {"file": str(path), "ok": True, "day": member.day, "logged": logged}
    return _document(path, await _export(archive, path))


async def _export(archive: Inspection, path: Path) -> Outcome:
    check = ExportCheck(archive.opens)
    with path.open("rb") as lines:
        check.run(lines)
    note = archive.cosigned_note()
    if note is not None:
        tree = TiledTree(archive.opens(note).size, archive.folder.read)
        check.compare(
            lambda size: tree.range_hash(0, size) if size <= tree.size else None,
            await _erased(archive),
        )
    return check.outcome


async def _erased(archive: Inspection) -> list[Erased]:
    store = await ExportStore.open(archive.section.database)
    try:
        entries = [(index, parse_leaf(data)) for index, data in await store.erasures()]
    finally:
        await store.close()
    return [
        Erased(part, index)
        for index, leaf in entries
        if isinstance(leaf, Erase)
        for part in read(leaf.indexes)
    ]


def _document(path: Path, outcome: Outcome) -> dict[str, Any]:
    findings = outcome.report.findings
    return {
        "file": str(path),
        "ok": not outcome.report.total,
        "present": _text(outcome.present),
        "outside": _text(outcome.outside),
        "erased": [{"leaf": e.leaf, "indexes": _text([e.part])} for e in outcome.erased],
        "unexplained": _text(outcome.unexplained),
        "findings": [{"code": f.code, "where": f.where, "text": str(f.text)} for f in findings],
    }


def _text(parts: Sequence[Range]) -> str:
    return write(parts)
