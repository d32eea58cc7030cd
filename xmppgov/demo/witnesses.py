"""Three institutions that witness the demo's archive: each a process with its own key and database.

The archive's configuration needs their public keys, and theirs needs the archive's: all keys are
made before anything runs, in the files where the programs would make them.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from xmppgov.demo.prosody import Ports
from xmppgov.storage.files import make_secret
from xmppgov.tlog.cosignature import Cosigner
from xmppgov.tlog.note import KEY_SIZE, SigningKey

WITNESSES = {
    "witness1": "cour-des-comptes",
    "witness2": "protection-des-donnees",
    "witness3": "prefecture",
}
"""The institution behind each process, as the policy names it."""


def witness_ports(ports: Ports) -> dict[str, int]:
    """Return the port of each witness by the name of its process."""
    return dict(zip(WITNESSES, (ports.witness1, ports.witness2, ports.witness3), strict=True))


def witness_urls(ports: Ports) -> list[str]:
    """Return each witness's submission prefix."""
    return [f"http://127.0.0.1:{port}/" for port in witness_ports(ports).values()]


def make_log_key(state: Path, origin: str) -> str:
    """Make the archive's signing key, unless it is there; return its vkey."""
    file = state / "secrets" / "archive-signing.key"
    make_secret(file, lambda: SigningKey(origin, secrets.token_bytes(KEY_SIZE)).encode())
    return str(SigningKey.parse(file.read_text("ascii")).verifier)


def make_witness_key(state: Path, process: str, domain: str) -> str:
    """Make a witness's key, unless it is there; return its vkey."""
    file = state / "secrets" / f"{process}.key"
    make_secret(file, lambda: Cosigner.ed25519(key_name(process, domain), _random()).encode())
    return str(Cosigner.parse(file.read_text("ascii")).verifier)


def key_name(process: str, domain: str) -> str:
    """Return the name that a witness signs with."""
    return f"{WITNESSES[process]}.{domain}/{process}"


def _random() -> bytes:
    return secrets.token_bytes(KEY_SIZE)
