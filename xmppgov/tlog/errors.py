"""What can be wrong with a log's proofs, notes and tiles."""

from __future__ import annotations

from xmppgov.errors import CheckFailed


class ProofInvalid(CheckFailed):
    """A Merkle proof does not lead from the given hash to the given root."""


class NoteInvalid(CheckFailed):
    """A signed note is malformed, or no trusted key signed it."""


class TileInvalid(CheckFailed):
    """A tile or an entry bundle is missing, or has not the length that its name says."""


class PolicyInvalid(CheckFailed):
    """A policy file is malformed: names the line."""


class PolicyUnmet(CheckFailed):
    """A checkpoint lacks cosignatures that the policy requires."""


class RequestInvalid(CheckFailed):
    """A request to a witness, or its answer, is malformed."""
