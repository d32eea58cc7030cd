"""The two verifiers beside each other: the archive's own, and the auditor's one file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xmppgov_verify
from tests.unit.archive.exported import SmallLog
from tests.unit.tlog.notes import LOG, ORIGIN, policy
from xmppgov.archive.document import DocumentInvalid
from xmppgov.archive.exports.member import MemberProof
from xmppgov.archive.exports.verify import Erased, ExportCheck
from xmppgov.archive.leaf import Erase, parse_leaf
from xmppgov.archive.log import LogCheck
from xmppgov.archive.model import RecordInvalid
from xmppgov.archive.ranges import read
from xmppgov.errors import CheckFailed
from xmppgov.i18n import Text
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.errors import NoteInvalid, PolicyUnmet, TileInvalid
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.proof import TlogProof
from xmppgov.tlog.tiles import TiledTree


class Case:
    """A published log, and what an auditor is given beside it."""

    def __init__(self, folder: Path, log: SmallLog, rules: Policy | None = None) -> None:
        self.folder, self.policy = folder, rules or policy()
        self.tiles = log.publish(folder / "log")
        (folder / "policy").write_bytes(self.policy.encode())
        self.exports: list[Path] = []
        self.proofs: list[Path] = []
        self.kept: list[Path] = []
        self._signed: Checkpoint | None = None

    def give(self, kind: str, data: bytes | Iterable[bytes]) -> Path:
        """Put down an export, a proof or a checkpoint kept elsewhere, instead of the one before."""
        path = self.folder / kind
        path.write_bytes(data if isinstance(data, bytes) else b"".join(data))
        setattr(self, {"export": "exports", "proof": "proofs", "kept": "kept"}[kind], [path])
        return path

    def findings_of_the_log(self) -> set[str]:
        """What the one file finds of tiles and bundles, the checkpoint taken for granted."""
        audit = xmppgov_verify.Audit(None)
        if self._signed is None:
            self._signed = self.policy.open((self.tiles / "checkpoint").read_bytes())
        signed = self._signed
        note = xmppgov_verify.Checkpoint(signed.origin, signed.size, signed.root)
        log = xmppgov_verify.Log(audit, self.tiles, note, signed.size)
        log.walk()
        return {finding["code"] for finding in audit.findings}

    def theirs(self) -> dict[str, Any]:
        """What the one file finds."""
        rules = xmppgov_verify.Policy((self.folder / "policy").read_bytes())
        audit = xmppgov_verify.Audit(rules)
        words = ["--policy", "x", "--tiles", str(self.tiles)]
        for name, paths in (("export", self.exports), ("proof", self.proofs)):
            words += [f"--{name}", *map(str, paths)] if paths else []
        words += ["--checkpoint", *map(str, self.kept)] if self.kept else []
        audit.run(xmppgov_verify.arguments(words))
        return {"codes": {f["code"] for f in audit.findings}, "facts": audit.facts}

    def ours(self) -> set[str]:
        """What the archive's own verifier finds."""
        newest, cosigned = self.tiles / "checkpoint", self.tiles / "cosigned"
        opens = self.policy.judge if cosigned.exists() else self.policy.open
        if codes := _codes(lambda: opens(newest.read_bytes())):
            return codes
        log = LogCheck(key=LOG.verifier, origin=ORIGIN, read=self._read, policy=self.policy)
        assert log.open(newest.read_bytes())
        if cosigned.exists():
            log.check_cosigned(cosigned.read_bytes())
        entries = [entry for _, part in log.entries() for entry in part]
        for path in self.kept:
            codes |= _codes(lambda path=path: self.policy.open(path.read_bytes()))
            log.check_earlier(path.read_bytes())
        for path in self.exports:
            codes |= self._export(path, log.report.size, entries)
        for path in self.proofs:
            codes |= _codes(lambda path=path: self._proof(path.read_bytes()), "proof-invalid")
        return codes | set(log.report.counts)

    def _export(self, path: Path, size: int, entries: Sequence[bytes | None]) -> set[str]:
        check = ExportCheck(self.policy.open)
        outcome = check.run(path.read_bytes().splitlines(keepends=True))
        tree = TiledTree(size, self._read)

        def root_at(size: int) -> bytes | None:
            return tree.range_hash(0, size) if size <= tree.size else None

        check.compare(root_at, [e for i, entry in enumerate(entries) for e in _erased(i, entry)])
        return set(outcome.report.counts)

    def _proof(self, data: bytes) -> None:
        if data.startswith(b"c2sp.org"):
            proof = TlogProof.parse(data)
            proof.verify_under(self.policy, leaf_hash(proof.extra))
        else:
            MemberProof.parse(data).verify(self.policy.open)

    def _read(self, path: str) -> bytes:
        file = self.tiles / path
        if not file.is_file():
            raise TileInvalid(Text("xmppgov", path))
        return file.read_bytes()


def _codes(check: Any, other: str = "checkpoint-invalid") -> set[str]:
    try:
        check()
    except PolicyUnmet:
        return {"quorum-unmet"}
    except NoteInvalid:
        return {"checkpoint-invalid"}
    except DocumentInvalid:
        return {"line-invalid"}
    except CheckFailed:
        return {other}
    return set()


def _erased(index: int, entry: bytes | None) -> list[Erased]:
    try:
        leaf = parse_leaf(entry or b"")
    except RecordInvalid:
        return []
    parts = read(leaf.indexes) if isinstance(leaf, Erase) else []
    return [Erased(part, index) for part in parts]


def agree(case: Case) -> set[str]:
    """Run both; return what both find."""
    theirs, ours = case.theirs()["codes"], case.ours()
    assert theirs == ours
    return ours


def lines_of(path: Path) -> list[dict[str, Any]]:
    """An export as JSON documents."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
