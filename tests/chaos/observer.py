"""Somebody outside who reads the published checkpoint again and again, and forgets none."""

from __future__ import annotations

import asyncio
from pathlib import Path

from xmppgov.archive.report import Report
from xmppgov.archive.verify import LogCheck
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.merkle import EMPTY_ROOT, consistency_proof, verify_consistency
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.tiles import TiledTree
from xmppgov_archive.log.folder import LogFolder

PAUSE = 0.02  # seconds between two looks


class Observer:
    """Reads the public folder `tiles` of the log whose key is `vkey`."""

    def __init__(self, tiles: Path, vkey: str) -> None:
        self._folder = LogFolder(tiles)
        self._key = VerifierKey.parse(vkey)
        self.seen: list[bytes] = []

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(PAUSE)

    def look(self) -> None:
        """Note the checkpoint that is published now. It is never missing and never torn."""
        note = self._folder.checkpoint()
        assert note, "no checkpoint is published"
        if not self.seen or self.seen[-1] != note:
            self.seen.append(note)

    def check(self) -> int:
        """Check that what was seen is one history; return how many checkpoints that were.

        Raises:
            AssertionError: a checkpoint was followed by a smaller one.
            NoteInvalid: one was not signed by the log's key.
            ProofInvalid: two are not of one tree.
        """
        self.look()
        checkpoints = [self._open(note) for note in self.seen]
        sizes = [checkpoint.size for checkpoint in checkpoints]
        assert sizes == sorted(sizes), "the log became shorter"
        tree = TiledTree(sizes[-1], self._folder.read)
        for earlier in checkpoints:
            _consistent(earlier, checkpoints[-1], tree)
        return len(checkpoints)

    def verified(self) -> Report:
        """Return what the public files alone say of the newest checkpoint."""
        check = LogCheck(key=self._key, origin=self._key.name, read=self._folder.read)
        assert check.open(self.seen[-1])
        for _ in check.entries():
            pass
        return check.report

    def _open(self, note: bytes) -> Checkpoint:
        return open_checkpoint(note, [self._key], self._key.name)


def _consistent(earlier: Checkpoint, latest: Checkpoint, tree: TiledTree) -> None:
    if earlier.size == 0:
        assert earlier.root == EMPTY_ROOT
        return
    proof = consistency_proof(earlier.size, latest.size, tree.range_hash)
    verify_consistency(earlier.size, latest.size, proof, earlier.root, latest.root)
