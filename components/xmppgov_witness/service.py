"""What a witness does: cosign a checkpoint that extends the latest one, and remember it first.

What is durable after each step, and what a crash behind it means:

1. *Check* the request against the latest checkpoint. Nothing is durable.
2. *Cosign*, in memory. Crash: nobody has seen the cosignature.
3. *Swap*: the new checkpoint with its cosignatures replaces the one that step 1 has read, if that
   one is still there. Crash: the log asks again, is told the size, and gets a new cosignature.
4. *Answer*. From here on the cosignature is out, and no other tree of this size will ever have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Cosigner
from xmppgov.tlog.errors import NoteInvalid, ProofInvalid, RequestInvalid
from xmppgov.tlog.merkle import EMPTY_ROOT, verify_consistency
from xmppgov.tlog.note import Note, Signature, VerifierKey, open_note
from xmppgov.tlog.witness import AddCheckpoint, checkpoint_path
from xmppgov_witness.errors import (
    Inconsistent,
    Malformed,
    NotTheLog,
    OldSizeWrong,
    OriginUnknown,
)
from xmppgov_witness.store import Seen, WitnessStore

texts = Texts("xmppgov_witness")
log = structlog.get_logger()


class Witness:
    """Cosigns for the logs whose keys it has; `clock` returns seconds since the epoch."""

    def __init__(
        self,
        *,
        store: WitnessStore,
        logs: Mapping[str, Sequence[VerifierKey]],
        cosigners: Sequence[Cosigner],
        clock: Callable[[], int],
    ) -> None:
        self._store, self._logs, self._cosigners, self._clock = store, logs, cosigners, clock
        self._origins = {checkpoint_path(origin): origin for origin in logs}

    async def add_checkpoint(self, body: bytes) -> str:
        """Cosign the checkpoint of a request; return the signature lines.

        Raises:
            Malformed, OriginUnknown, NotTheLog, OldSizeWrong, Inconsistent: it is not cosigned.
        """
        request, note, checkpoint = self._read(body)
        latest = await self._store.latest(checkpoint.origin)
        size, root = (latest.size, latest.root) if latest else (0, EMPTY_ROOT)
        if request.old != size:
            raise OldSizeWrong(size)
        try:
            _check(request, root, checkpoint)
        except Inconsistent:
            await self._suspect(latest, request, checkpoint)
            raise
        return await self._cosign(latest, note, checkpoint)

    async def checkpoint(self, path: str) -> bytes | None:
        """Return the latest cosigned checkpoint for `<origin hash>/checkpoint`, if there is one."""
        origin = self._origins.get(path)
        latest = await self._store.latest(origin) if origin else None
        return latest.note if latest else None

    def _read(self, body: bytes) -> tuple[AddCheckpoint, Note, Checkpoint]:
        """Return a request, with its checkpoint's note reduced to what the log has signed."""
        try:
            request = AddCheckpoint.parse(body)
            checkpoint = Checkpoint.parse(Note.parse(request.checkpoint).text)
        except (RequestInvalid, NoteInvalid) as error:
            raise Malformed(error.text) from error
        keys = self._logs.get(checkpoint.origin)
        if keys is None:
            raise OriginUnknown(texts("This witness does not follow this log."))
        try:
            note = open_note(request.checkpoint, keys)
        except NoteInvalid as error:
            raise NotTheLog(error.text) from error
        if request.old > checkpoint.size:
            raise Malformed(texts("The old size is larger than the checkpoint's."))
        known = {(key.name, key.key_id) for key in keys}
        own = tuple(s for s in note.signatures if (s.name, s.key_id) in known)
        return request, Note(note.text, own), checkpoint

    async def _cosign(self, latest: Seen | None, note: Note, checkpoint: Checkpoint) -> str:
        now = self._clock()
        cosignatures = tuple(c.sign(note.text, now) for c in self._cosigners)
        cosigned = Note(note.text, note.signatures + cosignatures).encode()
        new = Seen(checkpoint.size, checkpoint.root, cosigned, now)
        if not await self._store.swap(checkpoint.origin, latest, new):
            raise OldSizeWrong(await self._size(checkpoint.origin))
        log.info("cosigned", origin=checkpoint.origin, size=checkpoint.size)
        return "".join(map(Signature.line, cosignatures))

    async def _size(self, origin: str) -> int:
        latest = await self._store.latest(origin)
        return latest.size if latest else 0

    async def _suspect(
        self, latest: Seen | None, request: AddCheckpoint, checkpoint: Checkpoint
    ) -> None:
        """Say that a log's own checkpoint was refused; keep it where it proves a second history."""
        origin, size = checkpoint.origin, checkpoint.size
        forked = latest is not None and latest.size == size and latest.root != checkpoint.root
        if latest is not None and forked:
            fork = Seen(size, checkpoint.root, request.checkpoint, self._clock())
            try:
                await self._store.keep_fork(origin, fork, latest)
            except Exception as error:  # the refusal stands, also on a full disk
                log.error("a fork cannot be kept", reason=type(error).__name__)
        what = "ALARM: a log has signed two histories" if forked else "a checkpoint is refused"
        log.warning(what, origin=origin, size=size, root=checkpoint.root.hex())


def _check(request: AddCheckpoint, root: bytes, new: Checkpoint) -> None:
    """Check that `new` extends the tree of the request's old size, whose root is `root`."""
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise Inconsistent(texts("The empty tree has another root."))
    try:
        if request.old:
            verify_consistency(request.old, new.size, request.proof, root, new.root)
        elif request.proof:
            raise Inconsistent(texts("From the empty tree there is nothing to prove."))
    except ProofInvalid as error:
        raise Inconsistent(error.text) from error
