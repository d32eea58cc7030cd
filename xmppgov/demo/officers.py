"""The officers' key of the demo's archive, to which the names behind pseudonyms are sealed."""

from __future__ import annotations

import secrets
from pathlib import Path

from xmppgov.archive.sealing import KEY_SIZE, PrivateKey
from xmppgov.demo.prosody import write_private


def make_officers(folder: Path) -> None:
    """Make the key, unless it is there; its private side is not kept."""
    public = folder / "resolving.pub"
    if public.exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(public, PrivateKey(secrets.token_bytes(KEY_SIZE)).public.raw.hex() + "\n")
