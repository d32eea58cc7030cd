"""Proofs in a file of their own, verified offline (https://c2sp.org/tlog-proof)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from xmppgov.i18n import Texts
from xmppgov.tlog.checkpoint import Checkpoint, open_checkpoint
from xmppgov.tlog.errors import ProofInvalid
from xmppgov.tlog.merkle import HASH_SIZE, verify_inclusion
from xmppgov.tlog.note import VerifierKey
from xmppgov.tlog.policy import Policy

texts = Texts("xmppgov")
HEADER = "c2sp.org/tlog-proof@v1"
LARGEST_PROOF = 64  # hashes
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Entry `index` is in the tree of `checkpoint`, a signed note kept byte for byte."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """Write the `.tlog-proof` file."""
        lines = [HEADER]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(h).decode() for h in self.hashes]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read a `.tlog-proof` file.

        Raises:
            ProofInvalid: it is none.
        """
        head, separator, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise _malformed() from error
        if not separator or lines.pop(0) != HEADER:
            raise _malformed()
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = _unbase64(lines.pop(0)[6:])
        match = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if match is None or len(lines) > LARGEST_PROOF:
            raise _malformed()
        hashes = tuple(_unbase64(line) for line in lines)
        if any(len(h) != HASH_SIZE for h in hashes):
            raise _malformed()
        return cls(int(match[1]), hashes, checkpoint, extra)

    def verify(self, leaf: bytes, keys: Iterable[VerifierKey], origin: str) -> Checkpoint:
        """Check that the entry with leaf hash `leaf` is in the log `origin`; return the checkpoint.

        Raises:
            NoteInvalid: the checkpoint is not signed by any of `keys`, or is another log's.
            ProofInvalid: the entry is not in its tree at this index.
        """
        return self._lead_to(open_checkpoint(self.checkpoint, keys, origin), leaf)

    def verify_under(self, policy: Policy, leaf: bytes) -> Checkpoint:
        """Check that the entry with leaf hash `leaf` is in a log of `policy`, with its quorum.

        Raises:
            NoteInvalid, PolicyUnmet: the checkpoint is not signed and cosigned as required.
            ProofInvalid: the entry is not in its tree at this index.
        """
        return self._lead_to(policy.open(self.checkpoint), leaf)

    def _lead_to(self, checkpoint: Checkpoint, leaf: bytes) -> Checkpoint:
        verify_inclusion(self.index, checkpoint.size, leaf, self.hashes, checkpoint.root)
        return checkpoint


def _unbase64(value: str) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error
    if not data or base64.b64encode(data).decode() != value:
        raise _malformed()
    return data


def _malformed() -> ProofInvalid:
    return ProofInvalid(texts("It is not a well-formed tlog-proof."))
