"""The notes that readers find: the newest checkpoint, and the newest that enough have cosigned.

`checkpoint` has the cosignatures that have come so far; `cosigned` is the newest one that satisfies
the policy. Both are derived: whatever is lost of them is made or asked for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Cosigner, cosignatures
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import Note, Signature
from xmppgov.tlog.policy import Policy
from xmppgov_archive.log.folder import LogFolder

log = structlog.get_logger()


class Publication:
    """What is published; `clock` returns ms UTC."""

    def __init__(
        self, *, folder: LogFolder, cosigner: Cosigner, policy: Policy, clock: Callable[[], int]
    ) -> None:
        self._folder, self._cosigner, self._policy = folder, cosigner, policy
        self._clock = clock
        keys = [cosigner.verifier, *(witness.key for witness in policy.witnesses)]
        self._keys = {(key.name, key.key_id): key for key in keys}
        self._turn = asyncio.Lock()
        self._newer = asyncio.Event()
        self.newest: Note | None = None
        """The newest checkpoint, with the cosignatures that have come."""
        self.cosigned: Checkpoint | None = None
        """The newest checkpoint that satisfies the policy."""

    @property
    def size(self) -> int:
        """The size of the newest checkpoint; 0 before the first."""
        return Checkpoint.parse(self.newest.text).size if self.newest else 0

    @property
    def since(self) -> int:
        """When the log has cosigned the newest checkpoint, in seconds since the epoch; 0 before."""
        own = [self._cosigner.verifier]
        return max(cosignatures(self.newest, own).values(), default=0) if self.newest else 0

    async def publish(self, signed: bytes) -> None:
        """Cosign a checkpoint that the log has signed, and put it where readers find it.

        Raises:
            OSError: it cannot be written; try again.
        """
        await self._begin(Note.parse(signed), [])

    async def resume(self, signed: bytes) -> None:
        """Go on from what is published, given the checkpoint that the log has signed last.

        Cosignatures on it that verify are kept; without the log's own it is cosigned again. A
        `cosigned` that does not satisfy the policy, as after a change of it, is withdrawn.

        Raises:
            OSError: something cannot be written; try again.
        """
        kept = self._folder.cosigned()
        self.cosigned = self._enough(kept or b"")
        if kept is not None and self.cosigned is None:
            log.warning("what was cosigned is not enough for the policy, and is withdrawn")
            await asyncio.to_thread(self._folder.withdraw_cosigned)
        await self._begin(Note.parse(signed), self._kept(Note.parse(signed).text))

    async def add(self, note: Note) -> bool:
        """Take a checkpoint with more cosignatures; tell whether they are enough.

        It may be older than the newest one: then it matters only if it is newer than `cosigned`.

        Raises:
            OSError: something cannot be written; try again.
        """
        async with self._turn:
            if self.newest is not None and note.text == self.newest.text:
                note = merged(self.newest, note.signatures)
                await self._show(note)
            return await self._consider(note)

    async def newer_than(self, text: str) -> Note:
        """Wait until the newest checkpoint is another than `text`, and return it."""
        while self.newest is None or self.newest.text == text:
            self._newer.clear()
            await self._newer.wait()
        return self.newest

    async def _begin(self, signed: Note, kept: list[Signature]) -> None:
        own = self._cosigner.verifier
        if all(s.key_id != own.key_id for s in kept):
            kept = [self._cosigner.sign(signed.text, self._clock() // 1000), *kept]
        note = merged(signed, kept)
        async with self._turn:
            await self._show(note)
            await self._consider(note)
        self._newer.set()

    async def _show(self, note: Note) -> None:
        """Put `note` where readers find the newest checkpoint."""
        if note.encode() != self._folder.checkpoint():
            await asyncio.to_thread(self._folder.publish, note.encode())
        self.newest = note

    async def _consider(self, note: Note) -> bool:
        """Make `note` the cosigned one if it satisfies the policy and none is newer."""
        data = note.encode()
        checkpoint = self._enough(data)
        if checkpoint is None:
            return False
        newer = self.cosigned is None or checkpoint.size >= self.cosigned.size
        if newer and data != self._folder.cosigned():
            await asyncio.to_thread(self._folder.publish_cosigned, data)
        if newer:
            self.cosigned = checkpoint
        return True

    def _kept(self, text: str) -> list[Signature]:
        """Return the cosignatures of the published checkpoint that verify, if it is `text`."""
        try:
            published = Note.parse(self._folder.checkpoint() or b"")
        except NoteInvalid:
            return []
        known = [(self._keys.get((s.name, s.key_id)), s) for s in published.signatures]
        return [s for key, s in known if key is not None and key.verify(text, s.value)]

    def _enough(self, data: bytes) -> Checkpoint | None:
        """Return a note's checkpoint if the note satisfies the policy."""
        try:
            verdict = self._policy.judge(data)
        except NoteInvalid:
            return None
        return verdict.checkpoint if verdict.satisfied else None


def merged(note: Note, signatures: Iterable[Signature]) -> Note:
    """Return `note` with these signatures; one of a key that has signed already replaces it."""
    by_key = {(s.name, s.key_id): s for s in (*note.signatures, *signatures)}
    return Note(note.text, tuple(by_key.values()))
