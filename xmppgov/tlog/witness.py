"""What a log and a witness say to each other (https://c2sp.org/tlog-witness)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import parse_size
from xmppgov.tlog.cosignature import CosignerKey, cosigned_at
from xmppgov.tlog.errors import NoteInvalid, RequestInvalid
from xmppgov.tlog.merkle import HASH_SIZE
from xmppgov.tlog.note import LARGEST_NOTE, Note, Signature

texts = Texts("xmppgov")
ADD_CHECKPOINT = "add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """Asks a witness to cosign `checkpoint`, a signed note that extends the tree of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Write the request's body."""
        lines = [f"old {self.old}", *(base64.b64encode(h).decode() for h in self.proof)]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """Read a request's body; the checkpoint is taken as it is.

        Raises:
            RequestInvalid: it is none.
        """
        head, separator, checkpoint = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
            if not separator or not first.startswith("old ") or len(lines) > MOST_HASHES:
                raise _malformed()
            return cls(parse_size(first[4:]), tuple(map(_hash, lines)), checkpoint)
        except (UnicodeDecodeError, NoteInvalid) as error:
            raise _malformed() from error


def checkpoint_path(origin: str) -> str:
    """Return where, below its monitoring prefix, a witness serves its checkpoint of a log."""
    return f"{sha256(origin.encode()).hexdigest()}/checkpoint"


def parse_conflict(body: bytes) -> int:
    """Read the answer to a request whose old size is not the witness's: its size.

    Raises:
        RequestInvalid: it is none.
    """
    try:
        line = body[:32].decode("ascii")
        if not line.endswith("\n"):
            raise _odd_answer()
        return parse_size(line[:-1])
    except (UnicodeDecodeError, NoteInvalid) as error:
        raise _odd_answer() from error


def parse_cosignatures(text: str, body: bytes, keys: Iterable[CosignerKey]) -> list[Signature]:
    """Read a witness's answer: the cosignatures by `keys` on the checkpoint `text`.

    Those by other keys are ignored.

    Raises:
        RequestInvalid: none is by a key of `keys`, one by such a key is wrong or has no time, or
            the answer is not made of signature lines.
    """
    known = {(key.name, key.key_id): key for key in keys}
    try:
        note = Note.parse(f"{text}\n".encode() + body[:LARGEST_NOTE])
    except NoteInvalid as error:
        raise _odd_answer() from error
    found = [s for s in note.signatures if (s.name, s.key_id) in known]
    sound = all(
        known[s.name, s.key_id].verify(text, s.value) and cosigned_at(s.value) for s in found
    )
    if note.text != text or not found or not sound:
        raise _odd_answer()
    return found


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error
    if len(data) != HASH_SIZE or base64.b64encode(data).decode() != line:
        raise _malformed()
    return data


def _malformed() -> RequestInvalid:
    return RequestInvalid(texts("It is no well-formed add-checkpoint request."))


def _odd_answer() -> RequestInvalid:
    return RequestInvalid(texts("The witness answers with something else than it should."))
