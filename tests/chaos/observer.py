"""Somebody outside who reads published checkpoints again and again, and forgets none.

It reads the log's folder, the log's server and the witnesses' servers, whichever answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from xmppgov.archive.log import LogCheck
from xmppgov.archive.report import Report
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.merkle import EMPTY_ROOT, consistency_proof, verify_consistency
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.policy import Policy
from xmppgov.tlog.tiles import TiledTree
from xmppgov.tlog.witness import checkpoint_path
from xmppgov_archive.log.folder import LogFolder

PAUSE = 0.02  # seconds between two looks at a file
ASK, PATIENCE = 0.2, 1.0  # seconds between two questions to a server, and for an answer
NEWEST, COSIGNED = "checkpoint", "cosigned"


class Observer:
    """Reads the public folder `tiles` of the log with `policy`, and the servers at `urls`."""

    def __init__(self, tiles: Path, policy: Policy, urls: Mapping[str, str] | None = None) -> None:
        self._folder = LogFolder(tiles)
        self._policy = policy
        self._urls = dict(urls or {})
        self.seen: dict[str, list[bytes]] = {NEWEST: [], COSIGNED: []}
        """Every note that was seen, by the place where it was."""

    @classmethod
    def of_demo(cls, archive: Mapping[str, Any]) -> Observer:
        """Return an observer of the log that `ready.json` describes in `archive`."""
        policy = Policy.parse(Path(archive["policy_file"]).read_bytes())
        origin = VerifierKey.parse(archive["verifier_key"]).name
        urls = {"the log's checkpoint": archive["log_url"] + "checkpoint"}
        urls["the log's cosigned"] = archive["log_url"] + "cosigned"
        for url in archive["witnesses"]:
            urls[f"the witness {url}"] = url + checkpoint_path(origin)
        return cls(Path(archive["tiles_dir"]), policy, urls)

    @property
    def count(self) -> int:
        """How many different notes were seen."""
        return len({note for notes in self.seen.values() for note in notes})

    async def watch(self) -> None:
        """Look until cancelled."""
        timeout = aiohttp.ClientTimeout(PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as looks:
            for place, url in self._urls.items():
                looks.create_task(self._ask(session, place, url))
            while True:
                self.look()
                await asyncio.sleep(PAUSE)

    def look(self) -> None:
        """Note what is in the folder now. The checkpoint is never missing and never torn."""
        newest = self._folder.checkpoint()
        assert newest, "no checkpoint is published"
        self.note(NEWEST, newest)
        if cosigned := self._folder.cosigned():
            self.note(COSIGNED, cosigned)

    def note(self, place: str, note: bytes) -> None:
        """Remember a note, if it is not the one that was last seen there."""
        notes = self.seen.setdefault(place, [])
        if not notes or notes[-1] != note:
            notes.append(note)

    def keep(self, folder: Path) -> list[Path]:
        """Write the cosigned checkpoints that were seen into files of `folder`; return them."""
        folder.mkdir()
        files = [folder / f"{number}.note" for number in range(len(self.seen[COSIGNED]))]
        for file, note in zip(files, self.seen[COSIGNED], strict=True):
            file.write_bytes(note)
        return files

    async def _ask(self, session: aiohttp.ClientSession, place: str, url: str) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url) as response:
                    if response.status == 200:
                        self.note(place, await response.read())
            await asyncio.sleep(ASK)

    def check(self) -> None:
        """Check that everything that was seen is one history.

        Raises:
            AssertionError: a checkpoint was followed by a smaller one at the same place.
            NoteInvalid: one was not signed by the log's key, or a cosignature is wrong.
            PolicyUnmet: one was said to be cosigned, and was not by enough.
            ProofInvalid: two are not of one tree.
        """
        self.look()
        for note in self.seen[COSIGNED]:
            self._policy.open(note)
        checkpoints: list[Checkpoint] = []
        for place, notes in self.seen.items():
            found = [self._policy.judge(note).checkpoint for note in notes]
            sizes = [checkpoint.size for checkpoint in found]
            assert sizes == sorted(sizes), f"{place} became smaller"
            checkpoints += found
        latest = max(checkpoints, key=lambda checkpoint: checkpoint.size)
        tree = TiledTree(latest.size, self._folder.read)
        for earlier in checkpoints:
            _consistent(earlier, latest, tree)

    def verified(self) -> Report:
        """Return what the public files alone say of the newest checkpoint."""
        key = self._policy.logs[0].key
        check = LogCheck(key=key, origin=key.name, read=self._folder.read, policy=self._policy)
        assert check.open(self._folder.checkpoint() or b"")
        for _ in check.entries():
            pass
        return check.report


def _consistent(earlier: Checkpoint, latest: Checkpoint, tree: TiledTree) -> None:
    if earlier.size == 0:
        assert earlier.root == EMPTY_ROOT
        return
    proof = consistency_proof(earlier.size, latest.size, tree.range_hash)
    verify_consistency(earlier.size, latest.size, proof, earlier.root, latest.root)
