"""The keys that sign checkpoints, and the files that make their public sides known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmppgov.config import read_secret
from xmppgov.errors import ConfigurationError
from xmppgov.i18n import Texts
from xmppgov.storage.files import make_secret, write_file
from xmppgov.tlog.cosignature import Cosigner, parse_private
from xmppgov.tlog.errors import NoteInvalid
from xmppgov.tlog.note import KEY_SIZE, SigningKey

texts = Texts("xmppgov_archive")
Random = Callable[[int], bytes]


def load_signing_key(file: Path, verifier_file: Path, origin: str, random: Random) -> SigningKey:
    """Read the Ed25519 key that signs checkpoints, making it at first; write its public side.

    Raises:
        ConfigurationError: the file is no such key, is of another log, or others can read it.
    """
    key = _load(file, verifier_file, origin, lambda: SigningKey(origin, random(KEY_SIZE)))
    if not isinstance(key, SigningKey):
        raise _no_key(file)
    return key


def load_cosigner(file: Path, verifier_file: Path, origin: str, random: Random) -> Cosigner:
    """Read the ML-DSA-44 key that cosigns checkpoints, as `load_signing_key` does the other."""
    key = _load(file, verifier_file, origin, lambda: Cosigner.mldsa(origin, random(KEY_SIZE)))
    if not isinstance(key, Cosigner):
        raise _no_key(file)
    return key


def _load(
    file: Path, verifier_file: Path, origin: str, make: Callable[[], SigningKey | Cosigner]
) -> SigningKey | Cosigner:
    make_secret(file, lambda: make().encode())
    try:
        key = parse_private(read_secret(file))
    except NoteInvalid as error:
        raise _no_key(file) from error
    if key.verifier.name != origin:
        raise ConfigurationError(
            texts(
                "{path}: the key is of the log {found}, not of {origin}.",
                path=file,
                found=key.verifier.name,
                origin=origin,
            )
        )
    write_if_changed(verifier_file, f"{key.verifier}\n".encode())
    return key


def write_if_changed(path: Path, data: bytes) -> bool:
    """Make `path` hold `data`; tell whether it had to be written."""
    if path.exists() and path.read_bytes() == data:
        return False
    write_file(path, data)
    return True


def _no_key(file: Path) -> ConfigurationError:
    return ConfigurationError(texts("{path}: it is no signing key.", path=file))
