"""Checks of signed checkpoints: the log's own, the cosigned one, those that others have kept."""

from __future__ import annotations

from contextlib import suppress

from xmppgov.archive.report import Report
from xmppgov.i18n import Text, Texts
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.cosignature import CosignerKey, cosignatures
from xmppgov.tlog.errors import NoteInvalid, PolicyUnmet, TileInvalid
from xmppgov.tlog.note import Note, VerifierKey
from xmppgov.tlog.policy import NONE, Policy
from xmppgov.tlog.tiles import Read, TiledTree

texts = Texts("xmppgov")
NO_COSIGNERS = Policy(NONE)


class CheckpointCheck:
    """Compares checkpoints with the log whose files `read` returns.

    `policy` names the cosigners; without it only the log's own signature counts.
    """

    def __init__(
        self, *, key: VerifierKey, origin: str, read: Read, policy: Policy = NO_COSIGNERS
    ) -> None:
        self._key, self._read, self._policy = key, read, policy
        self.report = Report(origin)
        self._judged = True
        """Whether it is known how many entries are cosigned."""

    def open(self, note: bytes) -> bool:
        """Take the checkpoint to check against; False where nothing can be checked against it."""
        try:
            checkpoint = self._opened(note)
            if self._policy.judge(note, [self._key]).satisfied:
                self.report.cosigned = checkpoint.size
        except NoteInvalid as error:
            self._say("checkpoint-invalid", "checkpoint", error.text)
            try:
                checkpoint = Checkpoint.parse(Note.parse(note).text)
            except NoteInvalid:
                return False
        self.report.size, self.report.root = checkpoint.size, checkpoint.root
        return True

    def check_earlier(self, note: bytes) -> None:
        """Check that the log still begins with the tree of a checkpoint that was kept elsewhere."""
        with suppress(NoteInvalid):
            self.report.kept_cosigned = self._policy.judge(note, [self._key]).satisfied
        self.check_stamped(note, "checkpoint")

    def check_stamped(self, note: bytes, where: str) -> None:
        """Check that the log begins with the tree of a checkpoint that was kept beside it."""
        try:
            self._check_begins_with(self._opened(note), where)
        except (NoteInvalid, TileInvalid) as error:
            self._say("history", where, error.text)

    def check_cosigned(self, note: bytes) -> None:
        """Check that `cosigned` satisfies the policy, and that the log begins with its tree."""
        try:
            self._opened(note)
            checkpoint = self._policy.open(note, [self._key])
            self.report.cosigned = checkpoint.size
            self._check_begins_with(checkpoint, "cosigned")
        except (NoteInvalid, PolicyUnmet) as error:
            self.report.cosigned, self._judged = 0, False
            self._say("cosigned-invalid", "cosigned", error.text)
        except TileInvalid as error:
            self._say("history", "cosigned", error.text)

    def check_witness(self, name: str, note: bytes, key: CosignerKey | None = None) -> None:
        """Check that the log begins with what a witness has cosigned last.

        `key` is the witness's; where it is not known, only the log's own signature counts.
        """
        where = f"witness {name}"
        try:
            checkpoint = self._opened(note)
            if key is not None and not cosignatures(Note.parse(note), [key]):
                raise NoteInvalid(texts("The witness has not cosigned the checkpoint it serves."))
            self.report.witnessed[name] = checkpoint.size
            self._check_begins_with(checkpoint, where)
        except NoteInvalid as error:
            self._say("witness-invalid", where, error.text)
        except TileInvalid as error:
            self._say("history", where, error.text)

    def check_silent(self, names: list[str]) -> None:
        """Note that witnesses did not answer, and that the others are too few."""
        silent = ", ".join(names)
        text = texts("Too few witnesses confirm the log; no answer of: {names}.", names=silent)
        self._say("witness-silent", "checkpoint", text)

    def _opened(self, note: bytes) -> Checkpoint:
        """Return the checkpoint that the log has signed; no known cosignature may be wrong."""
        self._policy.judge(note, [self._key])
        return open_checkpoint(note, [self._key], self.report.origin)

    def _check_begins_with(self, earlier: Checkpoint, where: str) -> None:
        size = self.report.size
        if earlier.size > size:
            text = texts("The log is shorter than the checkpoint that was kept.")
            self._say("history", where, text)
        elif TiledTree(size, self._read).range_hash(0, earlier.size) != earlier.root:
            text = texts("The log does not begin with the tree of the checkpoint that was kept.")
            self._say("history", where, text)

    def _say(self, code: str, where: str, text: Text) -> None:
        self.report.add(code, where, text)
