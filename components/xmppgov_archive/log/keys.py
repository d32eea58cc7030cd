"""The key that signs checkpoints, and the file that makes its public side known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.files import make_secret, write_file
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import SigningKey

texts = Texts("xmppgov_archive")
KEY_SIZE = 32  # bytes
Random = Callable[[int], bytes]


def load_signing_key(file: Path, verifier_file: Path, origin: str, random: Random) -> SigningKey:
    """Read the key that signs checkpoints, making it at first; write its public side.

    Raises:
        ConfigurationError: the file is no such key, is of another log, or others can read it.
    """
    make_secret(file, lambda: SigningKey(origin, random(KEY_SIZE)).encode())
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
