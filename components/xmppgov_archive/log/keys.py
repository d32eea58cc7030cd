"""The key that signs checkpoints, and the file that makes its public side known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import SigningKey
from xmppgov_archive.log.files import make_folder, write_file

texts = Texts("xmppgov_archive")
KEY_SIZE = 32  # bytes
Random = Callable[[int], bytes]


def load_signing_key(file: Path, verifier_file: Path, origin: str, random: Random) -> SigningKey:
    """Read the key that signs checkpoints, making it at first; write its public side.

    Raises:
        ConfigurationError: the file is no such key, is of another log, or others can read it.
    """
    if not file.exists():
        make_folder(file.parent, mode=0o700)
        new = SigningKey(origin, random(KEY_SIZE))
        write_file(file, new.encode().encode() + b"\n", mode=0o600)
    try:
        key = SigningKey.parse(read_secret(file))
    except NoteInvalid as error:
        raise ConfigurationError(texts("{path}: it is no signing key.", path=file)) from error
    if key.verifier.name != origin:
        raise ConfigurationError(
            texts(
                "{path}: the key is of the log {found}, not of {origin}.",
                path=file,
                found=key.verifier.name,
                origin=origin,
            )
        )
    vkey = f"{key.verifier}\n".encode()
    if not verifier_file.exists() or verifier_file.read_bytes() != vkey:
        write_file(verifier_file, vkey)
    return key
