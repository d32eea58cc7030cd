"""Checkpoints: a log's origin, size and root hash in a signed note (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from xmppgov.i18n import Texts
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.merkle import HASH_SIZE
from xmppgov.tlog.note import Note, SigningKey, VerifierKey, open_note

texts = Texts("xmppgov")
LARGEST_SIZE = 2**63 - 1
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states about itself: `size` leaves with the Merkle root `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note's text: three lines and no extension."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text; extension lines are ignored.

        Raises:
            NoteInvalid: it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):
            raise _malformed()
        try:
            root = base64.b64decode(lines[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise _malformed() from error
        if len(root) != HASH_SIZE or base64.b64encode(root).decode() != lines[2]:
            raise _malformed()
        return cls(lines[0], parse_size(lines[1]), root)

    def sign(self, key: SigningKey) -> bytes:
        """Return the signed note."""
        return Note(self.text(), (key.sign(self.text()),)).encode()


def open_checkpoint(note: bytes, keys: Iterable[VerifierKey], origin: str) -> Checkpoint:
    """Verify a signed checkpoint of the log `origin`.

    Raises:
        NoteInvalid: it is malformed, not signed by any of `keys`, or of another log.
    """
    checkpoint = Checkpoint.parse(open_note(note, keys).text)
    if checkpoint.origin != origin:
        raise NoteInvalid(
            texts(
                "It is of the log {found}, not of {origin}.", found=checkpoint.origin, origin=origin
            )
        )
    return checkpoint


def parse_size(text: str) -> int:
    """Read the size of a tree: decimal, without leading zeroes, below 2**63.

    Raises:
        NoteInvalid: it is none.
    """
    if not _SIZE.fullmatch(text) or int(text) > LARGEST_SIZE:
        raise _malformed()
    return int(text)


def _malformed() -> NoteInvalid:
    return NoteInvalid(texts("It is not a well-formed checkpoint."))
