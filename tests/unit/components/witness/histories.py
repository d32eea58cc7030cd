"""A log with two histories that share a beginning, and the requests that a client makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.merkle import consistency_proof, leaf_hash, tree_hash
from xmppgov.tlog.note import Note, SigningKey
from xmppgov.tlog.witness import AddCheckpoint

ORIGIN = "archive.gov.example/2026"
LOG = SigningKey(ORIGIN, bytes(32))
STRANGER = SigningKey(ORIGIN, b"x" * 32)
NOW = 1_795_405_859
SHARED, WHOLE = 5, 12  # entries


@dataclass(frozen=True)
class History:
    """Leaf hashes of a log, of which any beginning can be a checkpoint."""

    leaves: tuple[bytes, ...]

    def checkpoint(self, size: int, origin: str = ORIGIN) -> Checkpoint:
        return Checkpoint(origin, size, tree_hash(self.leaves[:size]))

    def note(self, size: int, key: SigningKey = LOG) -> bytes:
        return self.checkpoint(size).sign(key)

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        if not 0 < old <= size:
            return ()
        return tuple(
            consistency_proof(old, size, lambda start, end: tree_hash(self.leaves[start:end]))
        )

    def request(self, old: int, size: int) -> bytes:
        return AddCheckpoint(old, self.proof(old, size), self.note(size)).encode()


def history(name: str) -> History:
    """The first entries are the same in every history."""
    texts = [f"{'shared' if n < SHARED else name} {n}" for n in range(WHOLE)]
    return History(tuple(leaf_hash(text.encode()) for text in texts))


MAIN, FORK = history("main"), history("fork")


def signed_by(text: str, keys: Sequence[SigningKey]) -> bytes:
    return Note(text, tuple(key.sign(text) for key in keys)).encode()
