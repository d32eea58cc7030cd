"""A log, its cosigners and a policy that requires some of them, from seeds that never change."""

from __future__ import annotations

import json
from pathlib import Path

from xmppgov.tlog.checkpoint import Checkpoint
from xmppgov.tlog.cosignature import Cosigner
from xmppgov.tlog.merkle import leaf_hash
from xmppgov.tlog.note import Note, SigningKey
from xmppgov.tlog.policy import Group, Log, Policy, Witness

VECTORS = json.loads(
    (Path(__file__).parents[3] / "docs" / "protocol" / "log-vectors.json").read_text("utf-8")
)
ORIGIN = "archive.gov.example/2026"
TIME = 1_795_405_859
LOG = SigningKey(ORIGIN, bytes(range(32)))
OWN = Cosigner.mldsa(ORIGIN, bytes(range(32, 64)))
W1 = Cosigner.ed25519("temoin.example/w1", bytes(range(64, 96)))
W2 = Cosigner.ed25519("witness.example/w2", bytes(range(96, 128)))
W3 = Cosigner.mldsa("witness.example/w3", bytes(range(128, 160)))
COSIGNERS = {"archive": OWN, "w1": W1, "w2": W2, "w3": W3}
CHECKPOINT = Checkpoint(ORIGIN, 1, leaf_hash(b"entry"))


def policy(quorum: str = "all-of-it") -> Policy:
    """The log's own ML-DSA-44 key, and two of three witnesses."""
    return Policy(
        quorum,
        (Log(LOG.verifier),),
        tuple(Witness(name, cosigner.verifier) for name, cosigner in COSIGNERS.items()),
        (
            Group("witnesses", 2, ("w1", "w2", "w3")),
            Group("all-of-it", 2, ("archive", "witnesses")),
        ),
    )


def cosigned(*names: str, checkpoint: Checkpoint = CHECKPOINT, log: SigningKey = LOG) -> Note:
    """The checkpoint, signed by the log and by the cosigners with these names."""
    text = checkpoint.text()
    signatures = (COSIGNERS[name].sign(text, TIME) for name in names)
    return Note(text, (log.sign(text), *signatures))
